"""From scores to the set of users to prepare for, or to erase: ascending user codes.

A score of NaN marks a user without records; no policy ever chooses such a user.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from r2u_rec.data.keys import listed_keys
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError, SettingsError

Users = NDArray[np.int64]
"""User codes, unique and ascending."""


def top_share(scores: ArrayLike, share: float, *, seed: int = 0) -> Users:
    """Returns the users with the highest scores, `share` of all users with records.

    Args:
        scores: (n_users,) of any unit, NaN for users without records.
        share: in (0, 1); the number of users is rounded to the nearest.
        seed: users who tie at the cut are drawn at random by it, never taken in order of their codes.

    Raises:
        SettingsError: share is not in (0, 1), or chooses nobody.
        ValueError: a score is infinite, or no user has records.
    """
    values, users = _eligible(scores)
    n = _number_of(share, len(users))
    mixed = np.random.default_rng(seed).permutation(len(users))
    best = mixed[np.argsort(-values[mixed], kind="stable")[:n]]
    return np.sort(users[best])


def sampled_by_score(scores: ArrayLike, rng: np.random.Generator, *, share: float | None = None, n: int | None = None) -> Users:
    """Returns users drawn without replacement, each draw proportional to the scores of those left.

    Args:
        scores: (n_users,) >= 0, NaN for users without records; a user of score 0 is never drawn.
        rng: source of randomness.
        share: of the users with records, in (0, 1); or
        n: the number of users. Give one of the two.

    Raises:
        SettingsError: not exactly one of share and n is given, or it is out of range.
        ValueError: a score is negative or infinite, fewer users than asked for have a positive score, or nobody has records.

    Source: Efraimidis and Spirakis 2006, weighted reservoir sampling: the n largest of U^(1 / score), here as the n
    smallest of Exponential / score.
    """
    values, users = _eligible(scores)
    if (share is None) == (n is None):
        raise SettingsError(f"give either share or n, got share={share} and n={n}")
    n = _number_of(share, len(users)) if share is not None else int(n or 0)
    if n < 1:
        raise SettingsError(f"n must be at least 1, got {n}")
    if values.min() < 0:
        raise ValueError(f"scores must be >= 0 to sample by them, got {values.min():.4g}: pass rank_shares(scores)")
    possible = np.flatnonzero(values > 0)
    if n > len(possible):
        raise ValueError(f"{n} users are asked for and {len(possible)} have a positive score: ask for at most that many")
    wait = rng.exponential(size=len(possible)) / values[possible]
    return np.sort(users[possible[np.argpartition(wait, n - 1)[:n]]])


def threshold(scores: ArrayLike, value: float) -> Users:
    """Returns the users whose score is at least `value`; the set may be empty or everyone.

    Raises:
        SettingsError: value is not a finite number.
        ValueError: a score is infinite, or no user has records.
    """
    if not np.isfinite(value):
        raise SettingsError(f"value must be a finite number, got {value}")
    values, users = _eligible(scores)
    return users[values >= value]


def explicit(log: InteractionLog, user_keys: Iterable[Any]) -> Users:
    """Returns the users of the caller's own keys; the order and repeats of the keys do not matter.

    Raises:
        DataError: a key is unknown (or forgotten), or its user has no records; the message lists the first ones.
    """
    keys = listed_keys(user_keys, "user keys")
    codes = log.user_keys.known_codes(keys)
    empty = [key for key, code in zip(keys, codes, strict=True) if log.user_counts[code] == 0]
    if empty:
        raise DataError(
            f"{len(empty)} of {len(keys)} user keys have no records, the first {empty[:5]}: there is nothing to forget; leave them out"
        )
    return np.unique(codes)


def unflagged(scores: ArrayLike, flagged: ArrayLike) -> Users:
    """Returns the users with records who are not among the `flagged` codes, which the scorer did not predict."""
    _, users = _eligible(scores)
    return np.setdiff1d(users, np.asarray(flagged, dtype=np.int64))


def _eligible(scores: ArrayLike) -> tuple[NDArray[np.float64], Users]:
    """The scores of the users with records, and their codes."""
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"scores must have one value a user, got shape {values.shape}")
    if np.isinf(values).any():
        raise ValueError(f"scores must be finite, got {int(np.isinf(values).sum())} infinite ones: clip them first")
    users = np.flatnonzero(~np.isnan(values)).astype(np.int64)
    if users.size == 0:
        raise ValueError(f"none of the {len(values)} users has a score: score a log that has records")
    return values[users], users


def _number_of(share: float, n_eligible: int) -> int:
    if not 0 < share < 1:
        raise SettingsError(f"share must lie in (0, 1), got {share}")
    n = round(share * n_eligible)
    if n < 1:
        raise SettingsError(f"share {share} of {n_eligible} users with records chooses nobody: use at least {1 / n_eligible:.2g}")
    return n

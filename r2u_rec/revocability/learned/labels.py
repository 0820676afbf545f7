"""Training rows of a cut-off: features from the records until then, labels from the withdrawals within the horizon after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability.featurize.history import times_of
from r2u_rec.revocability.learned.erasures import DAY_SECONDS, NOBODY, Erasures

Features: TypeAlias = Callable[[InteractionLog, int], pd.DataFrame]
"""`features(log, now)` -> one row a user code, numeric columns; NaN where a user has no value."""


@dataclass(frozen=True)
class Cutoffs:
    """Times at which the past is replayed; each label window (cutoff, cutoff + horizon] ends before the next role begins.

    Attributes:
        training: ascending, at least one.
        calibration: at least a horizon after the last of them.
        validation: at least a horizon after calibration; a horizon before the end of what is known.
        horizon_days: length of the windows.
    """

    training: tuple[int, ...]
    calibration: int
    validation: int
    horizon_days: float


@dataclass(frozen=True, eq=False)
class Rows:
    """The active users at a cut-off.

    Attributes:
        cutoff: seconds since 1970-01-01 UTC.
        users: (n,) codes with a record at or before the cut-off and no request until then.
        features: (n, k) frame of their features from the records until then.
        withdrew: (n,) whether the request came in (cutoff, cutoff + horizon].
        n_users: of the log, absent users included.
    """

    cutoff: int
    users: NDArray[np.int64]
    features: pd.DataFrame
    withdrew: NDArray[np.bool_]
    n_users: int


def cutoffs(first: int, until: int, *, horizon_days: float, n_training: int = 4) -> Cutoffs:
    """Returns the last cut-offs that fit: validation, calibration, and up to `n_training` before, a horizon apart each.

    Args:
        first: time of the first record.
        until: requests are known up to this time.
        horizon_days: > 0.
        n_training: >= 1; fewer are taken where the log begins too late.

    Raises:
        SettingsError: horizon_days or n_training is out of range.
        DataError: the time from `first` to `until` holds fewer than three horizons.
    """
    if not (np.isfinite(horizon_days) and horizon_days > 0):
        raise SettingsError(f"horizon_days must be > 0, got {horizon_days}")
    if n_training < 1:
        raise SettingsError(f"n_training must be >= 1, got {n_training}")
    horizon = round(horizon_days * DAY_SECONDS)
    validation = until - horizon
    calibration = validation - horizon
    training = [calibration - k * horizon for k in range(1, n_training + 1)]
    training = [cutoff for cutoff in reversed(training) if cutoff >= first]
    if not training:
        raise DataError(
            f"{(until - first) / DAY_SECONDS:.1f} days lie between the first record and the end of what is known; training, calibration "
            f"and validation need three horizons of {horizon_days:g} days after it: lower horizon_days, or give a longer past"
        )
    return Cutoffs(tuple(training), calibration, validation, horizon_days)


def known_at(log: InteractionLog, erasures: Erasures | None, cutoff: int) -> InteractionLog:
    """Returns what stood in the data at the cut-off: records until then, without the users who had withdrawn by then.

    User information is left out, because it carries no time: what a column says today may have been written after the cut-off.
    """
    seen = times_of(log) <= cutoff
    if erasures is not None:
        seen &= (erasures.time_of_users(log) > cutoff)[log.user]
    return replace(log.take(seen), user_info=None)


def rows_at(log: InteractionLog, erasures: Erasures | None, cutoff: int, *, features: Features, horizon_days: float = 0.0) -> Rows:
    """Returns the rows of one cut-off; the features see `known_at` the cut-off and nothing else.

    Args:
        horizon_days: of the labels; 0 where only the features are wanted: nobody has withdrawn within no time.

    Raises:
        DataError: nobody was there.
    """
    known = known_at(log, erasures, cutoff)
    if len(known) == 0:
        raise DataError(f"no user has a record at or before {pd.Timestamp(cutoff, unit='s')} UTC: choose a later cut-off")
    users = np.flatnonzero(known.user_counts > 0)
    asked = (erasures or NOBODY).time_of_users(log)[users]
    frame = features(known, cutoff).iloc[users]
    return Rows(cutoff, users, frame, asked <= cutoff + round(horizon_days * DAY_SECONDS), log.n_users)

"""Splits of a log into training, validation and test records: plain functions, by seed, without leakage."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.rng import stream
from r2u_rec.suggest import unknown

Shares: TypeAlias = tuple[float, float, float]
SplitKind: TypeAlias = Literal["random", "last", "time"]
SPLIT_KINDS: tuple[str, ...] = get_args(SplitKind)


class Parts(NamedTuple):
    """Three disjoint parts of one log; they share its vocabularies, so that codes mean the same everywhere."""

    train: InteractionLog
    validation: InteractionLog
    test: InteractionLog


def split(log: InteractionLog, how: SplitKind = "random", *, shares: Shares = (0.8, 0.1, 0.1), seed: int = 0) -> Parts:
    """Splits a log into training, validation and test records: `train, validation, test = split(log)`.

    Args:
        how: "random": each user's records at random (`random_per_user`); "last": each user's last record is for the test and
            the one before it for validation (`leave_last_out`); "time": at two moments that are the same for all users (`by_time`).
        shares: of training, validation and test, for "random" and "time".
        seed: of the draw, for "random".

    Raises:
        SettingsError: there is no such split. ValueError: shares that are none, or a log without times where they are needed.
    """
    if how == "random":
        return random_per_user(log, shares, seed=seed)
    if how == "last":
        return leave_last_out(log)
    if how == "time":
        return by_time(log, shares=shares)
    raise SettingsError(unknown("split", how, SPLIT_KINDS))


def random_per_user(log: InteractionLog, shares: tuple[float, float, float] = (0.8, 0.1, 0.1), *, seed: int) -> Parts:
    """Splits each user's records at random; `shares` of training, validation and test need not sum to one.

    Counts of a user with n records follow RecBole 1.2.1, whose protocol the published figures use: validation and test
    get floor(share * n), training the rest; then test, and after it validation, take one record from training if
    their share of n lies strictly between 0 and 1 and training has more than one record left.

    Source: RecBole 1.2.1, `Dataset.split_by_ratio` and `_calcu_split_ids` (counts). Which records are drawn differs
    from RecBole's, since the random stream is ours.
    """
    normal = np.asarray(shares, dtype=np.float64)
    if normal.shape != (3,) or (normal < 0).any() or normal[0] <= 0 or not np.isfinite(normal).all():
        raise ValueError(f"shares must be three finite numbers >= 0, the first > 0, got {shares}")
    counts = _counts_by_share(log.user_counts, normal / normal.sum())
    draw = stream(seed, "split", "random_per_user").random(len(log))
    return _last_of_each_user(log, np.lexsort((draw, log.user)), counts)


def _counts_by_share(totals: NDArray[np.int64], shares: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n_users,) numbers of validation and of test records, by RecBole's rule."""
    validation = (shares[1] * totals).astype(np.int64)
    test = (shares[2] * totals).astype(np.int64)
    train = totals - validation - test
    for count, share in ((test, shares[2]), (validation, shares[1])):  # the rule looks at the last part first
        wanting = (share * totals > 0) & (share * totals < 1) & (train > 1)
        count += wanting
        train -= wanting
    return validation, test


def leave_last_out(log: InteractionLog) -> Parts:
    """Gives each user's last record to test and the one before to validation; equal times are ordered by record id.

    A user with two records gives one to training and one to test, a user with one record stays in training.
    ValueError if the log has no time. Source: RecBole 1.2.1, `leave_one_out`, "valid_and_test".
    """
    time = _time(log, "leave_last_out")
    totals = log.user_counts
    counts = (totals >= 3).astype(np.int64), (totals >= 2).astype(np.int64)
    return _last_of_each_user(log, np.lexsort((time, log.user)), counts)  # lexsort is stable: ties keep the order of ids


def _last_of_each_user(log: InteractionLog, order: NDArray[np.int64], counts: tuple[NDArray[np.int64], NDArray[np.int64]]) -> Parts:
    """Cuts each user's run in `order` (rows sorted by user) into training, then `counts` validation and test records."""
    totals = log.user_counts
    user = log.user[order]
    rank = np.arange(len(log)) - (np.cumsum(totals) - totals)[user]  # 0.. within the user
    from_test = totals - counts[1]
    part = np.empty(len(log), dtype=np.int8)
    part[order] = (rank >= (from_test - counts[0])[user]).astype(np.int8) + (rank >= from_test[user])
    return _parts(log, part)


def by_time(log: InteractionLog, *, shares: tuple[float, float, float] | None = None, cuts: tuple[int, int] | None = None) -> Parts:
    """Splits at two moments that are the same for all users: every record of a later part is later than all before it.

    Args:
        shares: of records in training, validation and test (they need not sum to one); records of one second are
            never torn apart, they all go to the later part, so that the counts may differ a little.
        cuts: (first second of validation, first second of test), seconds since 1970-01-01 UTC. Give one of the two.

    Raises:
        ValueError: the log has no time; both or none of `shares` and `cuts` given; cuts not ascending.
    """
    time = _time(log, "by_time")
    if (shares is None) == (cuts is None):
        raise ValueError(f"by_time needs either shares or cuts, got shares={shares}, cuts={cuts}")
    first, second = cuts if cuts is not None else _cuts_by_share(time, shares)
    if first > second:
        raise ValueError(f"cuts must ascend, got validation from {first} and test from {second}")
    return _parts(log, (time >= first).astype(np.int8) + (time >= second))


def _cuts_by_share(time: NDArray[np.int64], shares: tuple[float, float, float] | None) -> tuple[int, int]:
    """The seconds at which validation and test begin."""
    normal = np.asarray(shares, dtype=np.float64)
    if normal.shape != (3,) or not np.isfinite(normal).all() or (normal < 0).any() or not normal.sum() > 0:
        raise ValueError(f"shares must be three finite numbers >= 0 that are not all zero, got {shares}")
    if len(time) == 0:
        return 0, 0
    ordered = np.append(np.sort(time), time.max() + 1)  # a part that begins behind the last record is empty
    edges = np.rint(np.cumsum(normal / normal.sum())[:2] * len(time)).astype(np.int64)
    return int(ordered[edges[0]]), int(ordered[edges[1]])


def given(log: InteractionLog, *, test: Any, validation: Any = None) -> Parts:
    """Takes a split that exists: `test` and `validation` are boolean masks over the rows or arrays of record ids.

    Training gets what neither names. Raises ValueError where the two overlap or a mask has the wrong length,
    UnknownRecordError for ids that are not there. `read_given` reads such a split from files.
    """
    part = np.zeros(len(log), dtype=np.int8)
    for number, name, chosen in ((1, "validation", validation), (2, "test", test)):
        if chosen is None:
            continue
        rows = _rows(log, name, chosen)
        if (part[rows] != 0).any():
            both = log.ids[rows[part[rows] != 0]]
            raise ValueError(f"validation and test share {both.size} records, the first id {both[0]}: name each record once")
        part[rows] = number
    return _parts(log, part)


def _rows(log: InteractionLog, name: str, chosen: Any) -> NDArray[np.int64]:
    chosen = np.asarray(chosen)
    if chosen.dtype != bool:
        return log.positions(chosen)
    if chosen.shape != (len(log),):
        raise ValueError(f"the {name} mask has shape {chosen.shape}, the log has {len(log)} records: give one value a record")
    return np.flatnonzero(chosen)


def _time(log: InteractionLog, caller: str) -> NDArray[np.int64]:
    if log.time is None:
        raise ValueError(
            f"{caller} needs the time of each record, the log has none: read it with a time column, or split with random_per_user"
        )
    return log.time


def _parts(log: InteractionLog, part: NDArray[np.int8]) -> Parts:
    return Parts(*(log.take(part == number) for number in range(3)))

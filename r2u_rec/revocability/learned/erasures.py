"""Requests of the past: read from a table, or simulated from a known rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.reading.faults import LATEST, LISTED
from r2u_rec.errors import DataError
from r2u_rec.revocability.featurize.history import times_of

DAY_SECONDS = 86_400
NEVER = int(np.iinfo(np.int64).max)
"""The time of a request that was not made."""

_KEY_COLUMNS = ("user_key", "user", "user_id")
_TIME_COLUMNS = ("time", "received", "date")


@dataclass(frozen=True, eq=False)
class Erasures:
    """Who withdrew and when: each user's first request.

    Attributes:
        keys: (n,) user keys, each once; they may be unknown to a log.
        time: (n,) int64 seconds since 1970-01-01 UTC, ascending.
    """

    keys: pd.Index
    time: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.time)

    def time_of_users(self, log: InteractionLog) -> NDArray[np.int64]:
        """Returns (n_users,) the time of each user's request, NEVER where there is none."""
        out = np.full(log.n_users, NEVER, dtype=np.int64)
        codes = log.user_keys.codes(self.keys)
        out[codes[codes >= 0]] = self.time[codes >= 0]
        return out


NOBODY = Erasures(pd.Index([]), np.empty(0, dtype=np.int64))
"""No request at all."""


def read_erasures(source: Any) -> Erasures:
    """Reads past requests: one row each, with the user's key and the time.

    Args:
        source: a frame, or a path that ends in .csv or .parquet. The key column is user_key, user or user_id; the time column
            time, received or date: seconds since 1970-01-01 UTC, ISO text (UTC where it names no zone), or a date type.

    Returns:
        the first request of each user.

    Raises:
        DataError: a column is missing, a row has no key or no time that can be read, or there are no rows.
    """
    frame, label = _opened(source)
    key, time = (_column(frame, names, label) for names in (_KEY_COLUMNS, _TIME_COLUMNS))
    if len(frame) == 0:
        raise DataError(f"{label} has no rows: give at least one past request, or use a scorer that needs none")
    seconds = _seconds(time)
    no_key = key.isna() | (key.astype("str").str.strip() == "")
    bad = np.flatnonzero(no_key.to_numpy() | np.isnan(seconds) | (seconds < 0) | (seconds >= LATEST))
    if bad.size:
        first = "; ".join(f"row {row + 1}: user {key.iloc[row]!r}, time {time.iloc[row]!r}" for row in bad[:LISTED])
        raise DataError(
            f"{label}: {bad.size} of {len(frame)} rows have no key or no time between 1970 and 2099, the first: {first}: "
            "give times as seconds or as ISO text, and correct or remove these rows"
        )
    order = np.argsort(seconds, kind="stable")
    first = ~key.iloc[order].astype("str").duplicated().to_numpy()
    return Erasures(pd.Index(key.iloc[order[first]]), seconds[order[first]].astype(np.int64))


def simulated_erasures(log: InteractionLog, per_day: ArrayLike, *, start: int, end: int, rng: np.random.Generator) -> Erasures:
    """Draws requests at a constant rate a user, for tests and rehearsals where nobody has withdrawn yet.

    Args:
        log: with a time column.
        per_day: (n_users,) the rate of each user >= 0; within H days one withdraws with probability 1 - exp(-per_day * H).
        start, end: the time of the requests lies in [start, end), and not before the user's first record.
        rng: source of randomness.

    Raises:
        DataError: the log has no time column.
        ValueError: a rate is negative or not finite, or end is not after start.
    """
    rate = np.asarray(per_day, dtype=np.float64)
    if rate.shape != (log.n_users,) or not (np.isfinite(rate) & (rate >= 0)).all():
        raise ValueError(f"per_day must hold a finite rate >= 0 for each of {log.n_users} users, got shape {rate.shape}: use 0 for never")
    if end <= start:
        raise ValueError(f"end must be after start, got {start} to {end}")
    first = np.full(log.n_users, NEVER, dtype=np.int64)
    np.minimum.at(first, log.user, times_of(log))
    wait = rng.exponential(size=log.n_users)
    possible = np.flatnonzero((rate > 0) & (first < end))
    seconds = np.maximum(first[possible], start) + wait[possible] / rate[possible] * DAY_SECONDS
    asked = seconds < end
    at, who = seconds[asked].astype(np.int64), possible[asked]
    order = np.argsort(at, kind="stable")
    return Erasures(log.user_keys.keys[who[order]], at[order])


def _opened(source: Any) -> tuple[pd.DataFrame, str]:
    if isinstance(source, pd.DataFrame):
        return source, "the table of erasures"
    path = Path(source)
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype="str", keep_default_na=False), str(path)  # a key 007 stays 007
    if path.suffix == ".parquet":
        return pd.read_parquet(path), str(path)
    raise DataError(f"{path} must end in .csv or .parquet: write the past erasures as one of these")


def _column(frame: pd.DataFrame, names: tuple[str, ...], label: str) -> pd.Series:
    for name in names:
        if name in frame.columns:
            return frame[name]
    there = ", ".join(map(repr, map(str, frame.columns)))
    raise DataError(f"{label} has no column {', '.join(names[:-1])} or {names[-1]}; its columns are {there}: rename one")


def _seconds(time: pd.Series) -> NDArray[np.float64]:
    """(n,) seconds since 1970-01-01 UTC, NaN where a time cannot be read."""
    if pd.api.types.is_datetime64_any_dtype(time):
        dates = pd.to_datetime(time, utc=True)
    else:
        numbers: NDArray[np.float64] = pd.to_numeric(time, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        if not np.isnan(numbers).all():
            return np.asarray(np.floor(numbers))
        dates = pd.to_datetime(time, utc=True, errors="coerce", format="ISO8601")
    seconds = (dates - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(seconds=1)
    found: NDArray[np.float64] = seconds.to_numpy(dtype=np.float64, na_value=np.nan)
    return found

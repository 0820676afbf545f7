"""Requests of the past: read from a table, or simulated from a known rate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.reading.files import TextFormat, ending, is_parquet
from r2u_rec.data.reading.refusal import LISTED, numbered, refuse_rows
from r2u_rec.data.reading.table import SourceTable, open_frame, open_parquet, quoted
from r2u_rec.data.reading.text import open_text
from r2u_rec.data.reading.times import TimeUnit, refuse_unclear, time_column
from r2u_rec.errors import DataError
from r2u_rec.revocability.featurize.history import times_of

DAY_SECONDS = 86_400
NEVER = int(np.iinfo(np.int64).max)
"""The time of a request that was not made."""

_KEY_COLUMNS = ("user_key", "user", "user_id")
_TIME_COLUMNS = ("time", "received", "date")


@dataclass(frozen=True, eq=False)
class Erasures:
    """Withdrawals: the time of each user's first request.

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


def read_erasures(source: str | Path | pd.DataFrame, *, time_unit: TimeUnit = "auto") -> Erasures:
    """Reads past requests: one row each, with the user's key and the time.

    Args:
        source: a frame, or a path that ends in .csv, .tsv or .parquet. The key column is user_key, user or user_id; the time column
            time, received or date.
        time_unit: of the times, as for a log (see `read_interactions`): "auto" reads seconds since 1970-01-01 UTC, ISO text (UTC
            where it names no zone), or a date type.

    Returns:
        the first request of each user.

    Raises:
        DataError: a column is missing, a row has no key or no time that can be read, or there are no rows.
    """
    table = _opened(source)
    key, name = (_column(table, names) for names in (_KEY_COLUMNS, _TIME_COLUMNS))
    if table.n_rows == 0:
        raise DataError(f"{table.label} has no rows: give at least one past request, or use a scorer that needs none")
    time = refuse_unclear(table, time_column(table, name, unit=time_unit, name="time", flag=None))
    no_key = f"{quoted(key)} IS NULL OR trim({quoted(key)}::VARCHAR) = ''"
    finding = f"CASE WHEN {no_key} THEN 'user is missing' ELSE {time.finding()} END"
    n_bad = int(table.rows(f"SELECT count({finding}) FROM source")[0][0])
    if n_bad:
        refuse_rows(table, f"{n_bad} of {table.n_rows} rows cannot be used", numbered(table, finding), n_bad, "correct or remove them")
    if table.rejects:
        first = "; ".join(f"line {line}: {text}" for line, text in list(table.rejects.items())[:LISTED])
        raise DataError(f"{table.label}: {len(table.rejects)} lines cannot be used, the first: {first}: correct or remove them")
    read = table.rows(f"SELECT {quoted(key)}, {time.seconds()} FROM (SELECT * FROM source)")
    keys, seconds = pd.Series([row[0] for row in read]), np.array([row[1] for row in read], dtype=np.int64)
    order = np.argsort(seconds, kind="stable")
    first_of_user = ~keys.iloc[order].duplicated().to_numpy()
    return Erasures(pd.Index(keys.iloc[order[first_of_user]]), seconds[order[first_of_user]])


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


def _opened(source: str | Path | pd.DataFrame) -> SourceTable:
    if isinstance(source, pd.DataFrame):
        return open_frame(source, None, "the table of erasures")
    path = Path(source)
    if is_parquet(path):
        return open_parquet(path, None)
    if ending(path) in (".csv", ".tsv"):
        return open_text(path, TextFormat(), None)  # all fields as text: a key 007 stays 007
    raise DataError(f"{path} must end in .csv, .tsv or .parquet: write the past erasures as one of these")


def _column(table: SourceTable, names: tuple[str, ...]) -> str:
    for name in names:
        if name in table.types:
            return name
    there = ", ".join(map(repr, table.types))
    raise DataError(f"{table.label} has no column {', '.join(names[:-1])} or {names[-1]}; its columns are {there}: rename one")

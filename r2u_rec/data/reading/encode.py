"""Checked rows become an InteractionLog: one more pass over the source, in batches, with nothing but the columns kept."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.reading.faults import LISTED, check, refuse_rows, refuse_spellings, seconds_of
from r2u_rec.data.reading.table import Table
from r2u_rec.data.vocabulary import Vocabulary

Duplicates = Literal["error", "first", "last"]
_BATCH = 500_000  # rows
_NUMBER = re.compile(r"\s*[+-]?[0-9]+(\.0*)?\s*")


def encode(table: Table, *, time_unit: str = "s", duplicates: Duplicates = "error") -> InteractionLog:
    """Returns the rows of `table` as a log: ids are row numbers from 0, codes follow the ascending order of keys.

    Args:
        duplicates: what to do when a user has an item twice: refuse, or keep the first or the last row of the source.

    Raises:
        DataError: the source has faults, or duplicates that are not allowed.
    """
    if duplicates not in ("error", "first", "last"):
        raise ValueError(f"duplicates must be error, first or last, got {duplicates!r}")
    n_rows, integer = check(table, time_unit)
    users, items = _Coder(n_rows, integer["user"]), _Coder(n_rows, integer["item"])
    time = np.empty(n_rows, dtype=np.int64) if "time" in table.types else None
    rating = np.empty(n_rows, dtype=np.float32) if "rating" in table.types else None
    listing = [
        f'{"CAST(" if integer[role] else ""}"{role}"{" AS BIGINT)" if integer[role] else ""} AS "{role}"' for role in ("user", "item")
    ]
    if time is not None:
        listing.append(f'{seconds_of(table.types["time"], time_unit)} AS "time"')
    if rating is not None:
        listing.append('CAST("rating" AS FLOAT) AS "rating"')
    start = 0
    for batch in table.connection.sql(f"SELECT {', '.join(listing)} FROM source").to_arrow_reader(_BATCH):
        rows = slice(start, start := start + len(batch))
        users.add(rows, batch.column("user"))
        items.add(rows, batch.column("item"))
        for name, out in (("time", time), ("rating", rating)):
            if out is not None:
                out[rows] = batch.column(name).to_numpy(zero_copy_only=False)
    log = InteractionLog(
        np.arange(n_rows), users.sorted_codes(), items.sorted_codes(), time, rating, Vocabulary.of(users.keys), Vocabulary.of(items.keys)
    )
    for role, keys in (("user", log.user_keys), ("item", log.item_keys)):
        if not keys.is_integer:
            _refuse_mixed_spellings(table, role, keys.keys)
    return _without_duplicates(table, log, duplicates)


class _Coder:
    """Codes of a column that arrives in batches."""

    def __init__(self, n_rows: int, integer: bool) -> None:
        self.integer = integer
        self.keys = pd.Index([], dtype=np.int64 if integer else "str")
        self._codes = np.empty(n_rows, dtype=np.int32)

    def add(self, rows: slice, column: pa.Array) -> None:
        encoded = column.dictionary_encode()
        values = encoded.dictionary.to_numpy() if self.integer else encoded.dictionary.to_pylist()
        batch = pd.Index(values, dtype=self.keys.dtype)
        codes = self.keys.get_indexer(batch)
        new = codes < 0
        codes[new] = np.arange(len(self.keys), len(self.keys) + new.sum())
        self.keys = self.keys.append(batch[new])
        self._codes[rows] = codes[encoded.indices.to_numpy()]

    def sorted_codes(self) -> NDArray[np.int32]:
        """Puts the keys in ascending order, and returns the codes that go with it."""
        order = self.keys.argsort()
        rank = np.empty(len(order), dtype=np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        self.keys = self.keys[order]
        np.take(rank, self._codes, out=self._codes)
        return self._codes


def _refuse_mixed_spellings(table: Table, role: str, keys: pd.Index) -> None:
    """DataError when two text keys are one number: "1" in one row and "01" or "1.0" in another."""
    numbers = pd.Series({key: float(key) for key in keys if _NUMBER.fullmatch(key)}, dtype=float)
    same = numbers[numbers.duplicated(keep=False)]
    if len(same):
        refuse_spellings(table, role, list(same.index[: 4 * LISTED]), len(same))


def _without_duplicates(table: Table, log: InteractionLog, duplicates: Duplicates) -> InteractionLog:
    pairs = log.user.astype(np.int64) * log.n_items + log.item
    ordered = np.sort(pairs)
    if not (ordered[1:] == ordered[:-1]).any():
        return log
    del ordered
    order = np.argsort(pairs, kind="stable")  # equal pairs stay in the order of rows
    again = pairs[order][1:] == pairs[order][:-1]
    if duplicates == "error":
        repeats = np.sort(order[1:][again])
        first = dict(zip(pairs[order][1:][again][::-1].tolist(), order[:-1][again][::-1].tolist(), strict=True))
        rows = [(int(row), _twice(log, table, int(row), first[int(pairs[row])])) for row in repeats[:LISTED]]
        what = f"{len(repeats)} rows repeat a pair of user and item"
        refuse_rows(table, what, rows, len(repeats), 'remove them, or pass duplicates="first" or "last" to keep one of each')
    keep = np.ones(len(log), dtype=bool)
    keep[order[1:][again] if duplicates == "first" else order[:-1][again]] = False
    return log.take(keep)


def _twice(log: InteractionLog, table: Table, row: int, first: int) -> str:
    user, item = log.user_keys.key(int(log.user[row])), log.item_keys.key(int(log.item[row]))
    return f"user {user!r} and item {item!r} again, first in {table.places([first])[0]}"

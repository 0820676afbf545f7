"""Checked rows become an InteractionLog: one more pass over the source, in batches, with nothing but the columns kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.reading.faults import check, refuse_spellings
from r2u_rec.data.reading.refusal import LISTED, refuse_rows
from r2u_rec.data.reading.repeats import Duplicates, check_duplicates, merge_repeats, repeats
from r2u_rec.data.reading.spelling import spelled_integer
from r2u_rec.data.reading.table import SourceTable
from r2u_rec.data.vocabulary import Vocabulary

_BATCH = 500_000  # rows


def encode(table: SourceTable, *, time_unit: str = "auto", duplicates: Duplicates = "error") -> InteractionLog:
    """Returns the rows of `table` as a log: ids are row numbers from 0, codes follow the ascending order of keys.

    Args:
        time_unit: of the time column (see `read_log`).
        duplicates: what to do when a user has an item twice: refuse, or see `merge_repeats`.

    Raises:
        DataError: the source has faults, or duplicates that are not allowed.
    """
    check_duplicates(duplicates)
    checked = check(table, time_unit)
    n_rows, integer = checked.n_rows, checked.integer
    users, items = _Coder(n_rows, integer["user"]), _Coder(n_rows, integer["item"])
    time = np.empty(n_rows, dtype=np.int64) if "time" in table.types else None
    rating = np.empty(n_rows, dtype=np.float32) if "rating" in table.types else None
    listing = [
        f'{"CAST(" if integer[role] else ""}"{role}"{" AS BIGINT)" if integer[role] else ""} AS "{role}"' for role in ("user", "item")
    ]
    if checked.time is not None:
        listing.append(f'{checked.time.seconds()} AS "time"')
    if rating is not None:
        listing.append('CAST("rating" AS FLOAT) AS "rating"')
    start = 0
    for batch in table.batches(f"SELECT {', '.join(listing)} FROM source", _BATCH):
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
    if duplicates == "error":
        _refuse_repeats(table, log)
        return log
    return merge_repeats(log, duplicates, table.label)


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


def _refuse_mixed_spellings(table: SourceTable, role: str, keys: pd.Index) -> None:
    """DataError when two text keys are one number: "1" in one row and "01" or "1.0" in another."""
    numbers = pd.Series({key: number for key in keys if (number := spelled_integer(key)) is not None}, dtype=object)
    same = numbers[numbers.duplicated(keep=False)]
    if len(same):
        refuse_spellings(table, role, list(same.index[: 4 * LISTED]), len(same))


def _refuse_repeats(table: SourceTable, log: InteractionLog) -> None:
    """DataError when a user has an item twice."""
    found = repeats(replace(log, time=None))  # in the order of rows
    if found is None:
        return
    order, again = found
    rows = np.sort(order[1:][again])
    pairs = log.user.astype(np.int64) * log.n_items + log.item
    first = dict(zip(pairs[order][1:][again][::-1].tolist(), order[:-1][again][::-1].tolist(), strict=True))
    listed = [(int(row), _twice(log, table, int(row), first[int(pairs[row])])) for row in rows[:LISTED]]
    remedy = (
        'remove them, or pass duplicates="first" or "last" to keep one of each, "count" or "sum" to make one of them '
        "(--data.duplicates on the command line)"
    )
    refuse_rows(table, f"{len(rows)} rows repeat a pair of user and item", listed, len(rows), remedy)


def _twice(log: InteractionLog, table: SourceTable, row: int, first: int) -> str:
    user, item = log.user_keys.key(int(log.user[row])), log.item_keys.key(int(log.item[row]))
    return f"user {user!r} and item {item!r} again, first in {table.places([first])[0]}"

"""Side information of users and items: one row per code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from r2u_rec.data.reading.columns import AUTO
from r2u_rec.data.reading.faults import LISTED
from r2u_rec.data.reading.table import Table, open_frame, open_parquet
from r2u_rec.data.reading.text import TextFormat, open_text
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import DataError

_NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?"  # what starts with a zero (a postcode) stays text


def read_info(source: Any, role: str, keys: Vocabulary, *, column: str = "auto", text: TextFormat | None = None) -> pd.DataFrame:
    """Reads side information of users or items.

    Args:
        source: a frame, a Parquet file or a text file with one row a key; further columns of any name and type. A column
            of text that holds only numbers becomes float64.
        role: "user" or "item".
        keys: the vocabulary; rows of keys that are not in it are left out.
        column: the column of the key, or "auto" for a usual name.

    Returns:
        A frame with one row per code in order of the codes, empty (missing) where the source has no row.

    Raises:
        DataError: no such column; a key is missing or occurs twice; a line does not fit the format.
    """
    table = _opened(source, text)
    name = next((name for name in (AUTO[role] if column == "auto" else (column,)) if name in table.types), None)
    if name is None:
        there = ", ".join(repr(name) for name in table.types)
        raise DataError(f"{table.label} has no column of {role} keys; its columns are {there}: name the key column {AUTO[role][0]!r}")
    frame = table.connection.sql("SELECT * FROM source").df()
    if table.rejects:
        first = "; ".join(f"line {line}: {text}" for line, text in list(table.rejects.items())[:LISTED])
        raise DataError(f"{table.label}: {len(table.rejects)} lines cannot be used, the first: {first}: correct or remove them")
    key = frame.pop(name)
    for what, wrong in (("have no key", key.isna()), ("repeat a key", key.duplicated())):
        if wrong.any():
            rows = ", ".join(table.places([int(row) for row in wrong.to_numpy().nonzero()[0][:LISTED]]))
            raise DataError(f"{table.label}: {int(wrong.sum())} rows {what} in {name!r}, the first: {rows}: give each {role} one row")
    frame.index = pd.Index(keys.codes(key.to_numpy()))
    if table.path is not None:
        frame = frame.apply(_as_numbers)
    return frame[frame.index >= 0].reindex(range(len(keys)))


def _opened(source: Any, text: TextFormat | None) -> Table:
    if isinstance(source, pd.DataFrame):
        return open_frame(source, None, "the frame of side information")
    path = Path(source)
    return open_parquet(path, None) if path.suffix in (".parquet", ".pq") else open_text(path, text or TextFormat(), None)


def _as_numbers(column: pd.Series) -> pd.Series:
    filled = column.dropna().astype("str")
    return column.astype("float64") if len(filled) and filled.str.fullmatch(_NUMBER).all() else column

"""Side information of users and items: one row per code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.data.reading.check import missing_key
from r2u_rec.data.reading.columns import AUTO
from r2u_rec.data.reading.files import TextFormat, is_parquet
from r2u_rec.data.reading.refusal import LISTED, refuse_rows
from r2u_rec.data.reading.spelling import spelled_integer
from r2u_rec.data.reading.table import SourceTable, open_frame, open_parquet
from r2u_rec.data.reading.text import open_text
from r2u_rec.data.reading.times import ISO_DATE
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import DataError

_NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?"  # what starts with a zero (a postcode) stays text


def read_info(source: Any, role: str, keys: Vocabulary, *, column: str = "auto", text: TextFormat | None = None) -> pd.DataFrame:
    """Reads side information of users or items.

    Args:
        source: a frame, a Parquet file or a text file with one row a key; further columns of any name and type. A column
            of a text file that holds only numbers becomes float64, one that holds only ISO dates becomes datetime64 in UTC.
        role: "user" or "item".
        keys: the vocabulary; rows of keys that are not in it are left out.
        column: the column of the key; a usual name where there is no such column.

    Returns:
        A frame with one row per code in order of the codes, empty (missing) where the source has no row.

    Raises:
        DataError: no such column; a key is missing or occurs twice, or is a number that the log spells in another way
            (1.0 for 1); a line does not fit the format.
    """
    table = _opened(source, text)
    name = next((name for name in (column, *AUTO[role]) if name in table.types), None)
    if name is None:
        raise DataError(missing_key(table.label, role, list(table.types)))
    frame = table.frame()
    if table.rejects:
        first = "; ".join(f"line {line}: {text}" for line, text in list(table.rejects.items())[:LISTED])
        raise DataError(f"{table.label}: {len(table.rejects)} lines cannot be used, the first: {first}: correct or remove them")
    key = _whole(frame.pop(name), name, table)
    for what, wrong in (("have no key", key.isna() | (key.astype("str") == "")), ("repeat a key", key.duplicated())):
        if wrong.any():
            rows = ", ".join(table.places([int(row) for row in wrong.to_numpy().nonzero()[0][:LISTED]]))
            raise DataError(f"{table.label}: {int(wrong.sum())} rows {what} in {name!r}, the first: {rows}: give each {role} one row")
    codes = keys.codes(key.to_numpy())
    _refuse_other_spellings(table, role, key.to_numpy()[codes < 0], np.flatnonzero(codes < 0), keys)
    frame.index = pd.Index(codes)
    if table.path is not None:
        frame = frame.apply(_as_numbers_or_dates)
    return frame[frame.index >= 0].reindex(range(len(keys)))


def _whole(key: pd.Series[Any], name: str, table: SourceTable) -> pd.Series[Any]:
    """Keys that are typed as floats, as a column of integers is once it had a gap, become integers, as in a log."""
    if not pd.api.types.is_float_dtype(key.dtype) or key.isna().any():
        return key
    broken = np.flatnonzero((key != np.floor(key)) | (key.abs() >= 2**53))
    if broken.size:
        rows = [(int(row), f"{name} {key.iloc[row]!r} is not a whole number") for row in broken[:LISTED]]
        refuse_rows(table, f"{broken.size} keys cannot be used", rows, broken.size, "correct or remove them")
    return key.astype(np.int64)


def _refuse_other_spellings(table: SourceTable, role: str, unknown: NDArray[Any], rows: NDArray[np.int64], keys: Vocabulary) -> None:
    """DataError when a key that the log does not know is a number of the log in another spelling, as 1.0 is of 1."""
    spelled = {int(row): number for row, key in zip(rows, unknown, strict=True) if (number := spelled_integer(str(key))) is not None}
    if not spelled:
        return
    if keys.is_integer:
        known = {number: number for number, code in zip(spelled.values(), keys.codes(list(spelled.values())), strict=True) if code >= 0}
    else:
        known = {
            number: key for code, key in enumerate(keys.keys) if code not in keys.empty and (number := spelled_integer(key)) is not None
        }
    other = [(row, str(key), known[spelled[row]]) for row, key in zip(rows.tolist(), unknown, strict=True) if spelled.get(row) in known]
    if other:
        found = [(row, f"{role} {key!r} here, {in_log!r} in the log") for row, key, in_log in other[:LISTED]]
        what = f"{len(other)} {role} keys do not match those of the log, which spells them in another way"
        refuse_rows(table, what, found, len(other), "write each key as it stands in the log")


def _opened(source: Any, text: TextFormat | None) -> SourceTable:
    if isinstance(source, pd.DataFrame):
        return open_frame(source, None, "the frame of side information")
    path = Path(source)
    return open_parquet(path, None) if is_parquet(path) else open_text(path, text or TextFormat(), None)


def _as_numbers_or_dates(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column of text as float64 when it holds only numbers, as datetime64 in UTC when it holds only ISO dates, otherwise as it is."""
    filled = column.dropna().astype("str")
    if len(filled) == 0:
        return column
    if filled.str.fullmatch(_NUMBER).all():
        return column.astype("float64")
    if filled.str.fullmatch(ISO_DATE).all():
        dates = pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce").dt.tz_localize(None)
        if dates.notna().sum() == len(filled):
            return dates
    return column

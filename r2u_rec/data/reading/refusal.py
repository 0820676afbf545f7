"""One error for all rows of one kind of fault: the first of them, how many there are, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from r2u_rec.data.reading.table import SourceTable
from r2u_rec.errors import DataError

LISTED = 5  # offending rows that a message names


def refuse_rows(table: SourceTable, what: str, rows: Sequence[tuple[int, str]], n_bad: int, remedy: str) -> NoReturn:
    """Raises DataError for (row number, finding) pairs in ascending order, of `n_bad` altogether."""
    places = table.places([row for row, _ in rows])
    raise DataError(message(table.label, what, n_bad, [f"{place}: {text}" for place, (_, text) in zip(places, rows, strict=True)], remedy))


def message(label: str, what: str, n_bad: int, first: Sequence[str], remedy: str) -> str:
    """Returns the text of a refusal; `first` are the places and findings of the first of `n_bad` rows."""
    more = "" if n_bad <= len(first) else f"\n  and {n_bad - len(first)} more"
    return f"{label}: {what}, the first:\n  " + "\n  ".join(first) + more + f"\n{remedy[0].upper()}{remedy[1:]}."


def numbered(table: SourceTable, finding: str, n: int = LISTED) -> list[tuple[int, str]]:
    """Returns (row number from 0, text) of the first `n` rows for which the SQL text `finding` is not null."""
    inner = f"SELECT row_number() OVER () - 1 AS row, {finding} AS finding FROM source"
    found = table.rows(f"SELECT * FROM ({inner}) WHERE finding IS NOT NULL ORDER BY row LIMIT {n}")
    return [(int(row), str(text)) for row, text in found]


def value_text(column: str, name: str) -> str:
    """Returns SQL of a value in words: its name, and the value in quotes."""
    return f"'{name} ' || chr(39) || left({column}::VARCHAR, 40) || chr(39)"

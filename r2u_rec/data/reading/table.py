"""A source of rows, opened in DuckDB: delimited text, Parquet, or a pandas frame, with its columns named by role."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from r2u_rec.data.reading.columns import Columns
from r2u_rec.data.reading.files import opened, require_file
from r2u_rec.errors import DataError


@dataclass(frozen=True)
class SourceTable:
    """Rows in a DuckDB view `source`.

    Attributes:
        label: what messages call the source.
        types: DuckDB type of each column of the view.
        path: the text file, or None for Parquet and frames.
        n_header: header lines above the first row of a text file.
        copy: the temporary file that is read in place of `path`, gone with the table.
    """

    connection: duckdb.DuckDBPyConnection
    label: str
    types: dict[str, str]
    path: Path | None = None
    n_header: int = 0
    copy: IO[bytes] | None = None

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Returns all rows of a query; `source` is the view. DataError when the file turns out to be damaged."""
        try:
            return self.connection.sql(sql).fetchall()
        except duckdb.Error as error:
            raise self._unreadable(error) from error

    def frame(self) -> pd.DataFrame:
        """Returns all columns of the view."""
        try:
            return self.connection.sql("SELECT * FROM source").df()
        except duckdb.Error as error:
            raise self._unreadable(error) from error

    def batches(self, sql: str, n_rows: int) -> Iterator[pa.RecordBatch]:
        """Yields the rows of a query, `n_rows` at a time."""
        try:
            yield from self.connection.sql(sql).to_arrow_reader(n_rows)
        except (duckdb.Error, pa.ArrowException) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> DataError:
        return DataError(f"{self.label} cannot be read ({str(error).splitlines()[0]}): it is damaged, write or copy it anew")

    @property
    def rejects(self) -> dict[int, str]:
        """{line number: what is wrong} of the lines of text that fit no row, as far as queries over all columns have met them."""
        if self.path is None:
            return {}
        found = self.rows("SELECT line, error_type, error_message FROM reject_errors ORDER BY line, column_idx")
        out: dict[int, str] = {}
        for line, kind, message in found:  # a line with too few fields is listed once a missing field, the first has the count
            out.setdefault(int(line), _words(str(kind), str(message)))
        return out

    @cached_property
    def n_rows(self) -> int:
        return int(self.rows("SELECT count(*) FROM source")[0][0])

    @cached_property
    def _lines_are_rows(self) -> bool:
        """Whether each row stands on a line of its own; otherwise (quoted line ends, blank lines) only row numbers are certain."""
        if self.path is None:
            return False
        with opened(self.path if self.copy is None else Path(self.copy.name)) as file:
            n_lines, last = 0, b"\n"
            while block := file.read(1 << 22):
                n_lines, last = n_lines + block.count(b"\n"), block[-1:]
        return n_lines + (last != b"\n") == self.n_header + self.n_rows + len(self.rejects)

    def places(self, rows: Iterable[int]) -> list[str]:
        """Returns "line 7" (text, counted from 1, header included) or "row 6" (counted from 0) for ascending row numbers."""
        if not self._lines_are_rows:
            return [f"row {row}" for row in rows]
        out, rejects = [], sorted(self.rejects)
        for row in rows:
            line = self.n_header + row + 1
            for rejected in rejects:  # each line before that is no row moves the row down by one
                line += rejected <= line
            out.append(f"line {line}")
        return out


def connect() -> duckdb.DuckDBPyConnection:
    """Returns a database in memory that keeps the order of files and stays small."""
    settings: dict[str, Any] = {"threads": min(4, os.cpu_count() or 1), "memory_limit": "700MB", "temp_directory": tempfile.gettempdir()}
    connection = duckdb.connect(config=settings | {"preserve_insertion_order": True})
    connection.execute("SET python_enable_replacements = false")  # no names of Python variables in queries
    connection.execute("SET TimeZone = 'UTC'")  # of dates that name no offset
    if connection.execute("SELECT current_setting('enable_progress_bar')").fetchone() == (True,):
        connection.execute(
            "SET enable_progress_bar = false"
        )  # it would write to standard output; a notebook without widgets refuses to be asked
    connection.execute("SET disabled_optimizers = 'statistics_propagation'")  # Parquet's statistics are silent about NaN
    return connection


def open_parquet(path: Path, columns: Columns | None) -> SourceTable:
    """Opens Parquet with the types that its schema gives."""
    require_file(path)
    connection = connect()
    try:
        connection.execute(f"CREATE VIEW raw AS SELECT * FROM read_parquet({file_literal(path)})")
    except duckdb.Error as error:
        raise DataError(f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}): write it anew") from error
    return _typed(connection, str(path), columns)


def open_frame(frame: pd.DataFrame, columns: Columns | None, label: str = "the frame") -> SourceTable:
    """Opens a pandas frame. Columns of type object must hold one kind of value: DataError lists the first that differ."""
    names = [str(name) for name in frame.columns]
    chosen = names if columns is None else list(columns.among(names, label).values())
    data = {name: _plain(frame.iloc[:, names.index(name)], label) for name in chosen}
    connection = connect()
    connection.register("raw", pd.DataFrame(data))
    return _typed(connection, label, columns)


def _typed(connection: duckdb.DuckDBPyConnection, label: str, columns: Columns | None) -> SourceTable:
    """The view over the relation `raw`; a pandas category becomes text."""
    types = {row[0]: str(row[1]) for row in connection.sql("DESCRIBE raw").fetchall()}
    chosen = {column: column for column in types} if columns is None else columns.among(list(types), label)
    casts = {column: "::VARCHAR" if kind.startswith("ENUM") else "" for column, kind in types.items()}
    listing = ", ".join(f"{quoted(column)}{casts[column]} AS {quoted(role)}" for role, column in chosen.items())
    connection.execute(f"CREATE VIEW source AS SELECT {listing} FROM raw")
    return SourceTable(connection, label, {role: "VARCHAR" if casts[column] else types[column] for role, column in chosen.items()})


def _plain(column: pd.Series, label: str) -> pd.Series:
    column = column.reset_index(drop=True)
    if column.dtype != object:
        return column
    values = column.to_numpy()
    empty = pd.isna(values)
    kinds = np.array([type(value).__name__ for value in values], dtype=object)
    found = sorted(set(kinds[~empty]))
    if len(found) > 1:
        rows = [int(np.flatnonzero(~empty & (kinds == kind))[0]) for kind in found]
        listed = "; ".join(f"row {row}: {values[row]!r} ({kinds[row]})" for row in sorted(rows))
        n_other = int((~empty).sum() - max((kinds == kind).sum() for kind in found))
        raise DataError(
            f"column {column.name!r} of {label} mixes {' and '.join(found)} ({n_other} rows differ from the others), the first of each: "
            f"{listed}: convert the column to one type"
        )
    return column.astype("str") if found == ["str"] else column.infer_objects()


def literal(text: str) -> str:
    """Returns `text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def file_literal(path: Path) -> str:
    """Returns the path as an SQL string that names this one file, also where its name holds characters of a pattern."""
    return literal("".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path)))


def quoted(text: str) -> str:
    """Returns `text` as an SQL name."""
    return '"' + text.replace('"', '""') + '"'


def _words(kind: str, message: str) -> str:
    """DuckDB's finding about a line, in our words."""
    if kind in ("MISSING COLUMNS", "TOO MANY COLUMNS"):
        expected, _, found = message.partition(" Found: ")
        return f"{found.strip()} fields where {expected.rpartition(' ')[2]} are expected"
    if kind == "INVALID ENCODING":
        return "not UTF-8"
    return f"{kind.lower()} ({message.splitlines()[0]})"

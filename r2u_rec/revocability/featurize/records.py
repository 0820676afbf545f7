"""Interactions as a relational table: from a log in memory, a Parquet file, or any table of an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
from ibis.backends import BaseBackend
from ibis.expr.types import Column, Table

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError
from r2u_rec.revocability.featurize.engine import embedded, is_embedded, materialize, register, scratch, union
from r2u_rec.revocability.featurize.portable_hash import MODULUS

CHUNK_ROWS = 8_000_000
"""Records that the embedded engine sorts at once, well below a gigabyte: the users are dealt out to so many chunks as that takes."""

BATCH_ROWS = 1 << 18
"""Rows of a batch of a log's arrays: many batches, so that all threads of the engine have some."""


@dataclass(frozen=True, eq=False)
class RecordTables:
    """Interactions as a relational table, with its summary statistics.

    Attributes:
        chunks: tables of the same columns, each with all records of its users: user and item, integers in [0, 2**31 - 1);
            maybe time, seconds since 1970-01-01 UTC; maybe rating.
        latest: the last time; None without a time column.
        user_keys, item_keys: tables (code, key) where the columns of the source were keys of another kind; else None.
    """

    chunks: tuple[Table, ...]
    latest: int | None
    user_keys: Table | None = None
    item_keys: Table | None = None

    @property
    def connection(self) -> BaseBackend:
        return self.chunks[0].get_backend()

    @property
    def table(self) -> Table:
        return union(self.chunks)

    def has(self, column: str) -> bool:
        return column in self.chunks[0].columns

    def per_user(self, part: Callable[[Table], Table]) -> Table:
        """Returns `part` of each chunk, one made after the other and kept, as one table."""
        return union([materialize(part(chunk)) for chunk in self.chunks])


@contextmanager
def opened_records(log: InteractionLog, *, threads: int = 2, memory_gb: float = 3.0) -> Iterator[RecordTables]:
    """Opens the embedded engine on the arrays of a log, without copying them; user and item are the log's codes.

    Raises:
        DataError: the log has no records.
    """
    if len(log) == 0:
        raise DataError("nobody can be scored: the log has 0 records; read data with at least one interaction")
    columns = {"user": log.user, "item": log.item, "time": log.time, "rating": log.rating}
    arrays = pa.table({name: pa.array(column) for name, column in columns.items() if column is not None})
    with embedded(threads=threads, memory_gb=memory_gb) as connection:
        table = register(connection, pa.Table.from_batches(arrays.to_batches(max_chunksize=BATCH_ROWS)))
        yield RecordTables(_dealt(table, len(log)), None if log.time is None else int(log.time.max()))


def records_of(
    source: Table | str | Path,
    connection: BaseBackend | None = None,
    *,
    user: str = "user",
    item: str = "item",
    time: str = "time",
    rating: str = "rating",
) -> RecordTables:
    """Returns the records of a table of any engine, or of a Parquet file read by `connection`.

    Args:
        source: one row an interaction. Integers from 0 to 2**31 - 2 are taken as codes as they are; keys of another kind get
            codes in ascending order of the keys. A time may be seconds since 1970-01-01 UTC or a timestamp (UTC).
        connection: the engine that reads the file.
        user, item: names of the columns.
        time, rating: names of columns that may be missing.

    Raises:
        DataError: no such column, a user, item or time is missing, times are of another kind, or there are no records.
    """
    if not isinstance(source, Table):
        if connection is None:
            raise TypeError("a file needs the connection of an engine to be read by: records_of(path, connection)")
        source = connection.read_parquet(str(source))
    for role, name in (("user", user), ("item", item)):
        if name not in source.columns:
            raise DataError(f"the table has no column {name!r}, its columns are {', '.join(source.columns)}: name the {role} column")
    columns: dict[str, Any] = {"user": source[user], "item": source[item]}
    if time in source.columns:
        columns["time"] = _seconds(source[time], time)
    if rating in source.columns:
        columns["rating"] = source[rating].cast("float64")
    table = source.select(**columns)
    seen = _first_look(table)
    if not seen["n"]:
        raise DataError("nobody can be scored: the table has 0 records; read data with at least one interaction")
    for role, name in (("user", user), ("item", item), ("time", time)):
        if empty := seen["n"] - seen.get(f"{role}_n", seen["n"]):
            raise DataError(f"column {name!r} is empty in {empty} of {seen['n']} records: leave them out, or fill it in")
    keys = {}
    for role in ("user", "item"):
        if seen.get(f"{role}_low", -1) >= 0 and seen[f"{role}_high"] < MODULUS:
            table = table.mutate(**{role: table[role].cast("int32")})
        else:
            table, keys[role] = _coded(table, role)
    chunks = _dealt(table, seen["n"], spilled=True) if is_embedded(table) else (table,)
    return RecordTables(chunks, seen.get("time_high"), keys.get("user"), keys.get("item"))


def _seconds(column: Column, name: str) -> Column:
    if column.type().is_timestamp():
        return column.epoch_seconds().cast("int64")
    if not column.type().is_integer():
        raise DataError(f"column {name!r} must hold whole seconds since 1970 or timestamps, got {column.type()}: convert it first")
    return column.cast("int64")


def _first_look(table: Table) -> dict[str, Any]:
    """Counts and extremes, which Parquet files state without being read."""
    asked: dict[str, Any] = {"n": table.count()}
    for name in set(table.columns) & {"user", "item", "time"}:
        asked[f"{name}_n"] = table[name].count()
        if table[name].type().is_integer():
            asked |= {f"{name}_low": table[name].min(), f"{name}_high": table[name].max()}
    return dict(table.aggregate(**asked).to_pyarrow().to_pylist()[0])


def _coded(table: Table, name: str) -> tuple[Table, Table]:
    """The table with codes in the column `name`, and the keys by code; a key's code is its place among all keys."""
    keys = table.select(key=table[name]).distinct()
    keys = materialize(keys.select(code=ibis.row_number().over(order_by=keys.key).cast("int32"), key=keys.key))
    others = [column for column in table.columns if column != name]
    joined = table.inner_join(keys, table[name] == keys.key)
    return joined.select(*others, **{name: joined.code}), keys


def _dealt(table: Table, n_records: int, *, spilled: bool = False) -> tuple[Table, ...]:
    """The table dealt out by user; spilled to files, each is read once for each use instead of all being read for each chunk."""
    n = -(-n_records // CHUNK_ROWS)
    if n == 1:
        return (table,)
    if not spilled:
        return tuple(table.filter(table.user % n == chunk) for chunk in range(n))
    connection = table.get_backend()
    folder = scratch(connection) / "chunks"
    connection.to_parquet(table.mutate(chunk=table.user % n), folder, partition_by="chunk", compression="uncompressed")
    files = [folder / f"chunk={chunk}" / "*.parquet" for chunk in range(n)]
    return tuple(connection.read_parquet(str(file), hive_partitioning=False) for file in files if file.parent.exists())

"""Where the scorers' expressions run: the embedded engine (duckdb) by default, a distributed one (Spark) for logs beyond one machine.

A scorer is written once, as a relational expression (ibis). Which engine carries it out is decided by the table that it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import pyarrow as pa
from ibis.backends import BaseBackend
from ibis.expr.types import Table

from r2u_rec.errors import SettingsError
from r2u_rec.optional import needed_for


@contextmanager
def embedded(*, threads: int = 2, memory_gb: float = 3.0) -> Iterator[BaseBackend]:
    """Opens the embedded engine; data beyond its memory is spilled to a temporary folder that is removed at the end.

    Args:
        threads: of the engine.
        memory_gb: what its tables and hash tables may take; Python, its libraries and the arrays of a log come on top.

    Raises:
        SettingsError: threads < 1, or less than 0.1 GB.
    """
    if threads < 1:
        raise SettingsError(f"threads must be at least 1, got {threads}")
    if not memory_gb >= 0.1:
        raise SettingsError(f"memory_gb must be at least 0.1, got {memory_gb}")
    with TemporaryDirectory(prefix="r2u-") as folder:
        connection = ibis.duckdb.connect(
            threads=threads, memory_limit=f"{round(memory_gb * 1000)}MB", preserve_insertion_order=False, temp_directory=folder
        )
        try:
            yield connection
        finally:
            connection.disconnect()


@contextmanager
def distributed(session: Any = None, **options: Any) -> Iterator[BaseBackend]:
    """Opens the distributed engine on a Spark session.

    Args:
        session: a running `pyspark.sql.SparkSession`, which is left running; None starts one on this machine and stops it at the end.
        options: settings of the session that is started, dots written as two underscores: `spark__driver__memory="8g"`.

    Raises:
        CapabilityError: pyspark is not installed.
    """
    with needed_for("the distributed engine"):
        from pyspark.sql import SparkSession
    own = session is None
    if own:
        builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.sql.session.timeZone", "UTC")
        for name, value in options.items():
            builder = builder.config(name.replace("__", "."), value)
        session = builder.getOrCreate()
    try:
        yield ibis.pyspark.connect(session)
    finally:
        if own:
            session.stop()


def materialize(table: Table) -> Table:
    """Returns the table carried out and kept by its engine, as long as the connection lasts or until it is `dropped`."""
    connection = table.get_backend()
    if connection.name != "duckdb":
        return table.cache()
    return connection.create_table(ibis.util.gen_name("r2u"), table, temp=True)


def drop_table(table: Table) -> None:
    """Lets go of a table that the embedded engine has `made`; other engines free tables without references."""
    connection = table.get_backend()
    if connection.name == "duckdb":
        connection.raw_sql(f'DROP TABLE "{table.op().name}"')


def register(connection: BaseBackend, rows: pa.Table) -> Table:
    """Returns a small table of rows in memory as a table of the engine; the embedded one reads them where they are."""
    name = ibis.util.gen_name("r2u")
    if connection.name == "duckdb":
        connection.con.register(name, rows)
    else:
        connection._session.createDataFrame(rows).createTempView(name)
    return connection.table(name)


def union(tables: Sequence[Table]) -> Table:
    """Returns all rows of tables of the same columns."""
    return tables[0] if len(tables) == 1 else ibis.union(*tables)


def is_embedded(table: Table) -> bool:
    """Whether the embedded engine carries out the expression `table`."""
    return bool(table.get_backend().name == "duckdb")


def scratch(connection: BaseBackend) -> Path:
    """Returns the folder of an embedded engine that is removed with it."""
    return Path(connection.con.execute("SELECT current_setting('temp_directory')").fetchone()[0])

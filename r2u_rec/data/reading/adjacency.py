"""LightGCN's text files: one line a user, the user's key and then the keys of all items, with blanks between."""

from __future__ import annotations

from pathlib import Path

import duckdb

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.reading.encode import encode
from r2u_rec.data.reading.files import require_file
from r2u_rec.data.reading.table import SourceTable, connect, file_literal
from r2u_rec.errors import DataError


def read_adjacency(path: str | Path) -> InteractionLog:
    """Reads `user item item ...` lines; a user without items has no record. Ids count the pairs in the order of the file.

    Raises DataError as `read_log` does; rows in its message are pairs, counted from 0.
    Source: the files of He et al., "LightGCN", SIGIR 2020, and of NGCF before it.
    """
    path = Path(path)
    require_file(path)
    connection = connect()
    lines = (
        f"read_csv({file_literal(path)}, delim='\x01', quote='', escape='', header=false, auto_detect=false, columns={{'line': 'VARCHAR'}}"
    )
    pairs = f"SELECT string_split_regex(trim(line), '\\s+') AS keys FROM {lines}, max_line_size=16000000)"
    try:
        connection.execute(f'CREATE VIEW source AS SELECT keys[1] AS "user", unnest(keys[2:]) AS "item" FROM ({pairs})')
        return encode(SourceTable(connection, str(path), {"user": "VARCHAR", "item": "VARCHAR"}))
    except (duckdb.Error, DataError) as error:
        if isinstance(error, DataError) and not isinstance(error.__cause__, duckdb.Error):
            raise  # a fault of the rows, in words already
        raise DataError(
            f"{path} cannot be read as lines of text ({str(error).splitlines()[0]}): it must be UTF-8, one line a user"
        ) from error

"""Delimited text, with any separator and any names of columns, opened in DuckDB; RecBole's atomic files too."""

from __future__ import annotations

from pathlib import Path

from r2u_rec.data.reading.columns import Columns
from r2u_rec.data.reading.files import TextFormat, has_mixed_line_ends, header, is_packed, plain_names, require_file, with_line_feeds
from r2u_rec.data.reading.table import SourceTable, connect, file_literal, literal, quoted
from r2u_rec.errors import DataError


def open_text(path: Path, text: TextFormat, columns: Columns | None) -> SourceTable:
    """Opens delimited text, every field as text. With `columns`, the view has roles for names; without, all columns.

    Lines may end in a line feed, a carriage return, both, or each in its own way.
    """
    require_file(path)
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty: there is nothing to read")
    separator, quote = text.separator_of(path), text.quote_of(path)
    names = list(text.names) if text.names else header(path, text)
    mixed = (text.encoding != "utf-16" or is_packed(path)) and has_mixed_line_ends(path) and text.encoding != "utf-16"
    copy = with_line_feeds(path, quote) if mixed else None  # DuckDB's strict reader takes one kind of line end
    read = path if copy is None else Path(copy.name)
    connection = connect()
    options = {
        "delim": literal(separator),
        "quote": literal(quote),
        "escape": literal(quote),
        "header": "false" if text.names else "true",
        "encoding": literal(text.encoding),
        "compression": literal("gzip" if is_packed(path) and copy is None else "none"),
        "columns": "{" + ", ".join(f"{literal(f'c{i}')}: 'VARCHAR'" for i in range(len(names))) + "}",
    }
    fixed = "auto_detect=false, store_rejects=true, rejects_limit=0, strict_mode=true"
    reader = f"read_csv({file_literal(read)}, {', '.join(f'{k}={v}' for k, v in options.items())}, {fixed})"
    plain = plain_names(path, names)
    chosen = {name: name for name in plain} if columns is None else columns.among(plain, str(path))
    listing = ", ".join(f"c{plain.index(name)} AS {quoted(role)}" for role, name in chosen.items())
    connection.execute(f"CREATE VIEW source AS SELECT {listing} FROM {reader}")
    n_header = 0 if text.names else 1
    return SourceTable(connection, str(path), dict.fromkeys(chosen, "VARCHAR"), path, n_header, copy)

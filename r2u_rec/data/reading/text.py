"""Delimited text, with any separator and any names of columns, opened in DuckDB; RecBole's atomic files too."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from r2u_rec.data.reading.columns import Columns
from r2u_rec.data.reading.table import Table, connect, literal, opened, quoted
from r2u_rec.errors import DataError

SEPARATORS = {".csv": ",", ".tsv": "\t", ".inter": "\t", ".user": "\t", ".item": "\t", ".data": "\t"}
ATOMIC = (".inter", ".user", ".item")
_TYPES = ("token", "token_seq", "float", "float_seq")


@dataclass(frozen=True)
class TextFormat:
    """How a delimited text file is written.

    Attributes:
        separator: one to four characters; None: by the ending of the name (.csv a comma, .tsv and RecBole's files a tab).
        quote: the character around fields that hold a separator, "" for none; None: a double quote, but none in RecBole's files.
        names: the columns' names when the file has no header line.
        encoding: "utf-8", "utf-16" or "latin-1".
    """

    separator: str | None = None
    quote: str | None = None
    names: tuple[str, ...] | None = None
    encoding: str = "utf-8"


def open_text(path: Path, text: TextFormat, columns: Columns | None) -> Table:
    """Opens delimited text, every field as text. With `columns`, the view has roles for names; without, all columns."""
    if not path.is_file():
        raise DataError(f"{path} is not a file: check the path")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty: there is nothing to read")
    separator = text.separator or SEPARATORS.get(path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix)
    if separator is None:
        raise DataError(f"the separator of {path} cannot be told from its name: pass text=TextFormat(separator=...)")
    quote = ("" if _is_atomic(path) else '"') if text.quote is None else text.quote
    names = list(text.names) if text.names else _header(path, separator, quote, text.encoding)
    connection = connect()
    options = {
        "delim": literal(separator),
        "quote": literal(quote),
        "escape": literal(quote),
        "header": "false" if text.names else "true",
        "encoding": literal(text.encoding),
        "columns": "{" + ", ".join(f"{literal(f'c{i}')}: 'VARCHAR'" for i in range(len(names))) + "}",
    }
    fixed = "auto_detect=false, store_rejects=true, rejects_limit=0, strict_mode=true"
    reader = f"read_csv({literal(str(path))}, {', '.join(f'{k}={v}' for k, v in options.items())}, {fixed})"
    plain = [name.rsplit(":", 1)[0] for name in names] if _is_atomic(path) else names
    chosen = {name: name for name in plain} if columns is None else columns.among(plain, str(path))
    listing = ", ".join(f"c{plain.index(name)} AS {quoted(role)}" for role, name in chosen.items())
    connection.execute(f"CREATE VIEW source AS SELECT {listing} FROM {reader}")
    n_header = 0 if text.names else 1
    return Table(connection, str(path), dict.fromkeys(chosen, "VARCHAR"), path, n_header)


def _header(path: Path, separator: str, quote: str, encoding: str) -> list[str]:
    try:
        with opened(path) as file:
            first = (file.readline().decode("utf-8-sig") if encoding == "utf-8" else TextIOWrapper(file, encoding).readline()).rstrip(
                "\r\n"
            )
    except UnicodeError as error:
        raise DataError(f"{path}, line 1: the header is not {encoding} ({error}): convert the file, or name its encoding") from error
    simple = len(separator) > 1 or not quote
    names = first.split(separator) if simple else next(csv.reader([first], delimiter=separator, quotechar=quote), [])
    if _is_atomic(path):
        wrong = [name for name in names if name.rpartition(":")[2] not in _TYPES or ":" not in name]
        if wrong:
            types = ", ".join(f":{kind}" for kind in _TYPES)
            raise DataError(f"{path}, line 1: {wrong[0]!r} does not end in one of {types}: RecBole's files need typed columns")
    return names


def _is_atomic(path: Path) -> bool:
    return path.suffix in ATOMIC

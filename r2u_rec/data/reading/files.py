"""Which kind of file a path names, and what its first line says. Nothing heavy is imported: a wrong name is found before any work."""

from __future__ import annotations

import csv
import gzip
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import IO, BinaryIO, cast

from r2u_rec.errors import DataError

SEPARATORS = {".csv": ",", ".tsv": "\t", ".inter": "\t", ".user": "\t", ".item": "\t", ".data": "\t"}
ATOMIC = (".inter", ".user", ".item")
PARQUET = (".parquet", ".pq")
_TYPES = ("token", "token_seq", "float", "float_seq")
_LONGEST_HEADER = 1 << 20  # bytes
_BLOCK = 1 << 22  # bytes


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

    def separator_of(self, path: Path) -> str:
        """Returns what stands between the columns of `path`; DataError when neither the format nor the ending says it."""
        found = self.separator or SEPARATORS.get(ending(path))
        if found is None:
            known = ", ".join([*SEPARATORS, *PARQUET])
            raise DataError(
                f"the separator of {path} does not follow from its name: end the name in one of {known}, or name the separator "
                "(separator= in Python, --data.separator on the command line)"
            )
        return found

    def quote_of(self, path: Path) -> str:
        """Returns the quote character, "" for none."""
        return ("" if is_atomic(path) else '"') if self.quote is None else self.quote


def ending(path: Path) -> str:
    """Returns the ending in lower case, that of the packed file where the name ends in .gz."""
    return (path.with_suffix("") if is_packed(path) else path).suffix.lower()


def is_packed(path: Path) -> bool:
    """Whether the name says that the file is packed with gzip."""
    return path.suffix.lower() == ".gz"


def is_parquet(path: Path) -> bool:
    return path.suffix.lower() in PARQUET


def is_atomic(path: Path) -> bool:
    """Whether it is one of RecBole's files, whose header gives each column a type."""
    return path.suffix.lower() in ATOMIC


def require_file(path: Path) -> None:
    """Raises DataError when `path` is not a file."""
    if not path.is_file():
        raise DataError(f"{path} is not a file: check the path")


def opened(path: Path) -> BinaryIO:
    """Returns the file's bytes, unpacked when its name ends in .gz."""
    return cast(BinaryIO, gzip.open(path, "rb")) if is_packed(path) else open(path, "rb")


def header(path: Path, text: TextFormat) -> list[str]:
    """Returns the names in the first line, the types of RecBole's files included; DataError when it cannot be read."""
    require_file(path)
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty: there is nothing to read")
    separator, quote = text.separator_of(path), text.quote_of(path)
    try:
        with opened(path) as file:
            if text.encoding == "utf-16":
                first = TextIOWrapper(file, text.encoding).readline()
            else:
                line = file.readline(_LONGEST_HEADER).split(b"\r")[0]  # the lines may end in a carriage return alone
                first = line.decode("utf-8-sig" if text.encoding == "utf-8" else text.encoding)
    except UnicodeError as error:
        raise DataError(f"{path}, line 1: the header is not {text.encoding} ({error}): convert the file, or name its encoding") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(path, error) from error
    first = first.rstrip("\r\n")
    simple = len(separator) > 1 or not quote
    names = first.split(separator) if simple else next(csv.reader([first], delimiter=separator, quotechar=quote), [])
    if is_atomic(path):
        wrong = [name for name in names if name.rpartition(":")[2] not in _TYPES or ":" not in name]
        if wrong:
            types = ", ".join(f":{kind}" for kind in _TYPES)
            raise DataError(f"{path}, line 1: {wrong[0]!r} does not end in one of {types}: RecBole's files need typed columns")
    return names


def plain_names(path: Path, names: Sequence[str]) -> list[str]:
    """Returns the names without the types of RecBole's files."""
    return [name.rsplit(":", 1)[0] for name in names] if is_atomic(path) else list(names)


def has_mixed_line_ends(path: Path) -> bool:
    """Reads all bytes once: whether lines end in more than one way; DataError when a packed file is damaged or cut off."""
    n_feeds, n_returns, n_both, before = 0, 0, 0, b""
    try:
        with opened(path) as file:
            while block := file.read(_BLOCK):  # the last read of a packed file checks its checksum
                if b"\r" in block or before == b"\r":
                    n_both += block.count(b"\r\n") + (before == b"\r" and block[:1] == b"\n")
                    n_returns += block.count(b"\r")
                n_feeds += block.count(b"\n")
                before = block[-1:]
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise damaged(path, error) from error
    return sum(n > 0 for n in (n_both, n_feeds - n_both, n_returns - n_both)) > 1


def with_line_feeds(path: Path, quote: str) -> IO[bytes]:
    """Returns an unpacked copy of a text file whose lines all end in a line feed; what stands in quotes stays. It is gone when closed."""
    copy = tempfile.NamedTemporaryFile(suffix=".txt")  # noqa: SIM115 - the caller closes it; readable by its owner alone
    in_quotes, carried = False, b""
    with opened(path) as file:
        while block := file.read(_BLOCK):
            block = carried + block
            carried = b"\r" if block.endswith(b"\r") else b""  # a line feed may follow
            parts = block.removesuffix(b"\r").split(quote.encode()) if quote else [block.removesuffix(b"\r")]
            for at, part in enumerate(parts):
                in_quotes ^= at > 0
                parts[at] = part if in_quotes else part.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            copy.write(quote.encode().join(parts))
    copy.write(b"\n" if carried else b"")
    copy.flush()
    return copy


def damaged(path: Path, error: Exception) -> DataError:
    """Returns the error of a packed file that cannot be unpacked."""
    return DataError(f"{path} is damaged ({error}): copy or pack it anew")

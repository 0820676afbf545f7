"""Whether a source can be there at all: its path, its ending and its columns, before anything heavy is imported or any row is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from r2u_rec.data.reading.columns import AUTO, Columns
from r2u_rec.data.reading.files import TextFormat, header, is_parquet, plain_names, require_file
from r2u_rec.data.reading.folder import files_of
from r2u_rec.errors import DataError
from r2u_rec.suggest import suggest


def check_source(
    path: str | Path,
    *,
    user: str = "auto",
    item: str = "auto",
    time: str | None = "auto",
    rating: str | None = "auto",
    separator: str | None = None,
    user_info: str | Path | None = None,
    item_info: str | Path | None = None,
) -> None:
    """Checks what `read_interactions` would refuse at once: reads the first line of text, or the schema of Parquet, and no row.

    Args:
        path: a file or a folder. The others: see `read_interactions`.

    Raises:
        DataError: no such file; a folder without the files it must hold; a column that is not there; a separator that the
            name does not tell; a header that cannot be read.
    """
    path, text = Path(path), TextFormat(separator=separator)
    columns = Columns(user, item, time, rating)
    if not path.exists():
        raise DataError(f"{path} does not exist{_nearest(path)}: check the path")
    files = files_of(path) if path.is_dir() else {"interactions": path.name}
    folder = path if path.is_dir() else path.parent
    for part, name in files.items():
        if part in ("users", "items"):
            continue
        columns.among(_columns_of(folder / name, text), str(folder / name))
    for role, named, info in (("user", user, user_info), ("item", item, item_info)):
        beside = folder / files[f"{role}s"] if info is None and f"{role}s" in files else info
        if beside is not None:
            _check_info(Path(beside), role, named, text)


def _check_info(path: Path, role: str, named: str, text: TextFormat) -> None:
    """DataError when a file of side information has no column of keys."""
    names = _columns_of(path, text)
    if not {named, *AUTO[role]} & set(names):
        raise DataError(missing_key(str(path), role, names))


def missing_key(label: str, role: str, names: Sequence[str]) -> str:
    """Returns the message about side information whose column of keys is not found."""
    there = ", ".join(repr(name) for name in names)
    return (
        f"{label} has no column of {role} keys; its columns are {there}: name the key column {AUTO[role][0]!r} "
        f"or pass {role}=NAME (--data.{role} NAME on the command line)"
    )


def _columns_of(path: Path, text: TextFormat) -> list[str]:
    require_file(path)
    if not is_parquet(path):
        return plain_names(path, header(path, text))
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return list(parquet.read_schema(path).names)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}): write it anew") from error


def _nearest(path: Path) -> str:
    """The nearest name in the same folder, as the end of a clause."""
    return suggest(path.name, sorted(entry.name for entry in path.parent.iterdir())) if path.parent.is_dir() else ""

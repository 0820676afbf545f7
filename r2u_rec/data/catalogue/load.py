"""From the files of a source to one log, as the source's card says they are read; and the same for a folder of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from r2u_rec.data.appending import append
from r2u_rec.data.catalogue.cards import File, Source
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.reading.adjacency import read_adjacency
from r2u_rec.data.reading.files import TextFormat
from r2u_rec.data.reading.folder import files_of
from r2u_rec.data.reading.info import read_info
from r2u_rec.data.reading.read import read_log
from r2u_rec.errors import DataError


@dataclass(frozen=True)
class Loaded:
    """A data set's records; of a given split, training stands before validation before test.

    Attributes:
        ends: rows where training and validation end, or None when there is no given split.
    """

    log: InteractionLog
    ends: tuple[int, int] | None = None


def read_folder(folder: Path, **options: Any) -> Loaded:
    """Reads a folder of one's own files (see `folder_source`); `options` are those of `read_log`, side information included.

    A pair of user and item that stands in two files of a split is a leak, and refused whatever `duplicates` says.
    """
    return read_source(folder, folder_source(folder), **options)


def read_source(place: Path, source: Source, *, user_info: Any = None, item_info: Any = None, **options: Any) -> Loaded:
    """Reads the files of `source` that lie in the folder `place`; DataError as `read_log` raises it.

    Args:
        user_info, item_info: side information in place of that of the source.
        options: of `read_log`, in place of those of the source.
    """
    how = {**source.read, **options}
    texts = {key: _text(how.pop(key, None)) for key in ("text", "users_text", "items_text")}
    parts: tuple[str, ...] = ("interactions", "train", "validation", "test", "users", "items")
    names = {part: place / how.pop(part) for part in parts if part in how}
    reader: Callable[[Path], InteractionLog] = lambda path: read_log(path, text=texts["text"], **how)  # noqa: E731
    if how.pop("adjacency", False):
        reader = read_adjacency
    if "interactions" in names:
        loaded = Loaded(reader(names["interactions"]))
    else:
        loaded = _joined([reader(names[part]) if part in names else None for part in ("train", "validation", "test")])
    log = loaded.log
    for role, given in (("user", user_info), ("item", item_info)):
        beside = names.get(f"{role}s") if given is None else given
        if beside is not None:
            text = (texts[f"{role}s_text"] if given is None else None) or options.get("text")
            keys = log.user_keys if role == "user" else log.item_keys
            info = read_info(beside, role, keys, column=options.get(role, "auto"), text=text)
            log = replace(log, user_info=info) if role == "user" else replace(log, item_info=info)
    return replace(loaded, log=log)


def folder_source(folder: Path) -> Source:
    """Returns how to read a folder of one's own files; DataError when it holds none of the known names, or several (see `files_of`)."""
    read = files_of(folder)
    return Source("folder", tuple(File(name) for name in read.values()), dict(read), (str(folder),))


def _joined(logs: Sequence[InteractionLog | None]) -> Loaded:
    train, validation, test = logs
    if train is None or test is None:
        raise DataError("a given split needs a training and a test file: name both")
    log = train if validation is None else append(train, validation)
    second = len(log)
    return Loaded(append(log, test), (len(train), second))


def _text(raw: TextFormat | dict[str, Any] | None) -> TextFormat | None:
    if raw is None or isinstance(raw, TextFormat):
        return raw
    return TextFormat(**{**raw, "names": tuple(raw["names"]) if "names" in raw else None})

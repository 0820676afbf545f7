"""Texts by name: news, books, e-mails, questions and answers, or files of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from r2u_rec.data.catalogue import names as catalogue
from r2u_rec.data.catalogue.cards import Source
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.language import text_files as read
from r2u_rec.language.text_files import Row
from r2u_rec.suggest import unknown


@dataclass(frozen=True)
class Texts:
    """Texts in a fixed order, none blank and no two alike, and the group of each: a part, a topic, a book, a month."""

    text: tuple[str, ...]
    group: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.text) != len(self.group):
            raise DataError(f"texts need a group each, got {len(self.text)} texts and {len(self.group)} groups")

    def __len__(self) -> int:
        return len(self.text)


def load_texts(name: str, path: str | Path | None = None, parts: Sequence[str] | None = None) -> Texts:
    """Returns the texts of a data set. Blank texts, and all but the first of texts that are alike, are left out.

    A repeat between parts would stay in the data after its part was forgotten, so the first of `parts` that has it keeps it.

    Args:
        name: "muse-news", "muse-books" (group: the part, as raw_forget or privleak_holdout), "tofu" (forget10, retain90),
            "enron" (month), "bbc-news" (topic), "kjv-bible" (book; a text is a chapter), or with a path "text-folder" (.txt files;
            group: the folder of each) or "jsonl" (text, and part or split as group).
        path: a folder or a file of one's own in place of the card's sources: for MUSE and TOFU the layout of the official
            repositories (raw/forget-00000-of-00001.parquet, or .json), or the files that the card names. It is not checked.
        parts: groups to read, in this order; None takes those that are made for training: of MUSE raw_*, and where they are not
            there sust_*; of TOFU forget10 and retain90; of the others all.

    Raises:
        SettingsError: no such data set, a path is needed, or a part that is not there.
        DataError: files that cannot be read, or that hold no text. DownloadError: no source gives the data.
    """
    if name not in _READERS:
        raise SettingsError(unknown("texts", name, _READERS))
    files, promised = _files(name, path)
    rows = list(_READERS[name](files))
    groups = list(dict.fromkeys(group for group, _ in rows))
    wanted = _usual(name, groups) if parts is None else list(parts)
    missing = [part for part in wanted if part not in groups]
    if missing:
        raise SettingsError(f"{name} has no part {missing[0]!r}: it has {', '.join(sorted(groups))}")
    place = {part: at for at, part in enumerate(wanted)}
    kept: dict[str, tuple[str, str]] = {}
    for group, text in sorted((row for row in rows if row[0] in place), key=lambda row: place[row[0]]):
        if text.strip():
            kept.setdefault(text.strip(), (group, text))
    if not kept:
        raise DataError(f"{name} holds no text: look at {path or 'its files'}")
    found = Texts(tuple(text for _, text in kept.values()), tuple(group for group, _ in kept.values()))
    counted = {"rows": sum(group in place for group, _ in rows), "documents": len(found), "groups": len(set(found.group))}
    if parts is None and promised:
        catalogue.check_counts(replace(catalogue.describe_dataset(name), counts=promised), counted, files[0][1])
    return found


Files = list[tuple[Path, Path]]
"""Files to read, each with the folder that its place is told from."""


def _files(name: str, path: str | Path | None) -> tuple[Files, Mapping[str, int]]:
    """Returns the files to read, and what the source counts in them: nothing for files of one's own."""
    if path is None:
        if name in ("text-folder", "jsonl"):
            raise SettingsError(f"{name!r} are files of your own: name the folder or file by path")
        place, source = catalogue.obtain(name)
        return [(place / file.name, place) for file in source.files], source.read
    here = Path(path)
    if here.is_file():
        return [(here, here.parent)], {}
    if not here.is_dir():
        raise DataError(f"there is no file and no folder {here}: name one that holds the texts")
    named = next((s for s in _sources(name) if all((here / file.name).is_file() for file in s.files)), None)
    if named is not None:
        return [(here / file.name, here) for file in named.files], {}
    inside = [file for file in sorted(here.rglob("*")) if file.is_file()]
    return [(file, here) for file in inside if not any(part.startswith(".") for part in file.relative_to(here).parts)], {}


def _sources(name: str) -> Iterable[Source]:
    return () if name in ("text-folder", "jsonl") else catalogue.describe_dataset(name).sources


def _usual(name: str, groups: list[str]) -> list[str]:
    """Returns the parts that are made for training, those to forget first."""
    if name == "tofu":
        return [part for part in ("forget10", "retain90") if part in groups] or groups
    if name.startswith("muse-"):
        for kind in ("raw_", "sust_"):
            if any(group.startswith(kind) for group in groups):
                return sorted(group for group in groups if group.startswith(kind))
    return groups


def _tables(files: Files) -> Iterable[Row]:
    for file, folder in files:
        if file.name.endswith(read.TABLES):
            for group, text in read.table_rows(file, read.part_name(file, folder)):
                yield (
                    group.replace("retain2_qa", "retain_qa").replace("privleak_retain2", "privleak_retain"),
                    text,
                )  # names of the first release


def _mails(files: Files) -> Iterable[Row]:
    for file, folder in files:
        if file.name.endswith((".parquet", *read.ARCHIVES)):
            yield from read.mail_rows(file)
        elif "spam" not in file.relative_to(folder).parts:
            yield read.mail_row(file.relative_to(folder.parent).as_posix(), file.read_bytes())


def _verses(files: Files) -> Iterable[Row]:
    for file, _ in files:
        yield from read.verse_rows(file)


def _folders(files: Files) -> Iterable[Row]:
    for file, _ in files:
        if file.name.endswith(read.ARCHIVES):
            packed = read.members(file, ".txt")
            yield from read.folder_rows(entry for entry in packed if ".dist-info/" not in entry[0])  # what a wheel says of itself
    loose = ((file.relative_to(folder.parent).as_posix(), file.read_bytes()) for file, folder in files if file.suffix == ".txt")
    yield from read.folder_rows(loose)


_READERS: dict[str, Callable[[Files], Iterable[Row]]] = {
    "muse-news": _tables,
    "muse-books": _tables,
    "enron": _mails,
    "tofu": _tables,
    "bbc-news": _folders,
    "kjv-bible": _verses,
    "text-folder": _folders,
    "jsonl": _tables,
}

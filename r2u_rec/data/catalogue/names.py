"""Data sets by name: what is cached, what is available, and loading them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from r2u_rec.data.catalogue.cards import Card, Source, card, cards
from r2u_rec.data.catalogue.download import check_files, fetch_source, kept
from r2u_rec.data.catalogue.load import Loaded, read_folder, read_source
from r2u_rec.data.filters import compact, filtered
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.split import Parts, given
from r2u_rec.errors import DataError, DownloadError, SettingsError

_LOADERS = {
    "images": "load it with r2u_rec.vision.load_images({name})",
    "texts": "load it with r2u_rec.language.load_texts({name})",
    "model": "r2u_rec.data.fetch({name}) returns the folder of its files",
}


@dataclass(frozen=True)
class Availability:
    """Whether a data set is here.

    Attributes:
        place: the folder that holds its files, or None.
        origin: which source they are from (or the first one that could be fetched), in words.
        can_be_fetched: whether the card names a package or an address.
    """

    card: Card
    place: Path | None
    origin: str
    can_be_fetched: bool


def list_datasets() -> list[Availability]:
    """Returns every data set that has a card, the small ones first, and whether it is here; nothing is fetched."""
    out = []
    for entry in cards().values():
        remote = [source for source in entry.sources if source.kind != "folder"]
        here = _here(entry)
        origin = here[1].origin if here else (remote[0].origin if remote else "")
        out.append(Availability(entry, here[0] if here else None, origin, bool(remote)))
    return out


def describe_dataset(name: str) -> Card:
    """Returns the card of a data set; SettingsError that suggests the nearest name when there is none."""
    return card(name)


def fetch(name: str) -> Path:
    """Returns the folder with the checked files of a data set or model of any kind, fetched when they are not here yet.

    Sources are tried in the card's order. DownloadError lists why each one failed.
    """
    return _obtained(card(name))[0]


def obtain(name: str, *, path: str | Path | None = None) -> tuple[Path, Source]:
    """Returns the folder with the checked files of a card of any kind, and the source they are from, which says how they are read.

    Args:
        path: a folder that holds the files of one of the card's sources, in place of them all.

    Raises:
        SettingsError: no such data set. DownloadError: no source gives it, or a checksum is wrong. DataError: `path` lacks the files.
    """
    entry = card(name)
    if path is None:
        return _obtained(entry)
    named = [one for one in entry.sources if all((Path(path) / file.name).is_file() for file in one.files)]
    if not named:
        wanted = " or ".join(dict.fromkeys(", ".join(file.name for file in one.files) for one in entry.sources))
        raise DataError(f"{path} does not hold the files of {name}: {wanted or 'its card names none'}")
    return _matching([(Path(path), source) for source in named])


def check_counts(entry: Card, found: Mapping[str, int], place: Path) -> None:
    """Raises DataError when what was read is not what the card counts; `found` may say more than the card does."""
    wrong = [
        f"{found.get(key, 'no')} {key} where the card promises {count}" for key, count in entry.counts.items() if found.get(key) != count
    ]
    if wrong:
        raise DataError(f"{entry.name} in {place} has {'; '.join(wrong)}: the files are incomplete or of another version")


def load_dataset(
    name: str,
    *,
    path: str | Path | None = None,
    min_rating: float | None = None,
    min_user_records: int = 1,
    min_item_records: int = 1,
) -> InteractionLog:
    """Returns all interactions of a data set, fetched when they are not here yet, and checked against its card.

    Args:
        name: a card's name (see `list_datasets`), or "folder" for files of your own.
        path: a folder with the files: needed for "folder", and for others in place of the card's sources.
        min_rating: keep only ratings of at least this.
        min_user_records, min_item_records: keep only users and items with as many records (a k-core, after the ratings).
            Users and items that lose all records by these three lose their codes too; ids stay.

    Raises:
        SettingsError: no such data set. DownloadError: no source gives it. DataError: it is not what its card promises.
    """
    log = _loaded(name, path, {}).log
    kept = filtered(log, name, min_rating=min_rating, min_user_records=min_user_records, min_item_records=min_item_records)
    return compact(kept)


def load_parts(name: str, *, path: str | Path | None = None, **options: Any) -> Parts:
    """Returns the split that a data set comes with; SettingsError for one that comes with none.

    `options`, for "folder" only, are those of `read_log`: names of columns, the unit of times, side information.
    """
    loaded = _loaded(name, path, options)
    if loaded.ends is None:
        raise SettingsError(f"{name} comes without a split: load it with load_dataset and split it with random_per_user or by_time")
    rows = np.arange(len(loaded.log))
    first, second = loaded.ends
    return given(loaded.log, validation=(rows >= first) & (rows < second), test=rows >= second)


def _loaded(name: str, path: str | Path | None, options: Mapping[str, Any]) -> Loaded:
    entry = card(name)
    if entry.kind != "interactions":
        raise SettingsError(f"{name} holds no interactions ({entry.kind}): {_LOADERS[entry.kind].format(name=repr(name))}")
    if entry.name == "folder":
        if path is None:
            raise SettingsError('the data set "folder" needs a path: name the folder that holds your files')
        return read_folder(Path(path), **options)
    if options:
        raise SettingsError(
            f"{name} is read as its card says, {next(iter(options))} is for files of your own: leave it out, or pass a folder"
        )
    place, source = obtain(name, path=path)
    loaded = read_source(place, source)
    _check_loaded(entry, loaded, place)
    return loaded


def _here(entry: Card) -> tuple[Path, Source] | None:
    return next(((place, source) for source in entry.sources if (place := kept(entry, source)) is not None), None)


def _obtained(entry: Card) -> tuple[Path, Source]:
    folders = [(place, one) for one in entry.sources if one.kind == "folder" and (place := kept(entry, one)) is not None]
    if folders:
        return _matching(folders)
    here = _here(entry)
    if here is not None:  # the cache is checked by `kept`
        return here
    failures = [] if entry.sources else ["it has no sources: give the path of a folder"]
    for source in entry.sources:
        if source.kind == "folder":
            failures.append(f"{source.origin}: not there, or R2U_DATA is not set")
            continue
        try:
            return fetch_source(entry, source), source
        except DownloadError as error:
            failures.append(str(error) if source.origin in str(error) else f"{source.origin}: {error}")
    raise DownloadError(f"{entry.name} could not be obtained:\n  " + "\n  ".join(dict.fromkeys(failures)))


def _matching(found: Sequence[tuple[Path, Source]]) -> tuple[Path, Source]:
    """Returns the first place whose files have the checksums of its source; the first one's DownloadError when none has."""
    wrong = []
    for place, source in found:
        try:
            check_files(place, source)
        except DownloadError as error:
            wrong.append(error)
        else:
            return place, source
    raise wrong[0]


def _check_loaded(entry: Card, loaded: Loaded, place: Path) -> None:
    log = loaded.log
    found = {"users": log.n_users, "items": log.n_items, "interactions": len(log)}
    if loaded.ends is not None:
        found |= {"train": loaded.ends[0], "test": len(log) - loaded.ends[1]}
    check_counts(entry, found, place)

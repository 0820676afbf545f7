"""Taking one file out of what was downloaded: a zip file (a wheel is one), a tar file in any packing, a gzip file."""

from __future__ import annotations

import gzip
import lzma
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from r2u_rec.errors import DownloadError


def unpack(archive: Path, member: str, target: Path) -> None:
    """Copies `member` of a zip or tar file into `target`; DownloadError when the archive is broken or does not hold it."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed, packed.open(member) as content:
                _copy(content, target)
        else:
            with tarfile.open(archive) as tar:
                _copy(_content(tar, member), target)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, KeyError, OSError) as error:
        raise DownloadError(
            f"{archive.name} does not give {member} ({error}): the download is broken, or not what the card says"
        ) from error


def ungzip(packed: Path, target: Path) -> None:
    """Unpacks a gzip file into `target`; DownloadError when it is none, or broken."""
    try:
        with gzip.open(packed) as content:
            _copy(content, target)
    except (OSError, EOFError, zlib.error) as error:
        raise DownloadError(f"{packed.name} cannot be unpacked ({error}): the download is broken, or not what the card says") from error


def _content(tar: tarfile.TarFile, member: str) -> IO[bytes]:
    """Opens a regular file of the archive; names may begin with ./ there, as Debian's do."""
    for entry in tar:
        if entry.isreg() and entry.name.removeprefix("./") == member:
            content = tar.extractfile(entry)
            if content is not None:
                return content
    raise KeyError(f"there is no file {member} in the archive")


def _copy(content: IO[bytes] | gzip.GzipFile, target: Path) -> None:
    with open(target, "wb") as out:
        shutil.copyfileobj(content, out, 1 << 20)

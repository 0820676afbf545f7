"""A folder that is written whole or not at all: a private temporary sibling, every file on disk, one rename, one writer."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from r2u_rec.core.stored import Json
from r2u_rec.errors import DataError
from r2u_rec.storage.manifest import write_manifest


class FolderTakenError(DataError):
    """Another process writes the folder now, or it is there already: wait, or read it."""


@contextmanager
def written_whole(
    folder: Path, *, about: Mapping[str, Json] | None = None, verb: str = "", parent: Path | None = None, replaces: bool = False
) -> Iterator[Path]:
    """Yields a folder beside `folder` that takes its name when the block ends well, and is removed when it does not.

    When the block ends, every file in it gets mode 0600 and every folder 0700, a manifest over all of them is written last, everything is
    synced to the disk, and one rename makes it visible. What writers that died have left beside `folder` is swept first.

    Args:
        about: JSON values kept in the manifest. verb: what made the folder.
        parent: the folder that this one was made from: its generation, plus one, and its seal go into the manifest.
        replaces: a folder that is there is swapped for the new one and deleted; a crash between leaves one of the two.

    Raises:
        FolderTakenError: another process is writing `folder`, or it is there and not empty and `replaces` is not set.
        DataError: `folder` is a file, or `parent` is no run folder.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        _sweep(folder)
        if folder.exists() and not folder.is_dir():
            raise DataError(f"{folder} is a file, not a folder: name another with --out")
        if not replaces and folder.exists() and any(folder.iterdir()):
            raise FolderTakenError(f"{folder} is there already and not empty: name another folder with --out, or remove it")
        part = folder.with_name(f".{folder.name}.part-{secrets.token_hex(8)}")
        part.mkdir(mode=0o700)
        try:
            yield part
            _close_doors(part)
            write_manifest(part, about=about or {}, verb=verb, parent=parent)
            _sync(part)
            if replaces and folder.exists():
                old = folder.with_name(f".{folder.name}.old-{secrets.token_hex(8)}")
                folder.rename(old)
                part.rename(folder)
                _sync_one(folder.parent)
                shutil.rmtree(old)
            else:
                part.rename(folder)
            _sync_one(folder.parent)
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock of `folder`, a file beside it that is gone afterwards."""
    path = folder.with_name(f".{folder.name}.lock")
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise FolderTakenError(f"another process is writing {folder} now: wait until it is done, or name another folder") from error
        if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
            break
        os.close(handle)  # its last holder has removed the file between our opening and our locking it
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while the lock is held, so that nobody holds a lock on a name that others make anew
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Removes what dead writers have left; called with the lock held, so that none of it can be a living one's."""
    for kind in ("old", "part"):
        for left in sorted(folder.parent.glob(f".{_escaped(folder.name)}.{kind}-*")):
            if kind == "old" and not folder.exists():
                left.rename(folder)  # it died between the two renames
            else:
                shutil.rmtree(left)


def _escaped(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)


def _close_doors(folder: Path) -> None:
    """Lets the owner alone read what holds personal data."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)


def _sync(folder: Path) -> None:
    """Brings every file and folder to the disk, the innermost first."""
    for path in sorted(folder.rglob("*"), reverse=True):
        _sync_one(path)
    _sync_one(folder)


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""The manifest of a folder: what made it, from which folder, and the hash of every file in it; sealed by a hash of its own."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from r2u_rec import __version__
from r2u_rec.core.stored import Json
from r2u_rec.errors import DataError

FORMAT = 2
MANIFEST = "manifest.json"
_PACKAGES = ("torch", "numpy", "pandas", "safetensors")


@dataclass(frozen=True)
class Manifest:
    """What stands in a manifest.

    Attributes:
        format: of the files. verb: what made the folder. about: what the writer says of it, JSON values.
        generation: 0 for what was trained, one more for each erasure after. parent: seal of the manifest of the folder before.
        time: when it was written, ISO 8601, UTC. versions: of this package, Python, and the packages that wrote the files.
        files: path in the folder -> {"sha256", "bytes"}; every file but the manifest.
        seal: SHA-256 of all of the above.
    """

    format: int
    verb: str
    about: dict[str, Json]
    generation: int
    parent: str | None
    time: str
    versions: dict[str, str]
    files: dict[str, dict[str, str | int]]
    seal: str


def write_manifest(folder: Path, *, about: Mapping[str, Json], verb: str = "", parent: Path | None = None) -> None:
    """Writes the manifest over every file that is in the folder now; DataError when `parent` holds no manifest of its own."""
    before = None if parent is None else read_manifest(parent)
    content = {
        "format": FORMAT,
        "verb": verb,
        "about": dict(about),
        "generation": 0 if before is None else before.generation + 1,
        "parent": None if before is None else before.seal,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"r2u_rec": __version__, "python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        "files": {name: {"sha256": sha256_of(folder / name), "bytes": (folder / name).stat().st_size} for name in _names(folder)},
    }
    text = json.dumps(content | {"seal": _seal(content)}, indent=1, allow_nan=False) + "\n"
    with os.fdopen(os.open(folder / MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def read_manifest(folder: Path) -> Manifest:
    """Returns the manifest of a folder; reads no other file.

    Raises:
        DataError: there is none, it is damaged or changed by hand, or of another format.
    """
    path = Path(folder) / MANIFEST
    try:
        text = path.read_text()
    except OSError as error:
        raise DataError(
            f"{folder} is not the folder of a trained model: its {MANIFEST} is missing; name one that train or forget wrote"
        ) from error
    except UnicodeDecodeError as error:
        raise _damaged(folder, f"{MANIFEST} is no text") from error
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _damaged(folder, f"{MANIFEST} is broken") from error
    if not isinstance(found, dict):
        raise _damaged(folder, f"{MANIFEST} holds a {type(found).__name__} in place of an object")
    if found.get("format") != FORMAT:
        raise DataError(f"{folder} has format {found.get('format')}, this version reads {FORMAT}: train again")
    wanted = {f.name for f in fields(Manifest)}
    if found.keys() != wanted:
        wrong = [f"lacks {name}" for name in sorted(wanted - found.keys())] + [f"has {name!r}" for name in sorted(found.keys() - wanted)]
        raise _damaged(folder, f"{MANIFEST} {', '.join(wrong)}")
    manifest = Manifest(**found)
    content = {name: value for name, value in found.items() if name != "seal"}
    if manifest.seal != _seal(content):
        raise _damaged(folder, f"{MANIFEST} was changed after it was written")
    return manifest


def check_integrity(folder: Path, manifest: Manifest) -> None:
    """Raises DataError when a file of the manifest is missing, shorter or longer, or not the one that was written."""
    for name, wanted in manifest.files.items():
        path = Path(folder) / name
        if not path.is_file():
            raise _damaged(folder, f"{name} is missing")
        if path.stat().st_size != wanted["bytes"] or sha256_of(path) != wanted["sha256"]:
            raise _damaged(folder, f"{name} is not the file that was written (sha256 differs)")


def sha256_of(path: Path) -> str:
    """Returns the hash of a file as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)


def _seal(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _damaged(folder: Path, how: str) -> DataError:
    return DataError(f"the run folder {folder} is damaged: {how}; restore it from a copy, or train again")

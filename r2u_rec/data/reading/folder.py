"""A folder of one's own files: which of them are the interactions, and which the side information."""

from __future__ import annotations

from pathlib import Path

from r2u_rec.errors import DataError

_ENDINGS = (".parquet", ".pq", ".csv", ".tsv", ".csv.gz", ".tsv.gz")
_STEMS = ("interactions", "train", "validation", "test", "users", "items")


def files_of(folder: Path) -> dict[str, str]:
    """Returns {part: file name}; DataError when the folder holds none of the known names, or several for one part.

    Interactions: one NAME.inter, or interactions.*, or train.* and test.* (and validation.*); side information:
    users.*, items.*; where .* is one of .parquet, .csv, .tsv in any case, text also packed with gzip.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: name one that holds your files")
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    atomic = [name for name in names if name.lower().endswith(".inter")]
    found = {stem: _named(folder, names, stem) for stem in _STEMS}
    forms = [name for name in [*atomic, found["interactions"], found["train"]] if name]
    if len(forms) != 1:
        has = f"it holds {', '.join(forms)}" if forms else "it holds none of them"
        raise DataError(f"{folder} must hold one NAME.inter, or interactions.csv, or train.csv and test.csv (or .tsv, .parquet): {has}")
    if atomic:
        return {"interactions": atomic[0]}
    if found["train"] and not found["test"]:
        raise DataError(f"{folder} holds {found['train']} but no test file beside it: add it, or rename the file interactions")
    parts = ("interactions", "users", "items") if found["interactions"] else ("train", "validation", "test", "users", "items")
    return {part: name for part in parts if (name := found[part])}


def _named(folder: Path, names: list[str], stem: str) -> str | None:
    there = [name for name in names if name.startswith(f"{stem}.") and name.removeprefix(stem).lower() in _ENDINGS]
    there.sort(key=lambda name: _ENDINGS.index(name.removeprefix(stem).lower()))
    if len(there) > 1:
        raise DataError(f"{folder} holds {' and '.join(there)}: keep one of them")
    return there[0] if there else None

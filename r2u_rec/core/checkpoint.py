"""Checkpoints of a running fit: written atomically, bound to the run they belong to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from r2u_rec.core.state import digest
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids


def fingerprint(settings: Mapping[str, object], seed: int, ids: Ids, kind: str = "", n_processes: int = 1) -> str:
    """Returns what a checkpoint is bound to: the loop's settings, the seed, the records, the kind of step, the processes, in one hash."""
    bound = {k: v for k, v in settings.items() if k != "checkpoint_seconds"}
    return digest((sorted(bound.items()), seed, kind, n_processes), ids)


def write_checkpoint(path: Path, mark: str, state: dict[str, Any]) -> None:
    """Writes the state beside `path` and moves it there: a crash while writing leaves the older checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    torch.save({"mark": mark, **state}, partial)
    os.replace(partial, path)


def read_checkpoint(path: Path, mark: str) -> dict[str, Any]:
    """Returns the state; SettingsError when the checkpoint belongs to other settings, seed, records or kind of step."""
    state: dict[str, Any] = torch.load(path, weights_only=True)
    if state["mark"] != mark:
        raise SettingsError(
            f"the checkpoint {path.name} belongs to other settings, another seed, other records or another way to train: delete it, or "
            "repeat the settings it was made with"
        )
    return state


def remove_checkpoint(path: Path) -> None:
    """Deletes the checkpoint and what a crash may have left of another: both were computed from the records."""
    path.unlink(missing_ok=True)
    _partial(path).unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")

"""Checkpoints of a running fit: written atomically, bound to the run they belong to."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import torch

from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids


def fingerprint(training: Any, seed: int, ids: Ids) -> str:
    """Returns what a checkpoint is bound to: the loop's settings, the seed and the records, as one hash."""
    settings = asdict(training) if is_dataclass(training) and not isinstance(training, type) else training
    settings = {k: v for k, v in settings.items() if k != "checkpoint_seconds"}
    return hashlib.sha256(repr((sorted(settings.items()), seed)).encode() + ids.tobytes()).hexdigest()


def write_checkpoint(path: Path, mark: str, state: dict[str, Any]) -> None:
    """Writes the state beside `path` and moves it there: a crash while writing leaves the older checkpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    torch.save({"mark": mark, **state}, partial)
    os.replace(partial, path)


def read_checkpoint(path: Path, mark: str) -> dict[str, Any]:
    """Returns the state; SettingsError when the checkpoint belongs to other settings, seed or records."""
    state: dict[str, Any] = torch.load(path, weights_only=True)
    if state["mark"] != mark:
        raise SettingsError(
            f"the checkpoint {path.name} belongs to other settings, another seed or other records: delete it, or repeat the settings it was made with"
        )
    return state

"""Made texts in two kinds, and a trial on them that takes a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {"sea": ["wave", "ship", "sail", "salt", "tide", "gull"], "wood": ["tree", "leaf", "moss", "deer", "path", "fern"]}


def made_texts(folder: Path, n: int = 24) -> Path:
    """Writes n texts of each kind as JSON Lines and returns the file."""
    rng = np.random.default_rng(0)
    path = folder / "texts.jsonl"
    rows = [{"text": f"{kind} {i} " + " ".join(rng.choice(words, 12)), "part": kind} for kind, words in KINDS.items() for i in range(n)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def spec(path: Path, **own: Any) -> dict[str, Any]:
    """Returns the spec of a small trial: forget the sea."""
    return {
        "kind": "text", "data": "jsonl", "path": str(path), "forget": ["sea"], "seed": 3, "arm": "standard",
        "n_forget": 8, "n_retain": 8, "n_heldout": 4, "n_measured": 4, "length": 16, "width": 16,
        "layers": 1, "heads": 2,
        "vocab_size": 300, "n_general": 16, "general_epochs": 1,
        "epochs": 2, "batch_size": 8, "lr": 1e-2, "n_inner": 4, "prepare_share": 0.5,
        "unlearn_steps": 6, "unlearn_lr": 1e-3, "stop_loss": 50.0, "unlearn_batch": 8, "curve_every": 3, **own,
    }  # fmt: skip


def curve(arm: str, losses: list[float], *, seed: int = 0, retained: float = 1.0, trial: str = "", **own: Any) -> list[dict[str, Any]]:
    """Returns rows of a made curve, one point every two steps, with the figures that a trial gives."""
    row = {
        "data": "made",
        "model": "tiny-gpt2",
        "forget": ["sea"],
        "seed": seed,
        "arm": arm,
        "trial": trial or f"{arm}-{seed}",
        "lambda2": 0.0,
    }
    return [
        {**row, "what": "curve", "unlearner": "ascent", "step": 2 * i, **_figures(loss, retained), **own} for i, loss in enumerate(losses)
    ]


def retrained(loss: float, seed: int = 0) -> dict[str, Any]:
    """Returns the row of a retrained model."""
    return {**curve("retrained", [loss], seed=seed)[0], "what": "trained", "train_seconds": 1.0}


def trained(arm: str, loss: float, seed: int = 0, **own: Any) -> dict[str, Any]:
    """Returns the row of a trained model."""
    return {**curve(arm, [loss], seed=seed)[0], "what": "trained", "train_seconds": 1.0, **own}


def _figures(loss: float, retained: float) -> dict[str, float]:
    return {"forget_loss": loss, "retain_loss": retained, "heldout_loss": retained + 1, "strangers_loss": 5.0, "min_k_auc": 0.5}

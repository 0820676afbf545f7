"""The result file of the study `neural_forgetting`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from r2u_rec.report import write_benchmark
from r2u_rec.report.table import markdown_table

BY = ("model", "operator")
COLUMNS = (
    "NDCG@20",
    "NDCG@20 / retrained",
    "auc",
    "own_loss_auc",
    "adaptive_auc",
    "tpr_at_1fpr",
    "excess",
    "length",
    "cpu_seconds",
    "training_cpu_seconds",
)
KEPT, ADAPTIVE = 0.98, 0.60
"""What is aimed at: quality of the retrained, and what the adaptive attacker may reach."""


def show(rows: list[dict[str, Any]]) -> str:
    """Returns the table of all rows."""
    return markdown_table(rows, by=BY, columns=COLUMNS)


def write(rows: list[dict[str, Any]], seeds: list[int], settings: dict[str, Any], hashes: dict[str, str], results: Path) -> Path:
    """Writes results/neural_forgetting.json and returns its path."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    chosen = "" if set(models) == set(settings["models"]) else " --models " + " ".join(f'"{name}"' for name in models)
    return write_benchmark(
        results,
        "neural_forgetting",
        question="After a tenth of the users left: what do neural recommenders keep for those who stay, and what of those who left?",
        command=f"r2u bench neural_forgetting --seeds {' '.join(map(str, seeds))}{chosen}",
        settings=settings,
        seeds=seeds,
        figures=[row | {"data": settings["dataset"]} for row in rows],
        by=BY,
        columns=COLUMNS,
        split_hashes=hashes,
        notes=notes(rows),
    )


def notes(rows: list[dict[str, Any]]) -> list[str]:
    """Returns, for each model and rule, whether both aims were reached on average, and in how many seeds."""
    found = []
    for name in dict.fromkeys(row["model"] for row in rows):
        mine = [row for row in rows if row["model"] == name]
        retrained = {row["seed"]: [] for row in mine}
        for row in mine:
            if row["operator"] == "retrained":
                retrained[row["seed"]].append(row["NDCG@20"])
        for operator in dict.fromkeys(row["operator"] for row in mine if row["operator"].startswith("Newton")):
            pairs = [(r["NDCG@20"] / np.mean(retrained[r["seed"]]), r["adaptive_auc"]) for r in mine if r["operator"] == operator]
            kept, told = np.mean(pairs, axis=0)
            both = sum(k >= KEPT and t <= ADAPTIVE for k, t in pairs)
            verdict = "reached" if kept >= KEPT and told <= ADAPTIVE else "not reached"
            found.append(
                f"{name}, {operator}: {kept:.3f} of the retrained NDCG@20 at an adaptive AUC of {told:.3f}; {KEPT} at {ADAPTIVE} {verdict} "
                f"on average, in {both} of {len(pairs)} seeds."
            )
    return found

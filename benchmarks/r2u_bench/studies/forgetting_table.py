"""The result file of the study `forgetting`: rows of all seeds, ratios within a seed, paired tests, and what was reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from r2u_rec.evaluate.statistics import paired_test
from r2u_rec.holm import holm
from r2u_rec.report import write_benchmark
from r2u_rec.report.table import markdown_table

SIMULATED, CONTROL = "ready2unlearn simulated", "simulated, alpha 0"
MAIN = {
    ("standard", "retrained"),
    ("standard", "none"),
    ("standard", "Newton, canaries"),
    ("standard", "Newton, shadow canaries"),
    (SIMULATED, "none"),
    (SIMULATED, "Newton, shadow canaries"),
    ("standard", "ascent to AUC .55"),
    (CONTROL, "ascent to AUC .55"),
    (SIMULATED, "ascent to AUC .55"),
    ("isolated", "none"),
    ("closed form", "retrained"),
    ("closed form", "exact down-date"),
}
COLUMNS = ("NDCG@20", "NDCG@20 / retrained", "auc", "adaptive_auc", "tpr_at_1fpr", "excess", "seconds_per_user", "training / standard")


def show(studied: list[dict[str, Any]]) -> str:
    """Returns the table of all rows, for choosing settings; nothing is written."""
    rows = [row for found in studied for row in _with_time_shares(found["rows"])]
    return markdown_table(rows, by=("request", "model", "arm", "operator"), columns=COLUMNS)


def write(dataset: str, seeds: list[int], settings: dict[str, Any], studied: list[dict[str, Any]], results: Path) -> Path:
    """Writes results/forgetting_DATASET.json, all rows, and results/main_DATASET.json, the rows of the README; returns the first path."""
    rows = [row | {"data": dataset} for found in studied for row in _with_time_shares(found["rows"])]
    main = [row for row in rows if row["request"] == "flagged" and (row["arm"], row["operator"]) in MAIN]
    asked = f"After a tenth of the users left ({dataset}): what is kept for those who stay, and what is left of those who left?"
    common = {
        "command": f"r2u bench forgetting {dataset} --seeds {' '.join(map(str, seeds))}",
        "settings": settings,
        "seeds": seeds,
        "columns": COLUMNS,
        "split_hashes": {f"{part}, seed {f['seed']}": value for f in studied for part, value in f["split_hashes"].items()},
    }
    which = "Requests from the users whom the scorer flags."
    write_benchmark(results, f"main_{dataset}", question=f"{asked} {which}", figures=main, by=("model", "arm", "operator"), **common)
    by = ("request", "model", "arm", "operator")
    return write_benchmark(results, f"forgetting_{dataset}", question=asked, figures=rows, by=by, notes=_notes(rows), **common)


def _with_time_shares(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Adds each arm's training cost over standard training's, both of the same run."""
    base = next(r["training_cpu_seconds"] for r in rows if r["arm"] == "standard" and r["operator"] == "none")
    return [r | ({"training / standard": r["training_cpu_seconds"] / base} if r["operator"] == "none" else {}) for r in rows]


def _by_seed(rows: list[dict[str, Any]], key: str, **named: str) -> dict[int, float]:
    return {r["seed"]: r[key] for r in rows if all(r.get(k) == v for k, v in named.items()) and r.get(key) is not None}


def _notes(rows: list[dict[str, Any]]) -> list[str]:
    notes, tests = [], []
    for request in ("flagged", "not flagged"):
        for other in ("standard", CONTROL):
            pair = [_by_seed(rows, "NDCG@20", request=request, arm=arm, operator="ascent to AUC .55") for arm in (SIMULATED, other)]
            shared = sorted(set(pair[0]) & set(pair[1]))
            if len(shared) < 2:
                continue
            a, b = (np.array([p[seed] for seed in shared]) for p in pair)
            each = ", ".join(f"{x:+.4f}" for x in a - b)
            tests.append((f"{request} users, plain ascent at equal imprint: prepared less {other}", each, a - b, paired_test(a, b).p_value))
    for (what, each, gain, _), p in zip(tests, holm([t[3] for t in tests]) if tests else [], strict=True):
        notes.append(f"{what}: NDCG@20 {gain.mean():+.4f} on average (by seed {each}; paired t-test, Holm-corrected p = {p:.2g}).")
    exact = [row["max_difference"] for row in rows if row.get("max_difference") is not None]
    notes.append(f"EASE, exact down-date: no weight differs from retraining's by more than {max(exact):.1e} in any seed and request.")
    single = {
        name: float(np.median([row["single_seconds"] for row in rows if row["model"] == name and "single_seconds" in row]))
        for name in ("MF", "EASE")
    }
    notes.append(f"A request of one user alone takes {single['MF']:.2f} s by the Newton step and {single['EASE']:.3f} s by EASE (medians).")
    return notes

"""A benchmark whose story is known: rows deleted is remembered, ascent pays too much, the Newton step keeps and hides, shards keep less."""

from __future__ import annotations

from typing import Any

import numpy as np
from r2u_bench.rivals.bench import BenchmarkResult
from r2u_bench.rivals.figures import Figures
from r2u_bench.rivals.preset import Preset
from r2u_bench.rivals.requests import requests_of
from r2u_bench.rivals.summary import QUALITY, lines

from r2u_rec.registry.specs import FAMILIES
from r2u_rec.rng import stream

SEEDS = (0, 1, 2)
SHARES = (0.01, 0.05)
REQUESTS = requests_of(None, SHARES)
BASE = {"mf": 0.31, "ease": 0.33}
REFUSED = {("mf", "edge 1 %"): "the references <span> .31 to .69 with 9 erased users", ("mf", "edge 5 %"): "the references have AUC .62"}
FAILED = ["ascent on MF, core 5 %, seed 2: the loss is not finite at step 3"]

Story = tuple[str, str, str, bool, str, float, float | None, float, float, float | None]
"""name, title, family, exact, reads, utility, AUC, seconds at 5 %, training share, MB."""

MF: list[Story] = [
    ("retrain", "retrained", "reference", True, "retained", 1.000, 0.500, 12.0, 1.0, 0.0),
    ("rows_deleted", "rows deleted", "reference", False, "request", 1.002, 0.930, 0.0004, 1.0, 0.0),
    ("ascent", "ascent", "edit", False, "request", 0.550, 0.420, 1.4, 1.0, 0.0),
    ("newton", "Newton, item blocks", "edit", False, "request", 0.995, 0.515, 0.9, 1.03, 27.5),
    ("npo", "NPO", "edit", False, "request", 0.940, 0.610, 1.6, 1.0, None),
    ("reweighted", "re-weighted, ascent", "training", False, "request", 0.930, 0.580, 1.5, 1.1, 0.0),
    ("sharded by=user shards=4", "toy shards", "shards", True, "retained", 0.870, 0.500, 3.1, 0.9, 8.2),
    ("sharded by=item shards=4", "toy shards", "shards", True, "retained", 0.850, 0.505, 3.3, 0.9, 8.2),
    ("federated", "toy federated", "federated", False, "request", 0.905, None, 150.0, 12.0, 1.0),
]
EASE: list[Story] = [
    ("retrain", "retrained", "reference", True, "retained", 1.000, 0.500, 0.9, 1.0, 0.0),
    ("rows_deleted", "rows deleted", "reference", False, "request", 1.001, 0.880, 0.0002, 1.0, 0.0),
    ("downdate", "exact down-date", "closed", True, "request", 1.000, 0.500, 0.35, 1.2, 22.6),
]
STORIES = {"mf": MF, "ease": EASE}


def make_found(stories: dict[str, list[Story]] = STORIES, *, command_evil: str = "") -> BenchmarkResult:
    """Returns what a run of `stories` gave; `command_evil` goes into every text that comes from outside."""
    rows: list[dict[str, Any]] = []
    verdicts: list[dict[str, Any]] = []
    for model, story in stories.items():
        for request in REQUESTS:
            rows += [_row(model, _reference(), request, seed, number) for seed in SEEDS for number in (0, 1)]
        for one in story:
            for request in REQUESTS:
                kept = [seed for seed in SEEDS if (model, one[0], request, seed) != ("mf", "ascent", "core 5 %", 2)]
                rows += [_row(model, one, request, seed, None) for seed in kept]
                if one[6] is not None and (model, request) not in REFUSED:
                    verdicts.append(_verdict(model, one, request, len(kept)))
    if command_evil:
        for row in rows:
            row["title"] += command_evil
    fits = {(model, one[0]): BASE[model] * one[5] for model, story in stories.items() for one in story}
    content = {
        "data": "ml-100k",
        "seeds": list(SEEDS),
        "shares": list(SHARES),
        "n_references": 2,
        "models": {model: {"settings": {"d": 64, "note": command_evil}, "systems": "all", "requests": "all"} for model in stories},
    }
    refused = {cell: why + command_evil for cell, why in REFUSED.items()}
    shown = Figures(rows, verdicts, refused, FAILED)
    planned = sum(len(SEEDS) * len(story) for story in stories.values()) + 60
    failures = ["lightgcn was left out: toy is not installed" + command_evil, *FAILED]
    return BenchmarkResult(Preset("toy", content), shown, lines(rows, verdicts, fits), planned, planned - 1, 1234.0, failures)


def make_crowd(n: int = 30, seed: int = 0) -> BenchmarkResult:
    """Returns a run of n systems on one recommender, most of which lie close together, as good ones do."""
    rng = stream(seed, "crowd")
    families = list(FAMILIES)
    stories: list[Story] = [MF[0], MF[1]]
    names = ["fine-tuned", "SCIF", "IFRU", "NPO", "GraphEraser", "RecEraser, attention", "UltraRE", "SISA, by user", "Unlearn-ALS"]
    names += ["influence, item rows", "bad teacher", "Ready2Unlearn, ascent", "noisy, ascent", "clipped, Newton", "LoRA, item side"]
    for i in range(n - 2):
        close = rng.random() < 0.7
        utility = 1 - abs(rng.normal(0, 0.012)) if close else 1 - abs(rng.normal(0, 0.35))
        auc = 0.5 + (abs(rng.normal(0, 0.03)) if close else rng.normal(0, 0.15))
        title = names[i % len(names)] + ("" if i < len(names) else " II")
        seconds = float(np.exp(rng.normal(0, 2)))
        stories.append((f"s{i}", title, families[1 + i % 6], False, "request", float(utility), float(auc), seconds, 1.0, 5.0))
    return make_found({"mf": stories})


def _reference() -> Story:
    return ("retrain", "retrained", "reference", True, "retained", 1.0, 0.5, 12.0, 1.0, None)


def _row(model: str, one: Story, request: str, seed: int, number: int | None) -> dict[str, Any]:
    name, title, family, exact, reads, utility, auc, seconds, training, megabytes = one
    rng = stream(seed, model, name, request, str(number))
    large = request.endswith("5 %")
    base = BASE[model] * (1 + 0.01 * seed)
    row: dict[str, Any] = {
        "model": model,
        "system": name,
        "title": title,
        "operator": name if number is None else "retrained",
        "request": request,
        "seed": seed,
        "split": seed,
        QUALITY: base * utility * (1 + 0.002 * rng.normal()),
        f"{QUALITY} active": 1.1 * base * utility * (1 + 0.004 * rng.normal()),
        f"{QUALITY} inactive": 0.8 * base * utility * (1 + 0.006 * rng.normal()),
        "cpu_seconds": seconds * (1 if large or number is not None else 0.25),
    }
    if auc is not None and (model, request) not in REFUSED:
        row |= {"auc": float(np.clip(auc + 0.02 * rng.normal(), 0, 1)), "adaptive_auc": 0.51 + 0.9 * abs(auc - 0.5)}
        row |= {"excess": 0.3 * (auc - 0.5), "own_loss_auc": auc}
    if number is not None:
        return row | {"number": number}
    return row | {
        "family": family,
        "reads": reads,
        "exact": exact,
        "length": None,
        "memory_mb": megabytes,
        "training_share": training,
        "cost_share": row["cpu_seconds"] / 12.0,
    }


def _verdict(model: str, one: Story, request: str, n_seeds: int) -> dict[str, Any]:
    auc, n_users = one[6], 47 if request.endswith("5 %") else 9
    assert auc is not None
    auc += 0.03 if request.startswith("core") else 0.0
    return {
        "model": model,
        "system": one[0],
        "title": one[1],
        "request": request,
        "n_seeds": n_seeds,
        "auc": auc,
        "auc_se": 0.024,
        "adaptive_auc": 0.51 + 0.9 * abs(auc - 0.5),
        "own_loss_auc": auc,
        "tpr_at_1fpr": 0.02,
        "excess": 0.3 * (auc - 0.5),
        "excess_se": 0.004,
        "n_forget": n_users * n_seeds,
        "n_holdout": 47 * n_seeds,
    }

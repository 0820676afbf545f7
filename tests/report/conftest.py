"""A synthetic run whose story is known: ascent over-pays, the Newton step reaches the retrained models, EASE is exact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from r2u_rec.report import RunResult
from r2u_rec.report.page import render_page

SEEDS = (11, 12, 13)

_METHODS = {  # (model, arm, operator): NDCG@20, auc, adaptive_auc, tpr_at_1fpr, excess, seconds
    ("MF", "standard", "none"): (0.3132, 0.926, 0.951, 0.60, 0.160, 0.001),
    ("MF", "standard", "gradient ascent"): (0.1650, 0.551, 0.930, 0.05, 0.010, 1.4),
    ("MF", "standard", "block Newton"): (0.3090, 0.512, 0.550, 0.02, 0.004, 0.9),
    ("MF", "Ready2Unlearn", "gradient ascent"): (0.2585, 0.549, 0.720, 0.04, 0.008, 1.5),
    ("MF", "any", "retrained"): (0.3130, 0.500, 0.520, 0.01, 0.000, 12.5),
    ("EASE", "closed form", "exact down-date"): (0.3346, 0.500, 0.505, 0.01, 0.000, 0.35),
    ("EASE", "closed form", "retrained"): (0.3346, 0.500, 0.505, 0.01, 0.000, 0.9),
}


def make_rows(noise: float = 0.003) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    rows = []
    for (model, arm, operator), values in _METHODS.items():
        for seed in SEEDS:
            figures = dict(zip(("NDCG@20", "auc", "adaptive_auc", "tpr_at_1fpr", "excess", "seconds"), values, strict=True))
            moved = {name: value * (1 + noise * rng.normal()) for name, value in figures.items()}
            row = {"model": model, "arm": arm, "operator": operator, "seed": seed, "exact": model == "EASE", **moved}
            if operator == "exact down-date":
                row["max_difference"] = 3e-13
            rows.append(row)
    return rows


def make_curves() -> list[dict[str, Any]]:
    ends = {
        "standard: gradient ascent": (0.551, 0.165),
        "Ready2Unlearn: gradient ascent": (0.549, 0.2585),
        "standard: block Newton": (0.512, 0.309),
        "Ready2Unlearn: block Newton": (0.507, 0.311),
    }
    rng = np.random.default_rng(1)
    points = []
    for method, (auc, kept) in ends.items():
        for seed in SEEDS:
            for step in range(9):
                share = step / 8
                points.append(
                    {
                        "model": "MF",
                        "method": method,
                        "step": step,
                        "seed": seed,
                        "auc": 0.926 + (auc - 0.926) * share + 0.002 * rng.normal(),
                        "retained": 0.3132 + (kept - 0.3132) * share**2 + 0.001 * rng.normal(),
                    }
                )
    return points


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return make_rows()


def make_result(**changes: Any) -> RunResult:
    """A whole run, with `changes` to its fields."""
    arms = ("standard", "Ready2Unlearn", "isolated", "re-weighted")
    training = [
        {
            "arm": arm,
            "epoch": epoch,
            "seed": seed,
            "loss": 0.69 * np.exp(-epoch / (14 + 3 * i)) + 0.12 + 0.01 * i + 0.004 * (seed - 12),
            "validation": None if epoch % 3 else 0.31 * (1 - np.exp(-(epoch + 2) / (9 + 2 * i))) + 0.002 * (seed - 12),
        }
        for i, arm in enumerate(arms)
        for epoch in range(0, 60)
        for seed in SEEDS
    ]
    groups = [
        {"method": m, "group": g, "n_users": n, "seed": seed, "before": b, "after": b - loss, "retrained": b - 0.002}
        for g, n, b in (("more active half", 424, 0.352), ("less active half", 425, 0.274), ("tail items", 849, 0.121))
        for m, loss in (
            ("standard: gradient ascent", 0.07),
            ("Ready2Unlearn: gradient ascent", 0.03),
            ("standard: block Newton", 0.004),
        )
        for seed in SEEDS
    ]
    costs = [
        {"method": method, "seconds": seconds * (1 + 0.1 * i), "seed": seed}
        for method, seconds in (
            ("EASE: exact down-date", 0.004),
            ("standard: block Newton", 0.9),
            ("Ready2Unlearn: gradient ascent", 1.5),
            ("retrained", 12.5),
        )
        for i, seed in enumerate(SEEDS)
    ]
    fields: dict[str, Any] = {
        "name": "2026-05-01-ml-100k",
        "question": "Ten per cent of the users withdraw. What does the model still know of them, and what did the others lose?",
        "command": "r2u run --from runs/2026-05-01-ml-100k",
        "settings": {"model": {"name": "MF", "embedding_dim": 64, "lr": 0.002}, "request": {"share": 0.1, "policy": "top_share"}},
        "data": {"name": "ml-100k", "n_users": 943, "n_items": 1682, "n_interactions": 100_000, "sha256": "ab" * 32},
        "split_hashes": {"train": "0123456789abcdef", "test": "fedcba9876543210"},
        "seeds": list(SEEDS),
        "rows": make_rows(),
        "curves": make_curves(),
        "training": training,
        "groups": groups,
        "costs": costs,
    }
    return RunResult(**{**fields, **changes})


@pytest.fixture
def synthetic() -> Callable[..., RunResult]:
    """`synthetic(**changes)`: a whole run, as `make_result`."""
    return make_result


@pytest.fixture(scope="session")
def page() -> str:
    """The page of that run."""
    return render_page(make_result())

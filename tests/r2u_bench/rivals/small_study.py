"""A made-up log of four tastes, small enough that every system can be run on it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from r2u_rec.data import random_per_user, read_log
from r2u_rec.study.kinds import every_kind
from r2u_rec.study.study import Study

SHARES = (0.02, 0.04)
WAYS = {
    "reweighted": {"weight": 0.25},
    "noisy": {"sigma": 0.3},
    "clipped": {"max_norm": 0.01},
    "phased": {"share": 0.5},
    "private": {"max_norm": 0.1, "noise_multiplier": 0.5},
    "ready2unlearn": {
        "request_share": 0.3,
        "epochs_share": 0.25,
        "preparation": {
            "alpha": 0.1, "alpha_unit": "record", "displace": ["item_*"], "share_weighted": True, "normalised_weights": True,
            "bound": "cap", "bound_level": 1.0, "lambda1": 1.0, "lambda3": 1.0, "n_forget": 64, "n_retain": 64,
        },
    },
    "paper": {"epochs_share": 0.25, "preparation": {"lambda1": 2.0, "lambda3": 4.0, "allow_divergence": True}},
}  # fmt: skip
MF = {"build": {"embedding_dim": 8}, "task": {"reg": 0.01}, "training": {"epochs": 12, "batch_size": 1024, "lr": 0.05}}


def table(n_users: int = 300, n_items: int = 48, seed: int = 0) -> pd.DataFrame:
    """Users of four tastes with ten to thirty things each; things of the own taste are four times as likely."""
    rng = np.random.default_rng(seed)
    weights = np.where(np.arange(n_items) % 4 == np.arange(n_users)[:, None] % 4, 4.0, 1.0)
    sizes = rng.integers(12, 30, n_users)
    items = [rng.choice(n_items, size=n, replace=False, p=w / w.sum()) for n, w in zip(sizes, weights, strict=True)]
    at = rng.integers(1_600_000_000, 1_650_000_000, int(sizes.sum()))
    return pd.DataFrame({"user_id": np.repeat(np.arange(n_users), sizes), "item_id": np.concatenate(items), "timestamp": at})


def small_study(seed: int = 0) -> Study:
    return every_kind(random_per_user(read_log(table()), seed=seed), seed=seed, shares=SHARES, calibration_share=0.06)


def settings(model: Any) -> dict[str, Any]:
    return {"shares": list(SHARES), "strangers_share": 0.06, "n_halves": 1, "ways": WAYS, "model": model}

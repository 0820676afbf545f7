"""A small log in a file, and `r2u` as a function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from r2u_rec.cli.main import main

N_USERS, N_ITEMS = 240, 80


class Said(NamedTuple):
    """Exit status and what was printed."""

    status: int
    out: str
    err: str


@pytest.fixture
def r2u(capsys) -> Callable[..., Said]:
    """`r2u("train", "--seed", 1)` runs the command line in this process."""

    def call(*argv: object) -> Said:
        capsys.readouterr()
        status = main([str(token) for token in argv])
        return Said(status, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def ratings(tmp_path_factory) -> Path:
    """A CSV of users u0.. with 20 items each from one of four tastes, one second apart."""
    rng = np.random.default_rng(0)
    lines = ["user,item,rating,timestamp"]
    for user in range(N_USERS):
        weights = np.where(np.arange(N_ITEMS) % 4 == user % 4, 3.0, 1.0)
        items = rng.choice(N_ITEMS, size=20, replace=False, p=weights / weights.sum())
        lines += [f"u{user},i{item},{rng.integers(1, 6)},{1_000_000 + 86_400 * k + user}" for k, item in enumerate(items)]
    path = tmp_path_factory.mktemp("data") / "ratings.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def small(ratings) -> list[str]:
    """Flags that make every verb fast on the small log."""
    flags = {"data.path": ratings, "model.embedding_dim": 8, "training.epochs": 8, "training.batch_size": 512, "training.lr": 0.02}
    flags |= {"revocability.scorer": "uniform", "forget.length": 1.0, "prepare.n_retain": 256, "forget.smallest_batch": 1}
    return [f"--{key}={value}" for key, value in flags.items()]

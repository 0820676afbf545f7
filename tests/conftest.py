"""What every test may ask for: the folder of real data, the checkout, and the search that the conformance suite is made of."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from r2u_rec.cli.main import main
from r2u_rec.registry import ARMS, METHODS, MODELS, SCORERS

sys.path.insert(0, str(Path(__file__).parent / "conformance"))

N_USERS, N_ITEMS = 240, 80


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder that holds pyproject.toml."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that R2U_DATA names; the test is skipped when it is not set."""
    folder = os.environ.get("R2U_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("R2U_DATA does not name a folder of data sets")
    return Path(folder)


@pytest.fixture(scope="module", autouse=True)
def registries():
    """What a file of tests registers is forgotten after it, so that no other file meets it."""
    before = {registry: dict(registry._specs) for registry in (ARMS, METHODS, MODELS, SCORERS)}
    yield
    for registry, specs in before.items():
        registry._specs = specs


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
    flags |= {
        "revocability.scorer": "uniform",
        "forget.newton.length": 1.0,
        "prepare.ready2unlearn.n_retain": 256,
        "forget.smallest_batch": 1,
    }
    return [f"--{key}={value}" for key, value in flags.items()]

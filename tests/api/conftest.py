"""What the tests of the front door share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from api_toys import checkerboard


@pytest.fixture(scope="session")
def log():
    return checkerboard()


@pytest.fixture(scope="session")
def mf(log):
    import r2u_rec as r2u

    return r2u.MF(embedding_dim=4, epochs=30, lr=0.05, batch_size=64, seed=0).fit(log)

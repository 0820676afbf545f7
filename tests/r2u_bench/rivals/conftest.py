from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from rivals_toys import make_crowd, make_found


@pytest.fixture(scope="session")
def found():
    """Two recommenders, twelve systems, all kinds of requests at 1 and 5 %, three seeds."""
    return make_found()


@pytest.fixture(scope="session")
def crowd():
    """Thirty systems on one recommender, most of them close together."""
    return make_crowd()

"""What every test may ask for: the folder of real data, the checkout, and the search that the conformance suite is made of."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "conformance"))


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

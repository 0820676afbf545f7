"""The Python blocks of the how-to guides and of CONTRIBUTING run, each page from its top, on a made-up shop."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from r2u_rec.registry import METHODS, MODELS, SCORERS

CHECKOUT = Path(__file__).resolve().parents[2]
GUIDES = [*sorted((CHECKOUT / "docs" / "how_to").glob("*.md")), CHECKOUT / "CONTRIBUTING.md"]
DEFAULTS = {"r2u.MF(": "r2u.MF(embedding_dim=4, epochs=4, "}
"""Small settings in place of the defaults."""


def program(page: Path) -> str:
    """Returns the Python blocks of a page as one program, its models small."""
    text = "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE))
    if "embedding_dim" not in text:
        for usual, small in DEFAULTS.items():
            text = text.replace(usual, small)
    return text


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A folder with purchases.csv, a list of who leaves, and a saved model; two customers of the guides among them."""
    rng = np.random.default_rng(0)
    customers = [f"C-{n:05d}" for n in (5, 934, *range(1000, 1048))]
    rows = [(c, f"{kind}-{n:02d}") for c in customers for kind, n in zip(["tea", "mug"] * 6, rng.permutation(12), strict=True)]
    frame = pd.DataFrame(rows, columns=["customer", "sku"]).assign(bought_on="2025-11-02")
    frame.to_csv(tmp_path / "purchases.csv", index=False)
    (tmp_path / "leaving.txt").write_text("\n".join(customers[2:24]) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def registries_are_put_back(monkeypatch):
    for registry in (MODELS, METHODS, SCORERS):
        monkeypatch.setattr(registry, "_specs", dict(registry._specs))


@pytest.mark.parametrize("page", [page for page in GUIDES if program(page)], ids=lambda page: page.stem)
def test_the_program_of_a_guide_runs(page, shop, capsys):
    import r2u_rec as r2u

    if page.stem == "monthly_batch":
        log = r2u.read_interactions(shop / "purchases.csv", user="customer", item="sku", time="bought_on", duplicates="first")
        r2u.MF(embedding_dim=4, epochs=4).fit(log).save(shop / "models" / "november")
    (shop / "guide.py").write_text(program(page))
    runpy.run_path(str(shop / "guide.py"))
    if page.stem == "one_request":
        assert "popularity" in capsys.readouterr().out
    if page.stem == "monthly_batch":
        assert r2u.load(shop / "models" / "december").log.user_counts.astype(bool).sum() == 28

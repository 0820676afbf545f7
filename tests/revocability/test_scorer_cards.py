"""Every scorer says what it is, in one place; docstrings, documentation and names follow it."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability import SCORERS, churn, engagement, rank_shares
from r2u_rec.revocability.featurize.table import COLUMNS, FeatureSettings, features
from r2u_rec.revocability.reports.documentation import as_markdown
from r2u_rec.revocability.scorers.blend import blend
from r2u_rec.revocability.scorers.card import NEEDS
from r2u_rec.revocability.scorers.registry import REGISTRY

CARDS = list(REGISTRY.values())
names = pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)


@names
def test_a_card_leaves_nothing_open(card):
    for field in ("name", "formula", "source", "unit", "range", "correlates", "fails"):
        assert getattr(card, field).strip(), field
    assert card.sign in (-1, 0, 1)
    assert set(card.needs) <= set(NEEDS)
    assert set(card.columns) <= set(COLUMNS)
    assert (card.made is None) == (not card.columns)
    assert SCORERS[card.name] is card.function


@names
def test_the_docstring_holds_the_card_and_says_what_comes_back(card):
    text = inspect.getdoc(card.function)
    for said in (card.formula, card.source, card.unit, card.range, card.correlates, card.fails):
        assert said in text
    assert "(n_users,)" in text


def test_every_column_of_the_feature_table_but_the_spans_is_part_of_a_scorer():
    used = {column for card in CARDS for column in card.columns}
    assert set(COLUMNS) - used == {"n_items", "span_days", "age_days", "sensitive_records"}


def test_the_documentation_is_made_from_the_cards(checkout):
    written = (checkout / "docs" / "scorers.md").read_text()
    assert written == as_markdown(), "run python -m r2u_rec.revocability.reports.documentation docs/scorers.md"
    for card in CARDS:
        assert f"\n## {card.name}\n" in written


def test_the_documentation_is_written_where_it_is_asked_for(tmp_path):
    command = [sys.executable, "-m", "r2u_rec.revocability.reports.documentation"]
    subprocess.run([*command, str(tmp_path / "scorers.md")], check=True)
    assert (tmp_path / "scorers.md").read_text() == as_markdown()
    assert "usage:" in subprocess.run(command, capture_output=True, text=True).stderr


@pytest.fixture(scope="module")
def told():
    """Settings under which every scorer can score."""
    return {"categories": "class", "sensitive_categories": ("genre1",)}


@names
def test_a_score_is_made_of_its_columns_and_nothing_else(card, stationary, told):
    if card.made is None:
        pytest.skip("its scores come from outside")
    log = stationary(0, n_users=30)
    info = pd.DataFrame({"age": np.where(np.arange(30) % 3, 30.0, np.nan)})
    log = dataclasses.replace(log, rating=np.random.default_rng(0).integers(1, 6, len(log)).astype(np.float32), user_info=info)
    taken = {name: value for name, value in told.items() if name in inspect.signature(card.function).parameters}
    score = card.function(log, **taken)
    found = features(log, FeatureSettings(**told), only=card.columns)
    assert_allclose(score, card.made({name: found[name].to_numpy() for name in found}))
    assert score.shape == (30,)
    assert score.dtype == np.float64
    _within(card.range, score)


def _within(said: str, score) -> None:
    """The score keeps the bounds that the card states in figures."""
    for pattern, inside in (
        (r"\(0, 1\)", lambda s: (s > 0) & (s < 1)),
        (r"\[0, 1\]", lambda s: (s >= 0) & (s <= 1)),
        (r"\[0, 1\)", lambda s: (s >= 0) & (s < 1)),
        (r"\[-1, 1\]", lambda s: (s >= -1) & (s <= 1)),
        (r"0 and more", lambda s: s >= 0),
        (r"1 and more", lambda s: s >= 1),
    ):
        if re.match(pattern, said):
            assert inside(score).all()


@names
def test_what_a_scorer_needs_is_what_it_asks_for(card, build):
    log = build([0, 0, 1, 1], [1, 2, 3, 4], None)
    taken = {"column": "flag"} if card.name == "supplied" else {}
    if card.needs or card.any_of:
        with pytest.raises((DataError, SettingsError)):
            card.function(log, **taken)
    else:
        assert np.isfinite(card.function(log, **taken)).all()


def test_a_high_score_points_where_the_card_says(stationary):
    log = stationary(1, n_users=60)
    plain = blend(log, weights={"engagement": 1, "churn": 1})
    expected = np.sqrt(rank_shares(engagement(log)) * (1 - churn(log)))  # engagement speaks for a withdrawal, churn against one
    assert_allclose(plain, expected)

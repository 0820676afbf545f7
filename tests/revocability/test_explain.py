"""An explanation names every step from the raw quantities to the flag."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from r2u_rec.errors import DataError
from r2u_rec.revocability.featurize.table import COLUMNS
from r2u_rec.revocability.governance.rule_text import parse_rules
from r2u_rec.revocability.governance.rules import Ruled, apply_rules, enforced
from r2u_rec.revocability.reports.explain import explain, user_code
from r2u_rec.revocability.reports.explanation_text import explanation_text, number
from r2u_rec.revocability.scorers.ranks import rank_shares
from r2u_rec.revocability.scorers.registry import Scorer

BUSY = Scorer(
    name="busy",
    function=lambda log: log.user_counts,
    columns=("n_records", "active_days"),
    formula="busy(u) = n_u * days_u",
    source="this test",
    unit="records times days",
    range="[0, inf)",
    sign=1,
    correlates="everything",
    fails="on robots",
)
RAW = np.array([6.0, 2.0, 1500.0, np.nan, 1.0])
PARTS = pd.DataFrame({"n_records": [3.0, 2, 100, np.nan, 1], "active_days": [2.0, 1, 15, np.nan, 1], "surprisal": [1.0] * 5})
INFO = pd.DataFrame({"age": [15.0, 30.0, 40.0, np.nan, 70.0], "risk": [1.0, np.nan, 3.0, np.nan, 2.0]})


@pytest.fixture
def log(build):
    return build([0, 0, 0, 1, 1, 2, 4], list(range(7)), list(range(7)), n_users=5, user_info=INFO)


def explained(log, code: int, *rules: str, **options):
    parsed = parse_rules(rules)
    nothing = np.zeros((0, len(RAW)), dtype=bool)
    ruled = apply_rules(rank_shares(RAW), parsed, INFO) if parsed else Ruled(RAW, (), nothing, nothing)
    users = enforced([2], ruled.scores) if parsed else np.array([2])
    options = {"parts": PARTS, **options}
    return explain(log, code, scorer=BUSY, raw=RAW, ruled=ruled, users=users, policy="top_share share=0.25", **options)


def test_the_parts_are_those_of_the_registry_with_unit_and_rank_share(log):
    found = explained(log, 0)
    assert [(part.name, part.value, part.meaning) for part in found.parts] == [
        ("n_records", 3.0, COLUMNS["n_records"]),
        ("active_days", 2.0, COLUMNS["active_days"]),
    ]
    assert_allclose([part.share for part in found.parts], [0.625, 0.625])  # third of four
    assert (found.raw, found.share, found.final, found.n_users, found.n_records) == (6.0, 0.625, 6.0, 4, 3)


def test_the_flag_stands_beside_the_policy_and_the_lowest_flagged_score(log):
    busiest, other = explained(log, 2), explained(log, 1)
    assert (busiest.flagged, other.flagged) == (True, False)
    assert (other.n_flagged, other.lowest_flagged) == (1, 1500.0)
    assert "FLAGGED as revocable by top_share share=0.25: 1 of 4 users are; the lowest flagged score is 1,500" in explanation_text(busiest)
    assert "not flagged by top_share" in explanation_text(other)


def test_the_text_holds_formula_source_unit_range_and_where_it_misleads(log):
    text = explanation_text(explained(log, 0))
    for words in ("user user0: 3 records", "scorer busy: 6 (records times days; range [0, inf))", "formula: busy(u) = n_u * days_u"):
        assert words in text
    for words in ("source: this test", "misleads: on robots", "rank share 0.625 among 4 users", "rules: none", "final score: 6"):
        assert words in text
    assert "surprisal" not in text


def test_rules_that_match_are_told_with_what_they_did(log):
    rules = ("age < 18 -> always", "age < 20 -> never", "everyone -> times 0.5", "age > 60 -> never")
    young, middle = explained(log, 0, *rules), explained(log, 1, *rules)
    assert young.rules == (
        ("1. age < 18 -> always", "decides the score"),
        ("2. age < 20 -> never", "matches, but rule 1 decides"),
        ("3. everyone -> times 0.5", "matches, but rule 1 decides"),
    )
    assert (young.final, young.flagged) == (1.0, True)
    assert middle.rules == (("3. everyone -> times 0.5", "applied"),)
    assert middle.final == 0.5 * 0.375
    text = explanation_text(young)
    assert "rules: 3 of 4 match" in text
    assert "final score: 1 (score 1: always)" in text
    assert "final score: 0 (score 0: never)" in explanation_text(explained(log, 4, *rules))


def test_a_user_without_a_value_to_blend_with_is_told_so(log):
    found = explained(log, 1, "everyone -> blend 0.5 with risk")
    assert found.rules == (("1. everyone -> blend 0.5 with risk", "matches, but has no value to blend with"),)
    assert found.final == found.share


def test_when_no_rule_matches_the_score_is_its_rank_share(log):
    assert "rules: 0 of 1 match; the score stays as its rank share" in explanation_text(explained(log, 1, "age < 18 -> always"))


def test_a_learned_score_shows_what_each_part_adds_the_weightiest_first(log):
    found = explained(log, 0, effects={"n_records": 0.25, "active_days": -1.5}, interval=(0.1, 0.3))
    assert [(part.name, part.effect) for part in found.parts] == [("active_days", -1.5), ("n_records", 0.25)]
    text = explanation_text(found)
    assert "95 % interval [0.1, 0.3]" in text
    assert "log odds" in text
    assert "-1.500" in text


def test_a_scorer_from_outside_has_no_parts(log):
    found = explained(log, 0, parts=None)
    assert found.parts == ()
    assert "meaning" not in explanation_text(found)


def test_nobody_flagged_leaves_no_lowest_score(log):
    nothing = np.zeros((0, len(RAW)), dtype=bool)
    found = explain(
        log, 0, scorer=BUSY, raw=RAW, ruled=Ruled(RAW, (), nothing, nothing), users=np.empty(0, dtype=np.int64), policy="threshold value=9"
    )
    assert np.isnan(found.lowest_flagged)
    assert explanation_text(found).endswith("not flagged by threshold value=9: 0 of 4 users are")


def test_who_cannot_be_explained_is_named(log):
    assert user_code(log, "user2") == 2
    with pytest.raises(
        DataError, match="user 'nobody' is not in the data: give a key as it stands in the user column, such as user0, user1"
    ):
        user_code(log, "nobody")
    with pytest.raises(DataError, match="user 'user3' has no records left: there is nothing to withdraw"):
        user_code(log, "user3")
    with pytest.raises(DataError, match="user 'user3' has no score by busy: without records, or withdrawn already"):
        explained(log, 3)
    with pytest.raises(DataError, match="user 'user1' is not in the data"):
        user_code(log.drop(log.ids_of_users([1])), "user1")


def test_figures_are_short_and_large_ones_whole():
    assert [number(value) for value in (0.123456, 12.0, 1234567.8, -4321.0, float("nan"))] == ["0.1235", "12", "1,234,568", "-4,321", "–"]

"""Whom a scorer flags by group, against counts made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2_contingency, fisher_exact

from r2u_rec.errors import SettingsError
from r2u_rec.revocability.reports.fairness import MISSING, SMALL, fairness
from r2u_rec.revocability.reports.fairness_table import fairness_note, fairness_tables

N = 200


@pytest.fixture
def population():
    """Half are of group a, of whom 60 % are flagged, half of group b, of whom 20 % are."""
    info = pd.DataFrame({"group": ["a"] * 100 + ["b"] * 100, "age": np.arange(N) % 80 + 0.0, "even": [True, False] * 100})
    flagged = np.concatenate([np.arange(60), 100 + np.arange(20)])
    scores = np.where(np.isin(np.arange(N), flagged), 0.9, 0.1)
    return scores, flagged, info


def of(found, column, group) -> pd.Series:
    rows = found.groups[(found.groups["column"] == column) & (found.groups["group"] == group)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_shares_and_ratios_are_those_counted_by_hand(population):
    found = fairness(*population, ["group"])
    a, b = of(found, "group", "a"), of(found, "group", "b")
    assert (a["n"], a["flagged"], a["share"], b["share"]) == (100, 60, 0.6, 0.2)
    assert_allclose([a["ratio"], b["ratio"]], [1.5, 0.5])
    assert a["low"] < 0.6 < a["high"]
    assert_allclose(a["mean_score"], 0.6 * 0.9 + 0.4 * 0.1)
    assert (found.n, found.flagged) == (200, 80)


def test_the_test_is_the_chi_square_of_the_counts(population):
    found = fairness(*population, ["group"]).tests.iloc[0]
    expected = chi2_contingency([[60, 40], [20, 80]], correction=False)
    assert_allclose([found["chi_square"], found["p"]], [expected.statistic, expected.pvalue])
    assert_allclose(found["cramers_v"], np.sqrt(expected.statistic / N))
    assert found["how"] == "asymptotic"


def test_p_values_are_corrected_for_the_number_of_columns(population):
    tests = fairness(*population, ["group", "even", "age"]).tests
    p = np.sort(tests["p"])
    by_hand = np.maximum.accumulate([min(3 * p[0], 1), min(2 * p[1], 1), p[2]])
    assert_allclose(np.sort(tests["p_holm"]), by_hand)
    assert_array_equal(fairness(*population, ["group"]).tests["p_holm"], fairness(*population, ["group"]).tests["p"])


def test_small_groups_are_shown_together_and_stay_unnamed(population):
    scores, flagged, _ = population
    info = pd.DataFrame({"job": ["clerk"] * 150 + ["diver"] * 12 + ["pilot"] * 9 + [None] * 29})
    found = fairness(scores, flagged, info, ["job"], min_size=20)
    assert found.groups["group"].tolist() == ["clerk", MISSING, SMALL]
    assert of(found, "job", SMALL)["n"] == 21
    assert "diver" not in str(fairness_tables(found))


def test_the_rest_takes_in_the_next_smallest_group_until_it_is_large_enough(population):
    scores, flagged, _ = population
    info = pd.DataFrame({"job": ["clerk"] * 150 + ["nurse"] * 47 + ["pilot"] * 3})
    found = fairness(scores, flagged, info, ["job"], min_size=20)
    assert found.groups["group"].tolist() == ["clerk", SMALL]  # three pilots alone could be told by subtraction
    assert of(found, "job", SMALL)["n"] == 50


def test_every_user_with_a_score_is_in_one_group_and_the_others_in_none(population):
    scores, flagged, info = population
    scores = np.where(np.arange(N) < 50, np.nan, scores)
    found = fairness(scores, flagged, info, ["group", "age", "even"])
    assert found.groups.groupby("column")["n"].sum().tolist() == [150, 150, 150]
    assert found.groups.groupby("column")["flagged"].sum().tolist() == [30, 30, 30]


def test_many_different_numbers_become_bands_of_about_equally_many_users(population):
    found = fairness(*population, ["age"])
    assert len(found.groups) == 5
    assert found.groups["n"].between(30, 50).all()
    assert all(word.isdecimal() for name in found.groups["group"] for word in name.split() if word[0].isdigit())


def test_few_whole_numbers_are_groups_in_their_order(population):
    scores, flagged, info = population
    found = fairness(scores, flagged, info.assign(code=np.arange(N) % 3 * 5.0), ["code"])
    assert found.groups["group"].tolist() == ["0", "5", "10"]


def test_a_numeric_column_is_cut_where_asked(population):
    found = fairness(*population, ["age:18|30.5"])
    age = population[2]["age"]
    assert found.groups["group"].tolist() == ["below 18", "18 to below 30.5", "30.5 or more"]
    assert found.groups["n"].tolist() == [(age < 18).sum(), age.between(18, 30).sum(), (age >= 30.5).sum()]


def test_with_outcomes_each_group_has_its_precision_and_recall(population):
    scores, flagged, info = population
    withdrew = np.isin(np.arange(N), [0, 1, 2, 70, 100, 150, 151])  # a: 3 of 4 were flagged, b: 1 of 3
    found = fairness(scores, flagged, info, ["group"], outcomes=withdrew)
    a, b = of(found, "group", "a"), of(found, "group", "b")
    assert_allclose([a["withdrew"], a["precision"], a["recall"]], [4, 3 / 60, 3 / 4])
    assert_allclose([b["withdrew"], b["precision"], b["recall"]], [3, 1 / 20, 1 / 3])
    assert "recall" in str(fairness_tables(found))
    assert "withdrew" not in fairness(scores, flagged, info, ["group"]).groups


def test_small_expected_counts_are_tested_by_permutation_as_fishers_test_does():
    info = pd.DataFrame({"group": ["a"] * 30 + ["b"] * 30})
    found = fairness(np.full(60, 0.5), [0, 1, 2, 3, 4, 5], info, ["group"]).tests.iloc[0]
    assert found["how"] == "permutations"
    assert_allclose(found["p"], fisher_exact([[6, 24], [0, 30]]).pvalue, atol=0.015)


def test_where_nothing_can_be_compared_no_number_is_made_up(population):
    scores, flagged, info = population
    one, all_flagged = fairness(scores, flagged, info.assign(same="x"), ["same", "group"]), fairness(scores, np.arange(N), info, ["group"])
    nobody = fairness(scores, [], info, ["group"])
    assert one.tests["p_holm"].isna().tolist() == [True, False]
    for found in (all_flagged, nobody):
        assert found.tests["how"].tolist() == ["nothing to compare"]
        assert found.tests["p"].isna().all()
    assert nobody.groups["ratio"].isna().all()
    assert "–" in str(fairness_tables(nobody))


def test_the_tables_hold_every_group_and_test_as_text(population):
    found = fairness(*population, ["group"])
    (headings, groups), (tested, tests) = fairness_tables(found)
    assert headings[:4] == ["column", "group", "users", "flagged"]
    assert groups[0][headings.index("share [95 %]")] == "60.0% [50.2%, 69.1%]"
    assert {len(row) for row in groups} == {len(headings)}
    assert tests[0][tested.index("p")] == "< 0.001"
    assert "80 of 200 users with records are flagged (40.0%)" in fairness_note(found)


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (["grup"], {}, "fairness='grup' is not a column of the user information; did you mean 'group'"),
        (["group:1|2"], {}, r"column 'group' holds no numbers, so it cannot be cut at 1\|2: give its name alone"),
        (["age:30|18"], {}, r"the edges of 'age' must be rising numbers divided by '\|', got '30\|18': write age:18\|30"),
        (["age:old"], {}, "must be rising numbers .* got 'old'"),
        (["group"], {"min_size": 0}, "min_size must be >= 1, got 0"),
    ],
)
def test_what_cannot_be_grouped_is_named(population, columns, options, message):
    with pytest.raises(SettingsError, match=message):
        fairness(*population, columns, **options)


def test_without_user_information_there_is_nothing_to_group_by(population):
    with pytest.raises(SettingsError, match="needs user information, and the log has none"):
        fairness(population[0], population[1], None, ["group"])

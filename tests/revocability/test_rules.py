"""Rules of governance: what they say, whom they bind, and how a mistake in one is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from r2u_rec.errors import SettingsError
from r2u_rec.revocability.governance.comparison import OPERATORS, Comparison
from r2u_rec.revocability.governance.rule_text import parse_rule, parse_rules
from r2u_rec.revocability.governance.rules import EFFECTS, Effect, Rule, apply_rules, enforced
from r2u_rec.revocability.scorers.ranks import rank_shares

NAN = np.nan
INFO = pd.DataFrame(
    {
        "age": [15.0, 18.0, 40.0, NAN, 70.0],
        "region": ["EU", "US", "UK", None, "self employed"],
        "consent": [True, False, True, None, False],
        "since": pd.to_datetime(["2020-01-01", "2021-06-01", None, "2022-01-01", "2019-05-05"]),
        "risk": [1.0, 2.0, 3.0, NAN, 5.0],
    }
)
SCORES = np.array([0.1, 0.3, 0.5, 0.7, 0.9])


def matched(condition: str) -> list[int]:
    """The users for whom the condition holds."""
    return np.flatnonzero(apply_rules(SCORES, parse_rules([f"{condition} -> always"]), INFO).scores == 1).tolist()


def ruled(*texts: str) -> list[float]:
    return apply_rules(SCORES, parse_rules(texts), INFO).scores.tolist()


@pytest.mark.parametrize(
    ("condition", "users"),
    [
        ("age == 18", [1]),
        ("age != 18", [0, 2, 4]),
        ("age < 18", [0]),
        ("age <= 18", [0, 1]),
        ("age > 40", [4]),
        ("age >= 40", [2, 4]),
        ("age between 18 and 40", [1, 2]),
        ("age in 15|70", [0, 4]),
        ("age missing", [3]),
        ("age present", [0, 1, 2, 4]),
        ("region == EU", [0]),
        ("region != EU", [1, 2, 4]),
        ("region in EU | UK", [0, 2]),
        ("region == 'self employed'", [4]),
        ("region == eu", []),
        ("consent == true", [0, 2]),
        ("consent == no", [1, 4]),
        ("since < 2021-01-01", [0, 4]),
        ("since between 2021-06-01 and 2022-01-01", [1, 3]),
        ("age > 15 and region in EU|US and consent == false", [1]),
        ("age between 10 and 50 and region == UK", [2]),
        ("everyone", [0, 1, 2, 3, 4]),
    ],
)
def test_a_condition_holds_for_the_users_it_names_and_missing_values_pass_only_missing(condition, users):
    assert matched(condition) == users


def test_each_effect_does_what_its_name_says():
    assert ruled("age == 40 -> always") == [0.1, 0.3, 1.0, 0.7, 0.9]
    assert ruled("age == 40 -> never") == [0.1, 0.3, 0.0, 0.7, 0.9]
    assert ruled("age == 40 -> set 0.2") == [0.1, 0.3, 0.2, 0.7, 0.9]
    assert_allclose(ruled("age == 40 -> times 1.5"), [0.1, 0.3, 0.75, 0.7, 0.9])
    assert_allclose(ruled("age == 40 -> blend 0.25 with 0.9"), [0.1, 0.3, 0.75 * 0.5 + 0.25 * 0.9, 0.7, 0.9])


def test_the_first_rule_that_sets_wins_over_later_ones_and_over_all_factors():
    assert ruled("age < 20 -> never", "region == EU -> always", "everyone -> times 0.5")[:2] == [0.0, 0.0]
    assert ruled("everyone -> times 0.5", "region == EU -> always")[0] == 1.0


def test_factors_multiply_before_the_result_is_clipped():
    assert_allclose(ruled("everyone -> times 4", "everyone -> times 0.25"), SCORES)
    assert_allclose(ruled("everyone -> times 0.5", "age > 20 -> times 0.5"), SCORES / [2, 2, 4, 2, 4])


def test_no_factor_and_no_blend_reaches_what_always_says():
    for rule in ("everyone -> times 100", "everyone -> blend 1 with 1"):
        scores = np.array(ruled(rule))
        assert (scores < 1).all()
        assert scores.max() > 0.999999


def test_a_column_blends_as_its_rank_share_and_leaves_users_without_a_value_alone():
    result = apply_rules(SCORES, parse_rules(["everyone -> blend 0.5 with risk"]), INFO)
    assert_allclose(result.scores, np.where(INFO["risk"].isna(), SCORES, 0.5 * SCORES + 0.5 * rank_shares(INFO["risk"])))
    assert_array_equal(result.applied, [[True, True, True, False, True]])
    assert_allclose(ruled("everyone -> blend 1 with consent"), [0.75, 0.25, 0.75, 0.7, 0.25])  # two of each, one missing


def test_users_without_records_stay_without_a_score_and_match_no_rule():
    result = apply_rules([NAN, 0.5], parse_rules(["everyone -> always"]), None)
    assert_array_equal(result.scores, [NAN, 1])
    assert_array_equal(result.matched, [[False, True]])


def test_each_user_is_told_which_rule_applied():
    result = apply_rules(SCORES, parse_rules(["age < 20 -> set 0.4", "region == EU -> always", "everyone -> times 0.5"]), INFO)
    assert_array_equal(result.matched, [[1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]])
    assert_array_equal(result.applied, [[1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 1, 1, 1]])
    frame = result.table()
    assert frame["rule"].tolist() == ["age < 20 -> set 0.4", "region == EU -> always", "everyone -> times 0.5"]
    assert frame["n_matched"].tolist() == [2, 1, 5]
    assert frame["n_applied"].tolist() == [2, 0, 3]


def test_without_rules_scores_stay_as_they_are():
    assert_array_equal(apply_rules(SCORES, (), None).scores, SCORES)


def test_always_and_never_bind_whatever_share_a_policy_counts():
    assert_array_equal(enforced([1, 2], [1.0, 0.9, 0.0, 0.5, NAN]), [0, 1])
    assert_array_equal(enforced([], [1.0, NAN, 0.2]), [0])


def test_scores_outside_zero_and_one_are_refused():
    with pytest.raises(ValueError, match=r"got 0.5 to 3: pass rank_shares\(scores\)"):
        apply_rules([0.5, 3.0], (), None)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("agee < 18 -> always", "column='agee' is not a column of the user information; did you mean 'age'"),
        ("age == old -> always", r"column 'age' holds numbers \(15.0, 18.0, 40.0, ...\), got 'old': compare it with a number"),
        ("region < 5 -> always", r"column 'region' holds text \(EU, US, UK, ...\), and < needs numbers or dates: use == or in"),
        ("consent > 0 -> always", "column 'consent' holds booleans .*and > needs numbers"),
        ("consent == maybe -> always", "got 'maybe': compare it with true or false"),
        ("since < summer -> always", "got 'summer': compare it with a date such as 2024-05-31"),
        ("everyone -> blend 0.5 with risc", "column='risc' is not a column of the user information; did you mean 'risk'"),
        ("everyone -> blend 0.5 with region", "column 'region' must hold numbers or booleans to blend with"),
    ],
)
def test_a_rule_that_does_not_fit_the_columns_is_named_with_its_remedy(rule, message):
    with pytest.raises(SettingsError, match=f"rule '{rule}'.*{message}"):
        apply_rules(SCORES, [parse_rule(rule)], INFO)


def test_without_user_information_a_rule_says_so():
    with pytest.raises(SettingsError, match="needs user information, and the log has none: read the user file too, or drop the rule"):
        apply_rules(SCORES, [parse_rule("age < 18 -> always")], None)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("age < 18", "has no '->': a rule reads 'COLUMN OPERATOR VALUE -> EFFECT'"),
        ("age = 18 -> always", "unknown operator '='; did you mean '=='"),
        ("age ~ 18 -> always", "unknown operator '~'; there are ==, !="),
        ("age < -> always", "< takes 1 value, got 0"),
        ("age between 18 -> always", "between takes 2 values, got 1"),
        ("age between 18 or 20 -> always", "between takes two values joined by 'and'"),
        ("age missing 3 -> always", "missing takes 0 values, got 1"),
        ("region in EU, UK -> always", r"in takes values divided by '\|', got 'EU, UK'"),
        ("region == self employed -> always", "== takes one value, got 'self employed': put values of several words in quotes"),
        ("zip code == 5 -> always", "after 'zip' an operator was expected, got 'code': put names of several words in quotes"),
        ("age < 18 and -> always", "the condition is incomplete"),
        ("region == 'EU -> always", 'the quote at "\'EU -> always" is not closed'),
        ("age < 18 -> alway", "unknown effect 'alway'; did you mean 'always'"),
        ("age < 18 -> ", "unknown effect ''; there are always, never, set NUMBER"),
        ("age < 18 -> set", "the effect set is incomplete or too long"),
        ("age < 18 -> set high", "set takes a number, got 'high'"),
        ("age < 18 -> set 2", r"set takes numbers in \[0, 1\], got 2"),
        ("age < 18 -> times -1", "times takes numbers >= 0, got -1"),
        ("age < 18 -> times nan", "times takes numbers >= 0, got nan"),
        ("age < 18 -> blend 0.5", "incomplete or too long: write set NUMBER, times FACTOR, or blend WEIGHT with COLUMN"),
        ("age < 18 -> blend half with risk", "blend takes a number, got 'half'"),
        ("age < 18 -> blend 1.5 with risk", r"blend takes numbers in \[0, 1\], got 1.5"),
    ],
)
def test_a_rule_that_cannot_be_read_is_repeated_with_what_is_wrong(rule, message):
    with pytest.raises(SettingsError, match=f"^rule {'.*'}{message}") as caught:
        parse_rule(rule)
    assert repr(rule) in str(caught.value)


WORDS = st.text(st.sampled_from("aé1.-<>=|& '"), max_size=8) | st.sampled_from([*OPERATORS, *EFFECTS, "and", "everyone", "->"])
N_VALUES = {"between": (2, 2), "missing": (0, 0), "present": (0, 0), "in": (1, 4)}
TESTS = st.sampled_from(OPERATORS).flatmap(
    lambda operator: st.builds(
        Comparison,
        WORDS,
        st.just(operator),
        st.lists(WORDS, min_size=N_VALUES.get(operator, (1, 1))[0], max_size=N_VALUES.get(operator, (1, 1))[1]).map(tuple),
    )
)
NAMES = WORDS.filter(lambda word: not word.replace(".", "").replace("-", "").strip().isdecimal())  # what reads as a number is one
EFFECT = st.one_of(
    st.sampled_from(["always", "never"]).map(Effect),
    st.builds(Effect, st.sampled_from(["set", "times"]), st.sampled_from([0.0, 0.25, 1.0])),
    st.builds(Effect, st.just("blend"), st.sampled_from([0.0, 0.5]), st.sampled_from([0.0, 0.125]) | NAMES),
)


@given(st.builds(Rule, st.lists(TESTS, max_size=3).map(tuple), EFFECT))
@settings(max_examples=80, deadline=None)
def test_a_rule_reads_back_as_it_was_written(rule):
    assert parse_rule(str(rule)) == rule

"""Verdicts: sides from rows, both t tests, and the three outcomes with their reasons."""

from __future__ import annotations

import numpy as np
import pytest
from r2u_bench.paper.baselines import best, comparable
from r2u_bench.paper.verdict import Claim, Finding, Side, claim, held, side, t_tests
from scipy import stats

RNG = np.random.default_rng(0)


def made(name: str, values, **more) -> Side:
    return Side(name, {(i,): float(value) for i, value in enumerate(values)}, **more)


FAST, SLOW = made("fast", 20 + RNG.normal(size=8)), made("slow", 30 + RNG.normal(size=8))


def test_a_side_takes_the_rows_that_fit_pairs_them_and_counts_what_lacks():
    rows = [{"arm": "a", "seed": s, "forget": [1, 2], "steps": v} for s, v in ((0, 1.0), (1, 3.0), (1, 5.0), (2, None))]
    rows += [{"arm": "b", "seed": 0, "steps": 9.0}, {"arm": "a", "seed": 3}]
    found = side("a", rows, "steps", arm="a")
    assert found.values == {(None, None, (1, 2), 0): 1.0, (None, None, (1, 2), 1): 4.0}
    assert (found.n, found.mean, found.lacking) == (2, 2.5, 1)
    assert found.sd == pytest.approx(np.std([1, 4], ddof=1))


def test_pairs_are_tested_as_pairs_one_tailed_and_two_sided():
    a, b = list(FAST.values.values()), list(SLOW.values.values())
    tests = t_tests(FAST, SLOW, "less")
    assert (tests.kind, tests.n) == ("paired t", 8)
    assert tests.one_tailed == pytest.approx(stats.ttest_rel(a, b, alternative="less").pvalue)
    assert tests.two_sided == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert tests.difference == pytest.approx(np.mean(a) - np.mean(b))
    assert t_tests(FAST, SLOW, "greater").one_tailed == pytest.approx(1 - tests.one_tailed)


def test_trials_without_partners_are_tested_as_independent():
    other = Side("other", {("x", i): value for i, value in enumerate(SLOW.values.values())})
    tests = t_tests(FAST, other, "less")
    assert tests.kind == "Welch's t"
    expected = stats.ttest_ind(list(FAST.values.values()), list(other.values.values()), equal_var=False, alternative="less")
    assert tests.one_tailed == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(("shift", "one", "two"), [(0, 0.5, 1), (-1, 0, 0), (1, 1, 0)])
@pytest.mark.parametrize("pair", [0, 10])
def test_differences_without_spread_have_a_plain_answer(shift, one, two, pair):
    b = Side("b", {(i + pair,): 5.0 for i in range(3)})
    tests = t_tests(made("a", [5.0 + shift] * 3), b, "less")
    assert (tests.one_tailed, tests.two_sided) == (one, two)


def test_a_claim_agrees_only_where_it_is_shown():
    found = claim(
        "Faster", paper="faster", unit="steps", literal=made("literal", SLOW.values.values()), repaired=FAST, against=SLOW, better="less"
    )
    assert [(each.settings, each.outcome) for each in found.findings] == [("literal", "does not agree"), ("repaired", "agrees")]
    assert found.findings[1].why.startswith("It is less (")
    assert "one-tailed p" in found.findings[1].why
    assert found.findings[0].why.startswith("It is not shown to be less (+0 against slow")


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        (made("lost", [1, 2, 3], spoiled="diverged in 3 of 3 trials"), SLOW, "lost: diverged in 3 of 3 trials."),
        (FAST, made("lost", [1, 2, 3], spoiled="had lost the class."), "lost: had lost the class."),
        (made("few", [1, 2], lacking=3), SLOW, "few has the figure in 2 of 5 trials. few: no figure in 3 trials."),
        (made("one", [1]), SLOW, "A test needs at least 2 trials each, there are 1 and 8."),
        (made("none", []), SLOW, "none has the figure in 0 of 0 trials."),
        (FAST, None, "there is nothing to hold it against."),
    ],
)
def test_what_cannot_be_compared_says_why(a, b, why):
    found = held("repaired", a, b, "less", "Because.")
    assert found.outcome == "not comparable"
    assert found.tests is None
    assert "Because." in found.why
    assert found.why.replace("Because. ", "").replace(" Because.", "") == why


def test_some_lacking_trials_are_told_beside_the_outcome():
    assert held("repaired", made("fast", FAST.values.values(), lacking=1), SLOW, "less").why.endswith("fast: no figure in 1 trials.")


def test_an_outcome_without_reason_or_of_another_name_is_refused():
    with pytest.raises(ValueError, match="has no reason"):
        Finding("repaired", FAST, "agrees", " ")
    with pytest.raises(ValueError, match="outcome must be one of agrees, does not agree, not comparable, got 'maybe'"):
        Finding("repaired", FAST, "maybe", "Because.")


def test_the_sides_of_a_claim_have_names_of_their_own():
    with pytest.raises(ValueError, match="names of their own, got repaired, repaired"):
        Claim("Faster", "faster", "steps", (Finding("repaired", FAST, "agrees", "Because."),), made("repaired", [1]))


ROWS = [
    {"arm": arm, "seed": s, "before": before + 0.001 * s, "steps": steps + s}
    for arm, before, steps in (("standard", 0.97, 120), ("phased", 0.48, 5), ("reweighted", 0.96, 100), ("clipped", 0.93, 90))
    for s in range(3)
]
NAMES = {"standard": "Standard", "phased": "Phased", "reweighted": "Reweighted", "clipped": "Clipped", "noisy": "Noisy"}


def test_a_baseline_that_lost_the_data_before_is_excluded_with_its_figures():
    kept, excluded = comparable(ROWS, "before", NAMES)
    assert kept == ["standard", "reweighted", "clipped"]
    (phased,) = excluded
    assert (phased.name, phased.n, phased.mean, phased.standard) == ("Phased", 3, pytest.approx(0.481), pytest.approx(0.971))
    assert comparable(ROWS, "before", NAMES, share=0.97)[0] == ["standard", "reweighted"]


def test_the_best_baseline_is_the_one_with_the_best_mean_among_those_named():
    assert best(ROWS, "steps", ["standard", "reweighted", "clipped"], "less") == "clipped"
    assert best(ROWS, "steps", ["standard", "phased"], "greater") == "standard"
    assert best(ROWS, "steps", ["noisy"], "less") is None


def test_without_standard_training_nothing_is_comparable():
    with pytest.raises(ValueError, match="no row of arm 'standard' has before"):
        comparable([row for row in ROWS if row["arm"] != "standard"], "before", NAMES)

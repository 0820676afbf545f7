"""Membership inference."""

import numpy as np
import pytest
from evaluate_toys import noisy, random_histories, remembering
from scipy import stats

from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.imprint import FoldInProbe
from r2u_rec.evaluate.membership import (
    adaptive_auc,
    attack_features,
    auc,
    calibrated,
    null_se,
    per_user_scores,
    reference_spread,
    tpr_at_fpr,
)

FORGET, HOLDOUT = np.arange(40), np.arange(40, 80)


@pytest.fixture(scope="module")
def measured():
    histories = random_histories(80, 60, seed=4)
    probes = [FoldInProbe(histories, users, n_halves=2, seed=1) for users in (FORGET, HOLDOUT)]
    references = [[probe.measure(noisy(60, seed=s)) for s in (1, 2, 3)] for probe in probes]

    def attack(model):
        return probes[0].measure(model), probes[1].measure(model), *references

    return histories, attack


def calibrated_auc(forget, holdout, refs_f, refs_h):
    return auc(calibrated(forget.fa, [r.fa for r in refs_f]), calibrated(holdout.fa, [r.fa for r in refs_h]))[0]


def test_a_model_that_remembers_is_found_and_one_that_never_knew_is_not(measured):
    histories, attack = measured
    assert calibrated_auc(*attack(remembering(histories, FORGET, seed=7, strength=2.0))) > 0.95
    assert 0.35 < calibrated_auc(*attack(noisy(60, seed=8))) < 0.65


def test_over_forgetting_stands_out_below_one_half_and_the_adaptive_attacker_sees_it(measured):
    histories, attack = measured
    evidence = attack(remembering(histories, FORGET, seed=7, strength=-2.0))
    assert calibrated_auc(*evidence) < 0.05
    assert adaptive_auc(*attack_features(*evidence)) > 0.9


def test_the_adaptive_attacker_sees_both_directions_at_once_where_the_signed_attack_is_blind(measured):
    histories, attack = measured
    remembered = remembering(histories, FORGET[:20], seed=7, strength=2.0)
    mixed = remembering(histories, FORGET[20:], seed=7, strength=-2.0)
    mixed.weights += remembered.weights - noisy(60, seed=7).weights
    evidence = attack(mixed)
    signed = calibrated_auc(*evidence)
    assert 0.3 < signed < 0.7
    assert adaptive_auc(*attack_features(*evidence)) > abs(signed - 0.5) + 0.6


def test_the_adaptive_attacker_finds_nothing_where_nothing_is():
    rng = np.random.default_rng(0)
    areas = [adaptive_auc(rng.normal(size=(60, 4)), rng.normal(size=(60, 4)), seed=s) for s in range(12)]
    assert abs(np.mean(areas) - 0.5) < 0.04
    assert adaptive_auc(np.ones((9, 2)), np.ones((9, 2))) == 0.5


def test_the_adaptive_attack_repeats_with_its_seed():
    rng = np.random.default_rng(0)
    members, others = rng.normal(0.3, size=(30, 3)), rng.normal(size=(30, 3))
    assert adaptive_auc(members, others, seed=3) == adaptive_auc(members, others, seed=3)


def test_the_auc_counts_pairs_with_ties_as_halves():
    members, others = np.array([1.0, 2, 2, 5]), np.array([0.0, 2, 3])
    naive = np.mean([1.0 if m > o else 0.5 if m == o else 0.0 for m in members for o in others])
    assert auc(members, others)[0] == pytest.approx(naive)
    assert auc(members, others)[0] == pytest.approx(stats.mannwhitneyu(members, others).statistic / 12)


def test_delongs_standard_error_equals_the_spread_of_many_draws():
    rng = np.random.default_rng(1)
    draws = [auc(rng.normal(0.8, size=30), rng.normal(size=200)) for _ in range(800)]
    areas, errors = np.array(draws).T
    assert errors.mean() == pytest.approx(areas.std(), rel=0.1)
    null = [auc(rng.normal(size=50), rng.normal(size=70))[0] for _ in range(800)]
    assert null_se(50, 70) == pytest.approx(np.std(null), rel=0.1)


def test_tpr_at_one_percent_accuses_no_more_than_that():
    others = np.arange(200.0)
    assert tpr_at_fpr(np.array([197.5, 196.5, 300.0, 0.0]), others) == 0.5  # two of 200 may be accused: 198 and 199
    assert tpr_at_fpr(np.array([98.5, 99.5]), np.arange(100.0)) == 1.0
    assert tpr_at_fpr(np.array([48.5, 49.5]), np.arange(50.0)) == 0.5  # of 50 none may be accused
    with pytest.raises(ValueError, match=r"fpr must lie in \[0, 1\), got 1.0"):
        tpr_at_fpr(others, others, 1.0)


def test_the_per_user_attack_counts_in_spreads_of_the_references():
    references = [np.array([0.0, 0.0]), np.array([2.0, 2.0]), np.array([4.0, 4.0])]
    z_f, z_h = per_user_scores((np.array([4.0, 2.0]), np.array([2.0, 0.0])), references, references)
    np.testing.assert_allclose(z_f, [1.0, 0.0])
    np.testing.assert_allclose(z_h, [0.0, -1.0])


def test_differences_of_arithmetic_are_not_memory():
    references = [np.full(50, 0.7)] * 2
    assert not calibrated(np.full(50, 0.7) + 1e-9, references).any()
    assert calibrated(np.full(50, 0.7) + 1e-4, references).all()


def test_one_reference_has_no_spread_and_none_is_refused():
    of_f, of_h = reference_spread([np.zeros(3)], [np.zeros(2)])
    assert (of_f.tolist(), of_h.tolist()) == ([1, 1, 1], [1, 1])
    with pytest.raises(EvidenceError, match="needs a retrained reference, got none"):
        calibrated(np.zeros(3), [])


def test_too_few_users_are_refused():
    with pytest.raises(ValueError, match="at least 2 users on each side, got 1 and 3"):
        auc(np.zeros(1), np.zeros(3))
    with pytest.raises(ValueError, match="needs 5 users on each side, got 4 and 9"):
        adaptive_auc(np.zeros((4, 2)), np.zeros((9, 2)))


def test_an_attacker_who_has_nobody_to_learn_from_guesses():
    """One of forty differs: in four of five folds he can be learned from, in the fold that holds him he cannot."""
    members, others = np.zeros((20, 2)), np.zeros((20, 2))
    members[3] = 1.0
    assert 0.5 <= adaptive_auc(members, others) <= 0.6

"""Blend, supplied and uniform scores, the policies that choose users by them, and their names."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability import (
    POLICIES,
    SCORERS,
    blend,
    churn,
    engagement,
    evolving_interest,
    explicit,
    hazard,
    policy,
    rank_shares,
    sampled_by_score,
    scorer,
    supplied,
    threshold,
    top_share,
    unflagged,
    uniform,
    uniqueness,
)

NAN = np.nan


def test_the_blend_is_the_cube_root_of_the_product_of_its_three_ranks(stationary):
    log = stationary(0, n_users=50)
    evolve = rank_shares(evolving_interest(log, categories="class", seed=2))
    expected = (rank_shares(engagement(log)) * evolve * (1 - churn(log))) ** (1 / 3)
    assert_allclose(blend(log, categories="class", seed=2), expected)


def test_a_busy_present_user_of_changing_taste_comes_first_and_one_who_left_does_not(stationary):
    log = stationary(1, n_users=100, switchers=2)
    time = log.time.copy()
    rows0, rows1 = np.flatnonzero(log.user == 0), np.flatnonzero(log.user == 1)
    time[rows0[np.argsort(time[rows0])[-1]]] = time.max()  # user 0 was here a moment ago
    time[rows1] -= 3000 * 86_400  # user 1, of the same kind, has been away for years
    score = blend(dataclasses.replace(log, time=time), categories="class")
    assert score[0] > score[1] * 2


def test_weights_make_the_blend_a_weighted_geometric_mean_of_any_parts(stationary):
    log = stationary(0, n_users=50)
    parts = rank_shares(engagement(log)), rank_shares(uniqueness(log)), 1 - rank_shares(hazard(log))
    expected = (parts[0] ** 2 * parts[1] * parts[2]) ** (1 / 4)
    assert_allclose(blend(log, weights={"engagement": 2, "uniqueness": 1, "hazard": 1}), expected)


def test_blends_of_unknown_or_weightless_parts_are_refused(stationary):
    log = stationary(0, n_users=3)
    with pytest.raises(SettingsError, match="a blend has no part 'supplied': there are engagement"):
        blend(log, weights={"supplied": 1})
    with pytest.raises(SettingsError, match="weights must be positive, got 0 for churn: leave out what shall not count"):
        blend(log, weights={"engagement": 1, "churn": 0})
    with pytest.raises(SettingsError, match="weights must name at least one part"):
        blend(log, weights={})


def test_supplied_scores_are_the_column_itself(build):
    info = pd.DataFrame({"consent": [True, False, True], "risk": [0.5, NAN, 2.0]})
    log = build([0, 2], [1, 2], None, n_users=3, user_info=info)
    assert_array_equal(supplied(log, column="consent"), [1, NAN, 1])
    assert_array_equal(supplied(log, column="risk"), [0.5, NAN, 2.0])  # user 1 has no records, so needs no value


def test_supplied_scores_refuse_missing_values_text_and_unknown_columns(build):
    info = pd.DataFrame({"consent": [True, False], "risk": [0.5, NAN], "plan": ["free", "paid"]})
    log = build([0, 1], [1, 2], None, user_info=info)
    with pytest.raises(DataError, match=r"'risk'.*no finite value for 1 users with records, the first \[1\]"):
        supplied(log, column="risk")
    with pytest.raises(DataError, match=r"'plan'.*must hold numbers or booleans, got \['free', 'paid'\]"):
        supplied(log, column="plan")
    with pytest.raises(SettingsError, match=r"'konsent' is not a column.*did you mean 'consent'"):
        supplied(log, column="konsent")
    with pytest.raises(SettingsError, match=r"'zzz' is not a column.*there are consent, risk, plan"):
        supplied(log, column="zzz")
    with pytest.raises(SettingsError, match="needs user information, and the log has none"):
        supplied(dataclasses.replace(log, user_info=None), column="risk")


def test_uniform_scores_make_the_choice_a_fair_draw(build):
    log = build([0, 1, 2, 4], [1, 2, 3, 4], None, n_users=5)
    assert_array_equal(uniform(log), [1, 1, 1, NAN, 1])
    drawn = [tuple(top_share(uniform(log), 0.25, seed=seed)) for seed in range(200)]
    assert {u for (u,) in drawn} == {0, 1, 2, 4}  # ties are not broken by code, and nobody without records is chosen


def test_top_share_takes_the_highest_scores_among_users_with_records():
    chosen = top_share([0.1, NAN, 0.9, 0.5, 0.7], 0.5)
    assert_array_equal(chosen, [2, 4])
    assert chosen.dtype == np.int64


def test_top_share_breaks_ties_at_the_cut_by_the_seed_alone():
    scores = np.array([1.0] * 10 + [2.0] * 3)
    a, b = top_share(scores, 6 / 13, seed=1), top_share(scores, 6 / 13, seed=2)
    assert {10, 11, 12} <= set(a) & set(b)
    assert set(a) != set(b)
    assert_array_equal(a, top_share(scores, 6 / 13, seed=1))


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, NAN])
def test_shares_outside_zero_and_one_are_refused(share):
    with pytest.raises(SettingsError, match=r"share must lie in \(0, 1\), got"):
        top_share([1.0, 2.0], share)


def test_a_share_that_chooses_nobody_names_the_smallest_that_would():
    with pytest.raises(SettingsError, match=r"0.01 of 4 users with records chooses nobody: use at least 0.25"):
        top_share([1.0, 2.0, 3.0, 4.0], 0.01)


def test_sampling_follows_the_scores():
    rng = np.random.default_rng(0)
    first = np.array([sampled_by_score([1.0, 3.0, 0.0, NAN], rng, n=1)[0] for _ in range(4000)])
    assert set(first) == {0, 1}
    assert np.mean(first == 1) == pytest.approx(0.75, abs=0.03)


def test_sampling_draws_without_replacement_and_repeats_by_its_generator():
    scores = np.arange(1.0, 51.0)
    chosen = sampled_by_score(scores, np.random.default_rng(5), share=0.4)
    assert len(np.unique(chosen)) == 20
    assert_array_equal(chosen, np.sort(chosen))
    assert_array_equal(chosen, sampled_by_score(scores, np.random.default_rng(5), n=20))


def test_sampling_refuses_what_it_cannot_draw():
    rng = np.random.default_rng(0)
    with pytest.raises(SettingsError, match="give either share or n, got share=None and n=None"):
        sampled_by_score([1.0], rng)
    with pytest.raises(SettingsError, match=r"give either share or n, got share=0\.5 and n=1"):
        sampled_by_score([1.0], rng, share=0.5, n=1)
    with pytest.raises(SettingsError, match="n must be at least 1, got 0"):
        sampled_by_score([1.0], rng, n=0)
    with pytest.raises(ValueError, match=r"scores must be >= 0 to sample by them, got -2: pass rank_shares"):
        sampled_by_score([1.0, -2.0], rng, n=1)
    with pytest.raises(ValueError, match="2 users are asked for and 1 have a positive score"):
        sampled_by_score([1.0, 0.0, NAN], rng, n=2)


def test_threshold_takes_everyone_at_or_above_the_value():
    assert_array_equal(threshold([0.2, NAN, 0.5, 0.9], 0.5), [2, 3])
    assert threshold([0.2, 0.4], 7).size == 0
    with pytest.raises(SettingsError, match="value must be a finite number, got nan"):
        threshold([0.2], NAN)


def test_scores_that_cannot_rank_users_are_refused():
    with pytest.raises(ValueError, match="scores must be finite, got 1 infinite"):
        threshold([np.inf, 1.0], 0.5)
    with pytest.raises(ValueError, match="none of the 2 users has a score"):
        threshold([NAN, NAN], 0.5)
    with pytest.raises(ValueError, match=r"one value a user, got shape \(1, 2\)"):
        threshold([[1.0, 2.0]], 0.5)


def test_explicit_keys_become_ascending_codes_once_each(build):
    log = build([0, 1, 2], [1, 2, 3], None, n_users=4)
    assert_array_equal(explicit(log, ["user2", "user0", "user2"]), [0, 2])


def test_explicit_keys_that_are_unknown_or_without_records_are_named(build):
    log = build([0, 1, 2], [1, 2, 3], None, n_users=4)
    with pytest.raises(DataError, match=r"2 of 3 user keys are not in the data, the first 'bob', 'eve'"):
        explicit(log, ["bob", "user1", "eve"])
    with pytest.raises(DataError, match=r"1 of 1 user keys have no records, the first \['user3'\]"):
        explicit(log, ["user3"])
    with pytest.raises(DataError, match="user1"):
        explicit(log.drop(log.ids_of_users([1])), ["user1"])  # forgotten: the key is gone


def test_unflagged_users_are_the_others_with_records():
    assert_array_equal(unflagged([0.1, NAN, 0.9, 0.5], [2]), [0, 3])


def test_every_scorer_and_policy_is_found_by_its_name():
    assert all(scorer(name) is SCORERS[name] and name == SCORERS[name].__name__ for name in SCORERS)
    assert all(policy(name) is POLICIES[name] and name == POLICIES[name].__name__ for name in POLICIES)


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(SettingsError, match="unknown scorer 'evolving_intrest'; did you mean 'evolving_interest'"):
        scorer("evolving_intrest")
    with pytest.raises(SettingsError, match="unknown policy 'topshare'; did you mean 'top_share'"):
        policy("topshare")
    with pytest.raises(SettingsError, match="unknown policy 'qqq'; there are top_share, sampled_by_score"):
        policy("qqq")

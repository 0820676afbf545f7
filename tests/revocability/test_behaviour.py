"""Scorers of activity against users whose place is known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from r2u_rec.errors import DataError
from r2u_rec.revocability import (
    active_days,
    churn,
    engagement,
    inactive_seconds,
    rank_shares,
    recent_intensity,
    sessions,
    stability,
)

DAY = 86_400


def test_active_days_count_each_day_of_a_user_once(build):
    log = build([0, 1, 0, 0, 1, 3], [1, 2, 3, 4, 5, 6], [DAY + 5, 7, DAY - 1, DAY + 9, 8, 3 * DAY], n_users=4)
    assert_array_equal(active_days(log), [2, 1, 0, 1])


def test_days_before_1970_begin_at_midnight_too(build):
    assert_array_equal(active_days(build([0, 0, 0, 1, 1], [1, 2, 3, 4, 5], [-1, 0, DAY - 1, -DAY, -1])), [2, 1])


def test_a_day_that_two_neighbours_share_counts_for_both(build):
    assert_array_equal(active_days(build([0, 0, 1, 1], [1, 2, 3, 4], [5, 6, 7, 8])), [1, 1])


def test_active_days_equal_a_naive_count_over_users(stationary):
    log = stationary(3, n_users=40)
    naive = [len({t // DAY for t in log.time[log.user == u].tolist()}) for u in range(log.n_users)]
    assert_array_equal(active_days(log), naive)


def test_with_equal_counts_the_user_of_more_days_is_more_engaged(build):
    log = build([0] * 4 + [1] * 4, list(range(8)), [0, 1, 2, 3, 0, DAY, 2 * DAY, 3 * DAY])
    score = engagement(log)
    assert score[1] > score[0]


def test_with_equal_days_the_user_of_more_records_is_more_engaged(build):
    log = build([0] * 2 + [1] * 5, list(range(7)), [0, DAY, 0, 1, 2, DAY, DAY + 1])
    score = engagement(log)
    assert score[1] > score[0]


def test_churn_ranks_the_longest_absent_highest(build):
    log = build([2, 0, 1, 0], [1, 2, 3, 4], [50, 10, 30, 40])
    assert_allclose(churn(log), rank_shares([10, 20, 0]))


def test_inactive_seconds_count_from_the_last_time_of_the_log_or_from_now(build):
    log = build([0, 0, 1], [1, 2, 3], [5, 60, 100])
    assert_array_equal(inactive_seconds(log), [40, 0])
    assert_array_equal(inactive_seconds(log, now=130), [70, 30])


def test_times_before_1970_are_ordinary_times(build):
    log = build([0, 1], [1, 2], [-500, -100])
    assert_array_equal(inactive_seconds(log), [400, 0])


def test_now_before_the_last_interaction_is_refused(build):
    log = build([0], [1], [100])
    with pytest.raises(ValueError, match=r"now must be at least 100.*got 99"):
        inactive_seconds(log, now=99)


def test_a_pause_longer_than_the_gap_begins_a_session(build):
    log = build([0, 0, 0, 0, 1, 1], [1, 2, 3, 4, 5, 6], [0, 1800, 3601, 9000, 5, 5])
    assert_array_equal(sessions(log), [3, 1])  # 1800 is no longer than the gap, 1801 is
    assert_array_equal(sessions(log, session_gap_seconds=1801), [2, 1])


def test_recent_intensity_counts_the_records_of_the_window_before_now(build):
    log = build([0, 0, 0, 1, 2], [1, 2, 3, 4, 5], [0, 30 * DAY, 31 * DAY, 3 * DAY, 3 * DAY + 1])
    assert_allclose(recent_intensity(log), [2 / 28, 0, 1 / 28])  # the window is open at its begin
    assert_allclose(recent_intensity(log, now=32 * DAY, recent_days=2), [1 / 2, 0, 0])


def test_a_clockwork_is_stable_a_burst_is_not_and_few_days_say_nothing(build):
    clock, burst = [0, 3, 6, 9, 12], [0, 1, 2, 3, 90]
    users = [0] * 5 + [1] * 5 + [2] * 2 + [3]
    score = stability(build(users, list(range(13)), [day * DAY for day in [*clock, *burst, 0, 7, 5]]))
    assert score[0] == pytest.approx(1)
    assert score[1] < -0.5
    assert_array_equal(score[2:], [0, 0])


def test_stability_is_the_corrected_burstiness_of_the_gaps_between_active_days(stationary):
    log = stationary(1, n_users=20)
    naive = []
    for user in range(log.n_users):
        gaps = np.diff(np.unique(log.time[log.user == user] // DAY))
        n, r = len(gaps), np.std(gaps) / np.mean(gaps)
        above, below = np.sqrt(n + 1), np.sqrt(n - 1)
        naive.append(-(above * r - below) / ((above - 2) * r + below))
    assert_allclose(stability(log), naive, atol=1e-12)


def test_random_days_have_hardly_any_stability_even_where_they_are_few(build):
    rng = np.random.default_rng(0)
    for n, near in ((5, 0.1), (40, 0.03)):
        days = np.cumsum(rng.exponential(500, (400, n)), axis=1).astype(int)
        log = build(np.repeat(np.arange(400), n), rng.integers(0, 200, 400 * n), days.ravel() * DAY)
        assert abs(stability(log).mean()) < near
        ratio = np.diff(days).std(axis=1) / np.diff(days).mean(axis=1)
        plain = np.mean((1 - ratio) / (1 + ratio))  # without the correction the few look regular
        assert plain > (0.15 if n == 5 else 0)


@pytest.mark.parametrize("scorer", [engagement, churn, inactive_seconds, sessions, recent_intensity, stability])
def test_users_without_records_have_no_score(build, scorer):
    score = scorer(build([0, 2], [1, 2], [5, 6], n_users=4))
    assert_array_equal(np.isnan(score), [False, True, False, True])


@pytest.mark.parametrize("scorer", [engagement, churn])
def test_without_a_time_column_the_error_names_the_remedy(build, scorer):
    with pytest.raises(DataError, match=r"the log has no time column.*name the time column when reading"):
        scorer(build([0, 1], [1, 2], None))


@pytest.mark.parametrize("scorer", [engagement, churn])
def test_an_empty_log_scores_nobody(build, scorer):
    with pytest.raises(DataError, match="0 records"):
        scorer(build([], [], [], n_users=3))


@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-5, 5) | st.just(np.nan)))
@settings(max_examples=60, deadline=None)
def test_rank_shares_keep_the_order_and_stay_inside_zero_and_one(scores):
    shares = rank_shares(scores)
    assert_array_equal(np.isnan(shares), np.isnan(scores))
    known = ~np.isnan(scores)
    assert np.all((shares[known] > 0) & (shares[known] < 1))
    a, b = scores[known], shares[known]
    assert_array_equal(a[:, None] < a, b[:, None] < b)
    if known.any():
        assert b.mean() == pytest.approx(0.5)

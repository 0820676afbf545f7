"""Evolving interest against planted switches, a naive implementation, and the length artefact that it must not have."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import jensenshannon
from scipy.stats import spearmanr

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability import evolving_interest
from r2u_rec.revocability.history import histories, sorted_within
from r2u_rec.revocability.profile import MAX_CATEGORIES, item_profile


def test_a_taste_that_switches_half_way_scores_above_one_of_equal_length_that_does_not(stationary):
    score = evolving_interest(stationary(1, switchers=5), categories="class")
    assert score[:5].min() > 5
    assert abs(score[5]) < 4
    assert score[:5].min() > score[5:].max()


def test_stationary_scores_are_uncorrelated_with_length_while_the_plain_divergence_is_not(stationary):
    ours, plain = [], []
    for seed in range(4):
        log = stationary(seed)
        ours.append(spearmanr(evolving_interest(log, categories="class", seed=seed), log.user_counts).statistic)
        plain.append(spearmanr(_naive_divergence(log), log.user_counts).statistic)
    assert np.mean(plain) < -0.6
    assert abs(np.mean(ours)) < 0.08  # a mean of four has a standard error of .03
    assert max(map(abs, ours)) < 0.2


def test_stationary_scores_have_mean_zero_and_unit_spread(stationary):
    score = evolving_interest(stationary(7, n_users=600), categories="class", n_shuffles=100)
    assert abs(score.mean()) < 0.15
    assert score.std() == pytest.approx(1.0, abs=0.2)


def test_the_z_score_equals_a_naive_one_over_many_random_halves(stationary):
    log = stationary(2, n_users=6, switchers=2)
    rng = np.random.default_rng(0)
    naive = []
    for user in range(log.n_users):
        rows = np.flatnonzero(log.user == user)
        rows = rows[np.argsort(log.time[rows], kind="stable")]
        drawn = [_halves_apart(log, rng.permutation(rows)) for _ in range(1500)]
        naive.append((_halves_apart(log, rows) - np.mean(drawn)) / np.std(drawn))
    assert_allclose(evolving_interest(log, categories="class", n_shuffles=1500), naive, rtol=0.12, atol=0.12)


def _halves_apart(log, rows) -> float:
    halves = [np.bincount(log.item[half] % 8, minlength=8) for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :])]
    return jensenshannon(*halves) ** 2


def _naive_divergence(log) -> list[float]:
    return [_halves_apart(log, np.flatnonzero(log.user == u)[np.argsort(log.time[log.user == u])]) for u in range(log.n_users)]


def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_threads(stationary, monkeypatch):
    log = stationary(4, n_users=60)
    monkeypatch.setattr("r2u_rec.revocability.history.Histories.chunks", lambda self: iter([(0, 7), (7, 30), (30, 60)]))
    one = evolving_interest(log, seed=3, threads=1)
    assert_array_equal(one, evolving_interest(log, seed=3, threads=3))
    assert not np.array_equal(one, evolving_interest(log, seed=4))


def test_the_order_of_the_file_does_not_matter_when_times_differ(build):
    rng = np.random.default_rng(0)
    user, item, time = np.repeat([0, 1], 40), rng.integers(0, 200, 80), rng.permutation(80) * 100
    mixed = rng.permutation(80)
    a = evolving_interest(build(user, item, time), n_shuffles=400)
    b = evolving_interest(build(user[mixed], item[mixed], time[mixed]), n_shuffles=400)
    assert_allclose(a, b, atol=0.25)  # other random halves of the same histories


def test_too_short_histories_and_single_categories_score_zero_and_no_records_no_score(build):
    rng = np.random.default_rng(0)
    users = [0] * 9 + [1] * 40 + [3] * 40
    items = [*rng.integers(0, 200, 9), *([8] * 40), *range(4, 44)]
    score = evolving_interest(build(users, items, list(range(89)), n_users=5), categories="class")
    assert score[0] == 0
    assert score[1] == 0
    assert score[3] != 0
    assert_array_equal(np.isnan(score), [False, False, True, False, True])


def test_without_categories_a_turn_from_popular_to_rare_items_is_seen(stationary):
    log = stationary(5, n_users=200)
    popular, rare = np.argsort(-log.item_counts)[:20], np.argsort(-log.item_counts)[-20:]
    item = log.item.copy()
    for user, first, second in ((0, popular, rare), (1, popular, popular)):
        rows = np.flatnonzero(log.user == user)
        rows = rows[np.argsort(log.time[rows])]
        half = len(rows) // 2
        item[rows[:half]], item[rows[half:]] = first[np.arange(half) % 20], second[np.arange(len(rows) - half) % 20]
    score = evolving_interest(dataclasses.replace(log, item=item))
    assert score[0] > 5
    assert score[0] > score[1] + 4


@pytest.mark.parametrize(("setting", "value", "bound"), [("n_shuffles", 1, 2), ("min_records", 1, 2), ("threads", 0, 1)])
def test_settings_out_of_range_name_the_bound(stationary, setting, value, bound):
    with pytest.raises(SettingsError, match=f"{setting} must be at least {bound}, got {value}"):
        evolving_interest(stationary(0, n_users=2), **{setting: value})


def test_without_a_time_column_the_error_names_the_remedy(build):
    with pytest.raises(DataError, match=r"no time column.*name the time column when reading"):
        evolving_interest(build([0], [1], None))


def test_an_unknown_category_column_suggests_the_nearest(stationary):
    with pytest.raises(SettingsError, match="'clas' is not a column of the item information: did you mean 'class'"):
        evolving_interest(stationary(0, n_users=2), categories="clas")
    with pytest.raises(SettingsError, match="'zzz' is not a column of the item information: there are class"):
        evolving_interest(stationary(0, n_users=2), categories="zzz")


def test_categories_without_item_information_are_refused(stationary):
    with pytest.raises(SettingsError, match=r"categories='class' needs item information.*categories=None"):
        evolving_interest(dataclasses.replace(stationary(0, n_users=2), item_info=None), categories="class")


def test_an_item_is_shared_evenly_by_its_categories_and_one_without_any_stands_apart(build):
    log = build([0], [0], [0])
    cells = ["Drama War", "War", None, "  ", *(["Drama"] * 196)]
    log = dataclasses.replace(log, item_info=pd.DataFrame({"class": cells, "other": [c and c.strip().replace(" ", "|") for c in cells]}))
    profile = item_profile(log, "class")
    assert_array_equal(profile[:5], [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [1, 0, 0]])
    assert_array_equal(item_profile(log, "other", separator="|"), profile)
    assert item_profile(log, "class", separator="").shape == (200, 4)  # each cell one category: "Drama War" is its own


def test_many_categories_keep_the_common_ones_and_join_the_rest(build):
    items = [0] * 5 + [199] * 4 + list(range(1, 199))
    log = build([0] * len(items), items, list(range(len(items))))
    log = dataclasses.replace(log, item_info=pd.DataFrame({"class": [f"c{i:03d}" for i in range(200)]}))
    profile = item_profile(log, "class")
    assert profile.shape == (200, MAX_CATEGORIES)
    assert_allclose(profile.sum(axis=1), 1)
    alone = profile.sum(axis=0) == 1
    assert alone[profile[0].argmax()]
    assert alone[profile[199].argmax()]
    assert profile[:, -1].sum() == 200 - (MAX_CATEGORIES - 1)


def test_histories_are_grouped_by_user_and_ascending_in_time(stationary):
    log = stationary(6, n_users=30)
    ordered = histories(log)
    assert_array_equal(ordered.rows, np.lexsort((log.time, log.user)))
    assert_array_equal(np.diff(ordered.start), log.user_counts)
    assert [c for c in ordered.chunks(max_rows=50)][-1][1] == 30
    assert all(ordered.start[b] - ordered.start[a] <= 50 or b == a + 1 for a, b in ordered.chunks(max_rows=50))


@pytest.mark.parametrize("spread", [1, 1 << 61])
def test_sorting_within_groups_is_stable_whether_or_not_the_keys_can_be_packed(spread):
    rng = np.random.default_rng(0)
    group, key = np.sort(rng.integers(0, 5, 300)), rng.integers(-1, 2, 300) * spread
    assert_array_equal(sorted_within(group, key), np.lexsort((np.arange(300), key, group)))

"""Evolving interest against planted switches, a naive implementation, and the length artefact that it must not have."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import jensenshannon
from scipy.stats import spearmanr

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability import evolving_interest
from r2u_rec.revocability.featurize.portable_hash import MODULUS
from r2u_rec.revocability.scorers.interest import N_HALVES


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
    score = evolving_interest(stationary(7, n_users=1200), categories="class")
    assert abs(score.mean()) < 0.1
    assert score.std() == pytest.approx(1.1, abs=0.15)  # a t of 19 degrees of freedom, and its skewness


def test_the_z_score_equals_a_naive_one_over_the_same_halves(stationary):
    log = stationary(2, n_users=8, switchers=2)
    assert set(log.user_counts % 2) == {0, 1}
    naive = []
    for user in range(log.n_users):
        rows = _in_order(log, user)
        n, half = len(rows), len(rows) // 2
        coins = _hash(0, user, np.arange(1, half + 1))
        drawn = []
        for k in range(N_HALVES):
            swap = (coins >> k) & 1 == 0  # bit 0: the partner takes the place
            first = np.where(swap, np.arange(half) + half, np.arange(half))
            drawn.append(_divergence(log, rows[first], rows[np.setdiff1d(np.arange(n), first)]))
        naive.append((_divergence(log, rows[:half], rows[half:]) - np.mean(drawn)) / np.std(drawn, ddof=1))
    assert_allclose(evolving_interest(log, categories="class"), naive, rtol=0, atol=1e-9)


def test_the_z_score_is_near_the_one_of_all_random_halves(stationary):
    log, rng = stationary(3, n_users=40, switchers=10), np.random.default_rng(0)
    naive = []
    for user in range(log.n_users):
        rows = _in_order(log, user)
        half = len(rows) // 2
        drawn = [_divergence(log, mixed[:half], mixed[half:]) for mixed in (rng.permutation(rows) for _ in range(200))]
        naive.append((_divergence(log, rows[:half], rows[half:]) - np.mean(drawn)) / np.std(drawn))
    ours = evolving_interest(log, categories="class")
    assert spearmanr(ours, naive).statistic > 0.9
    assert ours[:10].mean() == pytest.approx(np.mean(naive[:10]), rel=0.35)  # pairs that never part within a half cost some power


def _in_order(log, user) -> np.ndarray:
    rows = np.flatnonzero(log.user == user)
    return rows[np.argsort(log.time[rows], kind="stable")]


def _divergence(log, first, rest) -> float:
    """Jensen-Shannon divergence of category counts, each half weighted by its length."""
    a, b = (np.bincount(log.item[half] % 8, minlength=8) for half in (first, rest))

    def entropy(counts):
        p = counts[counts > 0] / counts.sum()
        return -(p * np.log(p)).sum()

    return entropy(a + b) - (a.sum() * entropy(a) + b.sum() * entropy(b)) / (a + b).sum()


def _naive_divergence(log) -> list[float]:
    out = []
    for user in range(log.n_users):
        rows = _in_order(log, user)
        halves = [np.bincount(log.item[half] % 8, minlength=8) for half in np.split(rows, [len(rows) // 2])]
        out.append(jensenshannon(*halves) ** 2)
    return out


def _hash(seed, first, second) -> np.ndarray:
    x = (first * 1_103_515_245 + (seed * 48_271 + 11) % MODULUS + second * 742_938_285) % MODULUS
    x = (x * x + 1_812_433_253) % MODULUS
    return (x * x + 950_706_376) % MODULUS


BITS = 30  # of a hash below 2**31 - 1 that are as good as fair coins


def test_the_bits_of_the_hash_are_fair_coins_without_regard_to_their_neighbours():
    users, pairs = np.arange(1500)[:, None], np.arange(1, 201)[None]
    coins = ((_hash(3, users, pairs)[..., None] >> np.arange(BITS)) & 1) * 2.0 - 1
    n = np.sqrt(coins.shape[0] * coins.shape[1])
    flat = coins.reshape(-1, BITS)
    correlations = flat.T @ flat / n**2 - np.eye(BITS)
    assert np.abs(flat.mean(axis=0)).max() * n < 4
    assert np.abs(correlations).max() * n < 5
    for axis, lag in itertools.product((0, 1), (1, 2, 3)):
        near = np.take(coins, range(lag, coins.shape[axis]), axis) * np.take(coins, range(coins.shape[axis] - lag), axis)
        assert np.abs(near.mean(axis=(0, 1))).max() * n < 5
    assert np.abs((coins[:, 2:] * coins[:, 1:-1] * coins[:, :-2]).mean(axis=(0, 1))).max() * n < 5


def test_the_same_seed_gives_the_same_bytes_whatever_the_threads_and_chunks(stationary, monkeypatch):
    log = stationary(4, n_users=60)
    one = evolving_interest(log, seed=3, threads=1)
    assert_array_equal(one, evolving_interest(log, seed=3, threads=3))
    assert not np.array_equal(one, evolving_interest(log, seed=4))
    monkeypatch.setattr("r2u_rec.revocability.featurize.records.CHUNK_ROWS", 3000)
    assert len(log) > 3 * 3000
    assert_array_equal(one, evolving_interest(log, seed=3))


def test_the_order_of_the_file_does_not_matter_even_where_times_tie(build):
    rng = np.random.default_rng(0)
    user, item, time = np.repeat([0, 1], 40), rng.integers(0, 200, 80), rng.integers(0, 4, 80) * 100
    mixed = rng.permutation(80)
    assert_array_equal(evolving_interest(build(user, item, time)), evolving_interest(build(user[mixed], item[mixed], time[mixed])))


def test_one_import_of_a_whole_past_is_no_drift(build):
    n = 300  # users whose records all have one time; items in order of their codes would be in order of their categories
    items = np.concatenate([np.random.default_rng(u).permutation(200)[:30] for u in range(n)])
    log = build(np.repeat(np.arange(n), 30), items, np.zeros(30 * n, dtype=int))
    log = dataclasses.replace(log, item_info=log.item_info.assign(part=[f"c{i // 25}" for i in range(200)]))
    score = evolving_interest(log, categories="part")
    assert abs(score.mean()) < 0.25  # a mean of 300 has a standard error of .06


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
        rows = _in_order(log, user)
        half = len(rows) // 2
        item[rows[:half]], item[rows[half:]] = first[np.arange(half) % 20], second[np.arange(len(rows) - half) % 20]
    score = evolving_interest(dataclasses.replace(log, item=item))
    assert score[0] > 5
    assert score[0] > score[1] + 4


@pytest.mark.parametrize("drift_by", ["cluster", "embedding"])
def test_given_vectors_tell_a_switch_as_categories_do(stationary, drift_by):
    log = stationary(6, n_users=60, switchers=5)
    vectors = np.eye(8)[np.arange(200) % 8] + np.random.default_rng(0).normal(0, 0.05, (200, 8))
    score = evolving_interest(log, drift_by=drift_by, n_clusters=8, vectors=vectors)
    assert score[:5].min() > score[5:].max()
    if drift_by == "cluster":  # well apart, they are the categories
        assert_allclose(score, evolving_interest(log, categories="class"), atol=1e-9)


@pytest.mark.parametrize("drift_by", ["cluster", "embedding"])
def test_without_vectors_those_of_co_occurrence_tell_a_switch(build, drift_by):
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(80), 40)
    side = (user % 2)[:, None] == np.arange(2)  # odd users like one half of the items, even ones the other
    item = np.where(side[:, 0], rng.integers(0, 100, len(user)), rng.integers(100, 200, len(user)))
    switched = item.copy()
    switched[:20] = rng.integers(100, 200, 20)  # user 0 turns to the other half
    score = evolving_interest(build(user, switched, np.tile(np.arange(40), 80) * 1000), drift_by=drift_by, n_clusters=2)
    assert score[0] > 5
    assert score[0] > score[1:].max() + 3


@pytest.mark.parametrize(("setting", "value", "bound"), [("min_records", 1, 2), ("threads", 0, 1), ("n_clusters", 1, 2), ("seed", -1, 0)])
def test_settings_out_of_range_name_the_bound(stationary, setting, value, bound):
    with pytest.raises(SettingsError, match=f"{setting} must be at least {bound}, got {value}"):
        evolving_interest(stationary(0, n_users=2), **{setting: value})


def test_what_describes_a_taste_must_be_known_and_there(stationary):
    log = stationary(0, n_users=2)
    with pytest.raises(SettingsError, match="drift_by must be one of category, popularity, cluster, embedding, got 'genre'"):
        evolving_interest(log, drift_by="genre")
    with pytest.raises(SettingsError, match="drift_by='category' needs categories"):
        evolving_interest(log, drift_by="category")
    with pytest.raises(SettingsError, match=r"vectors must have one row for each of 200 items, got shape \(3, 2\)"):
        evolving_interest(log, drift_by="cluster", vectors=np.ones((3, 2)))
    with pytest.raises(SettingsError, match="vectors must be finite"):
        evolving_interest(log, drift_by="embedding", vectors=np.full((200, 2), np.nan))
    with pytest.raises(SettingsError, match=r"n_clusters must lie in \[2, 200\], the number of items, got 201"):
        evolving_interest(log, drift_by="cluster", n_clusters=201, vectors=np.ones((200, 2)))


def test_without_a_time_column_the_error_names_the_remedy(build):
    with pytest.raises(DataError, match=r"no time column.*name the time column when reading"):
        evolving_interest(build([0], [1], None))

"""Negatives: never a known positive, in the promised proportions, the same for the same generator."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2u_rec.data import InteractionLog, Vocabulary, popularity_negatives, present_negatives, uniform_negatives


def log_of(pairs: list[tuple[int, int]], n_users: int, n_items: int) -> InteractionLog:
    user, item = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    keys = Vocabulary.of(np.arange(n_users)), Vocabulary.of(np.arange(n_items))
    return InteractionLog(np.arange(len(pairs)), user.copy(), item.copy(), None, None, *keys)


@st.composite
def logs(draw: st.DrawFn) -> InteractionLog:
    """Logs in which no user has every item, whole rows of items and last users and items included."""
    n_users, n_items = draw(st.integers(1, 5)), draw(st.integers(2, 8))
    pairs = []
    for user in range(n_users):
        own = draw(st.sets(st.integers(0, n_items - 1), max_size=n_items - 1))
        pairs += [(user, item) for item in own]
    return log_of(pairs, n_users, n_items)


@given(logs(), st.integers(0, 100))
def test_a_uniform_negative_is_never_a_known_positive(log: InteractionLog, seed: int) -> None:
    users = np.repeat(np.arange(log.n_users), 5)
    items = uniform_negatives(log, users, 7, np.random.default_rng(seed))
    assert items.shape == (len(users), 7)
    assert items.min() >= 0
    assert items.max() < log.n_items
    assert not np.isin(users[:, None] * log.n_items + items, log.pairs).any()


@given(logs())
def test_a_uniform_negative_can_be_any_item_that_is_free(log: InteractionLog) -> None:
    drawn = uniform_negatives(log, np.arange(log.n_users), 400, np.random.default_rng(0))
    for user in range(log.n_users):
        assert set(drawn[user]) == set(range(log.n_items)) - set(log.item[log.user == user].tolist())


def test_uniform_negatives_are_uniform() -> None:
    log = log_of([(0, 0), (0, 3), (0, 4), (1, 9)], 2, 10)
    drawn = uniform_negatives(log, np.zeros(1, dtype=np.int64), 70_000, np.random.default_rng(1))
    counts = np.bincount(drawn[0], minlength=10)
    assert list(counts[[0, 3, 4]]) == [0, 0, 0]
    assert np.abs(counts[[1, 2, 5, 6, 7, 8, 9]] - 10_000).max() < 500  # standard deviation 93


@given(logs(), st.integers(0, 100), st.sampled_from([0.0, 0.75, 1.0]))
def test_a_popularity_negative_is_never_a_known_positive(log: InteractionLog, seed: int, exponent: float) -> None:
    has_choice = [u for u in range(log.n_users) if (np.delete(log.item_counts, log.item[log.user == u]) > 0).any() or exponent == 0]
    if not has_choice or len(log) == 0:
        return
    users = np.repeat(has_choice, 3)
    items = popularity_negatives(log, users, 4, np.random.default_rng(seed), exponent=exponent)
    assert items.shape == (len(users), 4)
    assert not np.isin(users[:, None] * log.n_items + items, log.pairs).any()
    assert exponent == 0 or (log.item_counts[items] > 0).all()


def test_popularity_negatives_follow_the_smoothed_counts() -> None:
    pairs = [(user, 0) for user in range(16)] + [(16, 1)] + [(17, 2)]
    log = log_of(pairs, 18, 4)
    drawn = popularity_negatives(log, np.array([17]), 45_000, np.random.default_rng(2))
    counts = np.bincount(drawn[0], minlength=4)
    assert counts[2] == counts[3] == 0  # known, and without any record
    assert counts[0] / counts[1] == pytest.approx(16**0.75, rel=0.05)


def test_a_user_with_nearly_all_of_the_popularity_is_still_served() -> None:
    pairs = [(user, 0) for user in range(200)] + [(0, 1), (199, 2)]
    log = log_of(pairs, 200, 3)
    assert set(popularity_negatives(log, np.zeros(50, dtype=np.int64), 2, np.random.default_rng(0), exponent=4.0).ravel()) == {2}


@given(logs(), st.integers(0, 100))
def test_present_negatives_are_free_items_with_a_record_and_all_of_them(log: InteractionLog, seed: int) -> None:
    users = np.arange(log.n_users)
    drawn = present_negatives(log, users, 300, np.random.default_rng(seed))
    there = set(log.item.tolist())
    for user in users:
        own = set(log.item[log.user == user].tolist())
        assert set(drawn[user]) == (there - own or set(range(log.n_items)) - own)


@given(logs(), st.integers(0, 100))
def test_where_every_item_is_present_both_draw_the_same(log: InteractionLog, seed: int) -> None:
    missing = np.flatnonzero(log.item_counts == 0)
    pairs = [*zip(log.user.tolist(), log.item.tolist(), strict=True), *((log.n_users, item) for item in missing)]
    whole = log_of(pairs, log.n_users + 1, log.n_items)
    users = np.arange(log.n_users)
    drawn = [draw(whole, users, 9, np.random.default_rng(seed)) for draw in (present_negatives, uniform_negatives)]
    np.testing.assert_array_equal(*drawn)


def test_the_same_generator_state_draws_the_same_items() -> None:
    log = log_of([(0, 0), (0, 2), (1, 1)], 2, 50)
    for draw in (uniform_negatives, popularity_negatives):
        once, again = (draw(log, np.array([0, 1, 1]), 6, np.random.default_rng(7)) for _ in range(2))
        assert np.array_equal(once, again)


def test_pairs_that_stand_twice_count_once() -> None:
    log = log_of([(0, 1), (0, 1), (0, 1)], 1, 3)
    assert set(uniform_negatives(log, np.zeros(50, dtype=np.int64), 4, np.random.default_rng(0)).ravel()) == {0, 2}


def test_a_user_who_has_every_item_is_named() -> None:
    log = log_of([(0, 0), (1, 0), (1, 1)], 2, 2)
    for draw in (uniform_negatives, popularity_negatives):
        with pytest.raises(
            ValueError, match=r"user 1 has every one of the 2 items that could be drawn, no negative is left: drop this user"
        ):
            draw(log, np.array([0, 1]), 1, np.random.default_rng(0))


def test_a_negative_exponent_and_an_empty_log_are_refused() -> None:
    with pytest.raises(ValueError, match=r"exponent must be >= 0, got -1"):
        popularity_negatives(log_of([(0, 0)], 1, 2), np.array([0]), 1, np.random.default_rng(0), exponent=-1)
    with pytest.raises(ValueError, match=r"needs at least one record, the log is empty"):
        popularity_negatives(log_of([], 1, 2), np.array([0]), 1, np.random.default_rng(0))


def test_an_item_that_was_forgotten_may_be_drawn_again() -> None:
    log = log_of([(0, 0), (0, 1)], 1, 3)
    drawn = uniform_negatives(log.drop([0]), np.zeros(50, dtype=np.int64), 2, np.random.default_rng(0))
    assert set(drawn.ravel()) == {0, 2}


def test_the_popularity_table_dies_with_its_log() -> None:
    log = log_of([(0, 0), (1, 1)], 2, 3)
    popularity_negatives(log, np.array([0]), 1, np.random.default_rng(0))
    gone = weakref.ref(log)
    del log
    gc.collect()
    assert gone() is None

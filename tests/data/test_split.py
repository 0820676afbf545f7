"""Splits: nothing leaks, nothing is lost, counts follow the published rule, the same seed gives the same parts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from r2u_rec.data import InteractionLog, Parts, Vocabulary, by_time, given, leave_last_out, random_per_user
from r2u_rec.data.split import split
from r2u_rec.errors import SettingsError


@st.composite
def logs(draw: st.DrawFn) -> InteractionLog:
    n_users, n_items = draw(st.integers(1, 6)), draw(st.integers(1, 30))
    pairs = draw(st.lists(st.integers(0, n_users * n_items - 1), unique=True, min_size=1, max_size=80).map(np.array))
    time = np.array(draw(st.lists(st.integers(0, 20), min_size=len(pairs), max_size=len(pairs))), dtype=np.int64)
    keys = [Vocabulary.of(np.arange(n)) for n in (n_users, n_items)]
    ids = np.arange(len(pairs)) * 3 + 5
    return InteractionLog(ids, (pairs // n_items).astype(np.int32), (pairs % n_items).astype(np.int32), time, None, *keys)


def pieces(parts: Parts) -> list[InteractionLog]:
    return [parts.train, parts.validation, parts.test]


def assert_partition(log: InteractionLog, parts: Parts) -> None:
    joined = np.concatenate([part.ids for part in pieces(parts)])
    assert len(np.unique(joined)) == len(joined) == len(log)
    assert set(joined) == set(log.ids)
    for part in pieces(parts):
        assert part.user_keys is log.user_keys
        assert part.item_keys is log.item_keys
        rows = log.positions(part.ids)
        assert np.array_equal(part.user, log.user[rows])
        assert np.array_equal(part.time, log.time[rows])


def recbole_counts(total: int, ratios: list[float]) -> list[int]:
    """The rule of the library whose protocol is followed, for one user, as its source has it."""
    counts = [int(ratio * total) for ratio in ratios]
    counts[0] = total - sum(counts[1:])
    for i in range(1, len(ratios)):
        if counts[0] <= 1:
            break
        if 0 < ratios[-i] * total < 1:
            counts[-i] += 1
            counts[0] -= 1
    return counts


@for_all(logs(), st.integers(0, 1000))
def test_random_parts_are_disjoint_and_cover_everything(log: InteractionLog, seed: int) -> None:
    assert_partition(log, random_per_user(log, seed=seed))


@for_all(logs(), st.sampled_from([(0.8, 0.1, 0.1), (8, 1, 1), (0.5, 0.25, 0.25), (0.9, 0.0, 0.1), (1, 0, 0)]))
def test_random_parts_have_the_counts_of_the_published_rule(log: InteractionLog, shares: tuple[float, float, float]) -> None:
    parts = random_per_user(log, shares, seed=0)
    ratios = (np.array(shares) / np.sum(shares)).tolist()
    for user in range(log.n_users):
        expected = recbole_counts(int(log.user_counts[user]), ratios)
        assert [int(part.user_counts[user]) for part in pieces(parts)] == expected


@pytest.mark.parametrize(
    ("n", "expected"), [(1, (1, 0, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (10, (8, 1, 1)), (19, (17, 1, 1)), (20, (16, 2, 2))]
)
def test_a_user_with_n_records_is_split_as_documented(n: int, expected: tuple[int, int, int]) -> None:
    keys = Vocabulary.of([0]), Vocabulary.of(np.arange(n))
    log = InteractionLog(np.arange(n), np.zeros(n, np.int32), np.arange(n, dtype=np.int32), None, None, *keys)
    assert tuple(len(part) for part in pieces(random_per_user(log, seed=3))) == expected


@settings(max_examples=25)
@for_all(logs(), st.integers(0, 1000))
def test_the_same_seed_gives_the_same_parts(log: InteractionLog, seed: int) -> None:
    once, again = random_per_user(log, seed=seed), random_per_user(log, seed=seed)
    assert all(np.array_equal(a.ids, b.ids) for a, b in zip(pieces(once), pieces(again), strict=True))


def test_another_seed_gives_other_parts() -> None:
    n = 200
    log = InteractionLog(
        np.arange(n), np.zeros(n, np.int32), np.arange(n, dtype=np.int32), None, None, Vocabulary.of([0]), Vocabulary.of(np.arange(n))
    )
    assert not np.array_equal(random_per_user(log, seed=0).test.ids, random_per_user(log, seed=1).test.ids)


def test_every_record_of_a_user_is_as_likely_to_be_tested() -> None:
    n = 10
    log = InteractionLog(
        np.arange(n), np.zeros(n, np.int32), np.arange(n, dtype=np.int32), None, None, Vocabulary.of([0]), Vocabulary.of(np.arange(n))
    )
    tested = np.bincount([int(random_per_user(log, seed=seed).test.ids[0]) for seed in range(1000)], minlength=n)
    assert tested.min() > 60  # 100 expected, standard deviation 9.5
    assert tested.max() < 140


@for_all(logs())
def test_leave_last_out_tests_on_the_latest_record_of_each_user(log: InteractionLog) -> None:
    parts = leave_last_out(log)
    assert_partition(log, parts)
    for user in range(log.n_users):
        own = log.user == user
        ordered = log.ids[own][np.lexsort((log.ids[own], log.time[own]))]
        last, before = (ordered[-1:] if len(ordered) >= 2 else []), (ordered[-2:-1] if len(ordered) >= 3 else [])
        assert list(parts.test.ids[parts.test.user == user]) == list(last)
        assert list(parts.validation.ids[parts.validation.user == user]) == list(before)


@for_all(logs(), st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9)))
def test_by_time_leaves_no_record_of_a_later_part_before_one_of_an_earlier_part(log: InteractionLog, shares: tuple[int, int, int]) -> None:
    parts = by_time(log, shares=shares)
    assert_partition(log, parts)
    for earlier, later in ((parts.train, parts.validation), (parts.train, parts.test), (parts.validation, parts.test)):
        if len(earlier) and len(later):
            assert earlier.time.max() < later.time.min()


def test_by_time_gives_about_the_shares_asked_for_and_takes_cuts_literally() -> None:
    n = 100
    log = InteractionLog(
        np.arange(n),
        np.zeros(n, np.int32),
        np.arange(n, dtype=np.int32),
        np.arange(n),
        None,
        Vocabulary.of([0]),
        Vocabulary.of(np.arange(n)),
    )
    assert [len(part) for part in pieces(by_time(log, shares=(0.8, 0.1, 0.1)))] == [80, 10, 10]
    assert [len(part) for part in pieces(by_time(log, cuts=(50, 90)))] == [50, 40, 10]
    assert [len(part) for part in pieces(by_time(log, shares=(1, 0, 0)))] == [100, 0, 0]


@for_all(logs(), st.data())
def test_a_given_split_is_taken_as_it_is_by_mask_and_by_ids(log: InteractionLog, data: st.DataObject) -> None:
    part = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(log), max_size=len(log))))
    by_mask = given(log, validation=part == 1, test=part == 2)
    by_ids = given(log, validation=log.ids[part == 1], test=log.ids[part == 2])
    assert_partition(log, by_mask)
    for number, (a, b) in enumerate(zip(pieces(by_mask), pieces(by_ids), strict=True)):
        assert np.array_equal(a.ids, log.ids[part == number])
        assert np.array_equal(a.ids, b.ids)


def small(time: bool = True) -> InteractionLog:
    keys = Vocabulary.of([0]), Vocabulary.of(np.arange(4))
    return InteractionLog(np.arange(4), np.zeros(4, np.int32), np.arange(4, dtype=np.int32), np.arange(4) if time else None, None, *keys)


def test_a_split_that_names_a_record_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"validation and test share 1 records, the first id 2: name each record once"):
        given(small(), validation=[1, 2], test=[2, 3])


def test_a_mask_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the test mask has shape \(3,\), the log has 4 records"):
        given(small(), test=np.zeros(3, dtype=bool))


def test_splits_by_time_refuse_a_log_without_time() -> None:
    for by in (leave_last_out, lambda log: by_time(log, cuts=(1, 2))):
        with pytest.raises(ValueError, match=r"needs the time of each record, the log has none: read it with a time column"):
            by(small(time=False))


@pytest.mark.parametrize("shares", [(0, 1, 1), (0.8, -0.1, 0.1), (0.5, 0.5), (float("nan"), 1, 1)])
def test_impossible_shares_are_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"shares must be three finite numbers >= 0, the first > 0"):
        random_per_user(small(), shares, seed=0)


def test_by_time_wants_either_shares_or_cuts_in_order() -> None:
    with pytest.raises(ValueError, match=r"either shares or cuts"):
        by_time(small())
    with pytest.raises(ValueError, match=r"either shares or cuts"):
        by_time(small(), shares=(1, 1, 1), cuts=(1, 2))
    with pytest.raises(ValueError, match=r"cuts must ascend, got validation from 3 and test from 1"):
        by_time(small(), cuts=(3, 1))
    with pytest.raises(ValueError, match=r"shares must be three finite numbers >= 0 that are not all zero"):
        by_time(small(), shares=(0, 0, 0))


@pytest.mark.parametrize(
    ("how", "beneath"),
    [
        ("random", lambda log: random_per_user(log, (0.5, 0.25, 0.25), seed=3)),
        ("last", leave_last_out),
        ("time", lambda log: by_time(log, shares=(0.5, 0.25, 0.25))),
    ],
)
def test_the_one_split_gives_the_bytes_of_the_function_beneath(how: str, beneath: Callable[[InteractionLog], Parts]) -> None:
    log = small()
    train, validation, test = split(log, how, shares=(0.5, 0.25, 0.25), seed=3)
    for part, same in zip((train, validation, test), beneath(log), strict=True):
        assert part.ids.tobytes() == same.ids.tobytes()


def test_a_split_that_there_is_not_suggests_the_nearest() -> None:
    with pytest.raises(SettingsError, match="unknown split 'randon'; did you mean 'random'"):
        split(small(), "randon")


@pytest.mark.parametrize("shares", [(float("inf"), 1, 1), (float("nan"), 1, 1), (-1, 1, 1), (1, 1)])
def test_shares_that_are_no_shares_are_refused(shares: tuple[float, ...]) -> None:
    for how in ("random", "time"):
        with pytest.raises(ValueError, match="shares must be three finite numbers >= 0"):
            split(small(), how, shares=shares)

"""Appending and filtering: existing codes and ids stay, bounds hold, nothing is used twice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2u_rec.data import InteractionLog, Vocabulary, append, compact, k_core, rated_at_least, read_log

PAIRS = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), unique=True, min_size=1, max_size=40)


def log_of(pairs: list[tuple[int, int]]) -> InteractionLog:
    (users, user), (items, item) = (np.unique([pair[side] for pair in pairs], return_inverse=True) for side in (0, 1))
    rating = (np.arange(len(pairs)) % 5 + 1).astype(np.float32)
    keys = Vocabulary.of(users), Vocabulary.of(items)
    return InteractionLog(np.arange(len(pairs)), user.astype(np.int32), item.astype(np.int32), None, rating, *keys)


def keyed(log: InteractionLog) -> list[tuple[int, int, int, float]]:
    users, items = log.user_keys.keys[log.user], log.item_keys.keys[log.item]
    return list(zip(log.ids.tolist(), users.tolist(), items.tolist(), log.rating.tolist(), strict=True))


@given(PAIRS, st.data())
def test_appending_keeps_old_codes_and_ids_and_continues_them(pairs: list[tuple[int, int]], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, max(1, len(pairs) - 1)))
    old, new = log_of(pairs[:cut]), pairs[cut:]
    if not new:
        return
    grown = append(old, log_of(new))
    assert keyed(grown)[:cut] == keyed(old)
    assert grown.ids.tolist() == list(range(len(pairs)))
    assert np.array_equal(grown.user[:cut], old.user)
    assert list(grown.user_keys.keys[: old.n_users]) == list(old.user_keys.keys)
    assert [(user, item) for _, user, item, _ in keyed(grown)[cut:]] == new


def test_ids_continue_behind_those_that_were_forgotten() -> None:
    left = log_of([(1, 1), (2, 1), (3, 1)]).drop([2])
    grown = append(left, log_of([(4, 4)]))
    assert grown.ids.tolist() == [0, 1, 3]
    assert grown.next_id == 4


def test_a_forgotten_user_who_comes_back_is_a_new_user() -> None:
    left = log_of([(1, 1), (2, 1)]).drop([0])
    grown = append(left, log_of([(1, 1)]))
    assert grown.user.tolist() == [1, 2]
    assert grown.user_keys.code(1) == 2


def test_repeated_pairs_keep_the_first_or_the_last() -> None:
    old, new = log_of([(1, 1), (2, 2)]), log_of([(3, 3), (1, 1)])
    assert keyed(append(old, new, duplicates="first")) == [(0, 1, 1, 1.0), (1, 2, 2, 2.0), (2, 3, 3, 1.0)]
    assert keyed(append(old, new, duplicates="last")) == [(1, 2, 2, 2.0), (2, 3, 3, 1.0), (3, 1, 1, 2.0)]


def test_side_information_grows_with_the_vocabulary() -> None:
    old = read_log(pd.DataFrame({"user": [1], "item": [1]}), user_info=pd.DataFrame({"user": [1], "age": [30]}))
    new = read_log(pd.DataFrame({"user": [1, 2], "item": [2, 2]}), user_info=pd.DataFrame({"user": [1, 2], "age": [99, 40]}))
    assert append(old, new).user_info["age"].tolist() == [30, 40]
    plain = read_log(pd.DataFrame({"user": [5], "item": [2]}))
    assert append(old, plain).user_info["age"].isna().tolist() == [False, True]


@given(PAIRS, st.integers(1, 4), st.integers(1, 4))
def test_a_k_core_is_the_largest_part_within_both_bounds(pairs: list[tuple[int, int]], min_user: int, min_item: int) -> None:
    core = k_core(log_of(pairs), min_user_records=min_user, min_item_records=min_item)
    assert (core.user_counts[core.user] >= min_user).all()
    assert (core.item_counts[core.item] >= min_item).all()
    left = set(pairs)  # the slow way: take away one offending pair at a time
    while True:
        users, items = [[pair[side] for pair in left] for side in (0, 1)]
        bad = [pair for pair in left if users.count(pair[0]) < min_user or items.count(pair[1]) < min_item]
        if not bad:
            break
        left.remove(bad[0])
    assert {(user, item) for _, user, item, _ in keyed(core)} == left


@given(PAIRS, st.integers(1, 6))
def test_compacting_changes_codes_and_nothing_else(pairs: list[tuple[int, int]], rating: int) -> None:
    kept = rated_at_least(log_of(pairs), rating)
    small = compact(kept)
    assert keyed(small) == keyed(kept)
    assert all(rated >= rating for *_, rated in keyed(kept))
    assert len(kept) == sum(index % 5 + 1 >= rating for index in range(len(pairs)))
    assert np.array_equal(np.unique(small.user), np.arange(small.n_users))
    assert np.array_equal(np.unique(small.item), np.arange(small.n_items))


def test_compacting_takes_the_side_information_along() -> None:
    log = read_log(pd.DataFrame({"user": [1, 2], "item": [1, 2]}), user_info=pd.DataFrame({"user": [1, 2], "age": [30, 40]}))
    assert compact(log.keep([1])).user_info["age"].tolist() == [40]


def test_impossible_filters_are_refused() -> None:
    with pytest.raises(ValueError, match="a rating of at least 3 was asked for, the log has no ratings: read it with a rating column"):
        rated_at_least(read_log(pd.DataFrame({"user": [1], "item": [1]})), 3)
    with pytest.raises(ValueError, match="must be >= 1, got 0 and 1"):
        k_core(log_of([(1, 1)]), min_user_records=0)

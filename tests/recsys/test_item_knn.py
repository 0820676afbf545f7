"""ItemKnn and its erasure, held to a naive loop and, bit for bit, to fitting anew."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import SettingsError
from r2u_rec.recsys.closed_form import item_knn_lists
from r2u_rec.recsys.closed_form.item_knn import ItemKnn


def log_of(pairs: list[tuple[int, int]], n_users: int, n_items: int) -> InteractionLog:
    user, item = (np.array([pair[at] for pair in pairs], dtype=np.int32) for at in (0, 1))
    keys = [Vocabulary(pd.Index(np.arange(n) + 100)) for n in (n_users, n_items)]
    return InteractionLog(np.arange(len(user), dtype=np.int64), user, item, None, None, *keys)


def random_log(seed: int, n_users: int = 30, n_items: int = 12, share: float = 0.3) -> InteractionLog:
    users, items = np.nonzero(np.random.default_rng(seed).random((n_users, n_items)) < share)
    return log_of(list(zip(users.tolist(), items.tolist(), strict=True)), n_users, n_items)


def bits(fitted) -> list[bytes]:
    """All that was computed, as bytes: lists, similarities, counts with their pattern, histories."""
    counts, histories = fitted.memory.cooccurrence, fitted.model.histories
    arrays = [counts.indptr, counts.indices, counts.data, histories.indptr, histories.indices]
    return [np.asarray(a).tobytes() for a in (fitted.model.neighbours, fitted.model.similarities, *arrays)]


def test_scores_equal_a_naive_loop_over_lists_of_cosines():
    log, k, shrinkage = random_log(0), 4, 3.0
    x = log.matrix().toarray()
    wanted = np.zeros((30, 12))
    for i in range(12):
        near = {}
        for j in range(12):
            both = (x[:, i] * x[:, j]).sum()
            if j != i and both:
                near[j] = both / (np.sqrt(x[:, i].sum() * x[:, j].sum()) + shrinkage)
        for j in sorted(near, key=lambda j: (-near[j], j))[:k]:
            wanted[:, i] += near[j] * x[:, j]
    model = ItemKnn(k, shrinkage).fit(None, log, seed=0).model
    np.testing.assert_allclose(model.scores(np.arange(30)), wanted, rtol=1e-6)


def test_equally_near_items_are_listed_by_their_code_and_short_lists_end_with_the_item_itself():
    log = log_of([(u, i) for u in range(3) for i in (0, 2, 4, 5)], n_users=3, n_items=6)  # 0 2 4 5 all alike, 1 and 3 nobody's
    model = ItemKnn(2, 0.0).fit(None, log, seed=0).model
    assert model.neighbours.tolist() == [[2, 4], [1, 1], [0, 4], [3, 3], [0, 2], [0, 2]]
    assert model.similarities.tolist() == [[1, 1], [0, 0], [1, 1], [0, 0], [1, 1], [1, 1]]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_stream_of_requests_in_any_order_equals_fitting_anew_to_the_bit(data):
    pairs = data.draw(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 6)), max_size=60))  # pairs may repeat
    method = ItemKnn(data.draw(st.integers(1, 9)), data.draw(st.sampled_from([0.0, 2.5])))
    fitted = method.fit(None, log_of(pairs, n_users=9, n_items=7), seed=0)
    order = data.draw(st.permutations(range(len(pairs))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pairs)), max_size=4)))
    for start, stop in zip([0, *cuts], [*cuts, len(pairs)], strict=True):  # ends with nothing left
        fitted = method.forget(None, fitted, np.array(order[start:stop], dtype=np.int64), seed=0)
        assert bits(fitted) == bits(method.fit(None, fitted.records, seed=0))


@pytest.mark.parametrize(("n_others", "n_leaving", "wanted"), [(1, 1, [1]), (3, 2, [2]), (2, 1, [2])])
def test_an_item_enters_a_list_because_somebody_else_lost_it(n_others, n_leaving, wanted):
    """Item 0 lists 2, with a cosine of .71; that of item 1 rises as others lose it: to .71, where the lower code comes first, or less."""
    pairs = [(0, 0), (0, 2), (1, 0), (1, 1), *[(2 + other, 1) for other in range(n_others)]]
    method, log = ItemKnn(1, 0.0), log_of(pairs, n_users=2 + n_others, n_items=3)
    before = method.fit(None, log, seed=0)
    after = method.forget(None, before, log.ids[4 : 4 + n_leaving], seed=0)
    assert before.model.neighbours[0].tolist() == [2]
    assert after.model.neighbours[0].tolist() == wanted
    assert bits(after) == bits(method.fit(None, after.records, seed=0))


def test_an_item_that_has_become_nearer_than_the_last_of_a_list_enters_it():
    pairs = [(0, 0), (0, 1), (1, 0), (1, 2), (2, 1), (3, 2), (4, 2)]  # of item 0: item 1 at .5, item 2 at .41
    method, log = ItemKnn(1, 0.0), log_of(pairs, n_users=5, n_items=3)
    before = method.fit(None, log, seed=0)
    assert before.model.neighbours[0].tolist() == [1]
    assert method.forget(None, before, [5, 6], seed=0).model.neighbours[0].tolist() == [2]  # at .71 now


def test_only_lists_that_can_have_changed_are_made_anew(monkeypatch):
    log = log_of([(u, 2 * i + u % 2) for u in range(8) for i in range(4)], n_users=8, n_items=8)
    method, made = ItemKnn(3), []
    fitted = method.fit(None, log, seed=0)
    original = item_knn_lists.nearest
    monkeypatch.setattr(
        "r2u_rec.recsys.closed_form.item_knn.nearest", lambda counts, rows, *more: made.append(rows) or original(counts, rows, *more)
    )
    method.forget(None, fitted, log.ids_of_users([3])[:1], seed=0)
    assert [rows.tolist() for rows in made] == [[1, 3, 5, 7]]  # the other colour has nothing to do with it


def test_lists_made_in_pieces_equal_lists_made_at_once(monkeypatch):
    log, method = random_log(1), ItemKnn(4)
    whole = method.fit(None, log, seed=0)
    for entries in (1, 15):
        monkeypatch.setattr(item_knn_lists, "ENTRIES_AT_ONCE", entries)
        assert bits(method.fit(None, log, seed=0)) == bits(whole)


def test_a_pair_in_two_records_stays_until_both_are_forgotten():
    method, log = ItemKnn(2), log_of([(0, 0), (0, 1), (0, 1), (1, 1), (1, 2)], n_users=2, n_items=3)
    before = method.fit(None, log, seed=0)
    once = method.forget(None, before, [1], seed=0)
    assert bits(once) == bits(before)
    assert once.records.ids.tolist() == [0, 2, 3, 4]
    assert bits(method.forget(None, once, [2], seed=0)) != bits(before)


def test_counts_hold_no_zero_where_two_items_were_once_together():
    method, log = ItemKnn(2), log_of([(0, 0), (0, 1), (1, 1)], n_users=2, n_items=2)
    after = method.forget(None, method.fit(None, log, seed=0), [0], seed=0)
    assert after.memory.cooccurrence.nnz == 1
    assert after.memory.nbytes == 4 + 4 + 3 * 4  # a count, its item, where the rows start


def test_records_of_another_catalogue_are_refused():
    model = ItemKnn().fit(None, random_log(0), seed=0).model
    with pytest.raises(ValueError, match=re.escape("the records name 9 items, the model has 12: fit on these records")):
        model.rebuild(random_log(0, n_items=9))


def test_emptied_histories_score_nothing():
    model = ItemKnn().fit(None, random_log(0), seed=0).model
    model.forget_rows_(np.array([3]))
    assert not model.scores(np.array([3])).any()
    assert model.scores(np.array([4])).any()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"n_neighbours": 0}, "n_neighbours must be >= 1, got 0"),
        ({"shrinkage": -1.0}, "shrinkage must be >= 0 and finite, got -1.0"),
        ({"shrinkage": float("inf")}, "shrinkage must be >= 0 and finite, got inf"),
    ],
)
def test_impossible_settings_are_refused(setting, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        ItemKnn(**setting)

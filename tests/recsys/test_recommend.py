"""Recommendations by the caller's keys, and the popularity that answers strangers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.serving.popularity import Popularity
from r2u_rec.recsys.serving.recommend import recommend

USERS, ITEMS = ["ann", "bob", "cyd", "dan"], ["tea", "jam", "rye", "oat", "fig"]
PAIRS = [("ann", "tea"), ("ann", "jam"), ("bob", "tea"), ("bob", "rye"), ("cyd", "tea"), ("cyd", "rye"), ("cyd", "oat")]


class Fixed:
    """Scores that the test chooses."""

    def __init__(self, table: np.ndarray) -> None:
        self.table = table.astype(np.float32)

    def scores(self, users: np.ndarray) -> np.ndarray:
        return self.table[users]


def log_of(pairs: list[tuple[str, str]]) -> InteractionLog:
    user = np.array([USERS.index(u) for u, _ in pairs], dtype=np.int32)
    item = np.array([ITEMS.index(i) for _, i in pairs], dtype=np.int32)
    keys = [Vocabulary(pd.Index(names, dtype="str")) for names in (USERS, ITEMS)]
    return InteractionLog(np.arange(len(user), dtype=np.int64), user, item, None, None, *keys)


@pytest.fixture
def fitted() -> Fitted:
    return Fitted(Fixed(np.tile([5.0, 4.0, 3.0, 2.0, 1.0], (4, 1))), log_of(PAIRS))


def test_the_best_unseen_items_come_first_under_the_callers_own_keys(fitted):
    (answer,) = recommend(fitted, ["bob"], k=2)
    assert answer.user_key == "bob"
    assert answer.item_keys == ("jam", "oat")  # tea and rye are seen
    assert answer.scores == (4.0, 2.0)
    assert answer.source == "model"
    assert answer.note == ""


def test_chunks_and_the_order_of_the_keys_change_nothing(fitted):
    keys = ["cyd", "nobody", "ann", "bob", "ann"]
    whole = recommend(fitted, keys, k=2)
    assert [answer.user_key for answer in whole] == keys
    assert recommend(fitted, keys, k=2, chunk_users=1) == whole
    assert [answer for key in keys for answer in recommend(fitted, [key], k=2)] == whole


def test_a_stranger_gets_popularity_of_the_current_records(fitted):
    (answer,) = recommend(fitted, ["nobody"], k=2)
    assert (answer.item_keys, answer.scores, answer.source) == (("tea", "rye"), (3.0, 2.0), "popularity")


def test_a_known_user_without_records_is_a_stranger_too(fitted):
    (dan, nobody) = recommend(fitted, ["dan", "nobody"], k=3)
    assert dan.source == "popularity"
    assert dan.item_keys == nobody.item_keys


def test_an_erased_user_is_answered_like_somebody_who_never_was(fitted):
    left = fitted.records.drop(fitted.records.ids_of_users([2]))
    after = Fitted(fitted.model, left)
    (cyd, nobody, bob) = recommend(after, ["cyd", "nobody", "bob"], k=5)
    assert (cyd.item_keys, cyd.scores, cyd.source) == (nobody.item_keys, nobody.scores, "popularity")
    assert cyd.item_keys[0] == "tea"
    assert cyd.scores[0] == 2.0  # one count less than before
    assert bob.item_keys == ("jam",)  # oat was cyd's alone, nothing stands behind it any more


def test_a_forgotten_item_is_no_longer_seen_and_can_be_recommended_again(fitted):
    at = int(fitted.records.ids[(fitted.records.user == 1) & (fitted.records.item == 2)][0])
    (bob,) = recommend(Fitted(fitted.model, fitted.records.drop(np.array([at]))), ["bob"], k=2)
    assert bob.item_keys == ("jam", "rye")


def test_asking_for_more_than_is_left_gives_what_is_left_and_says_so(fitted):
    (cyd,) = recommend(fitted, ["cyd"], k=10)
    assert cyd.item_keys == ("jam",)
    assert cyd.note == "10 items were asked for, 1 are left: the others are seen or have no record now"


def test_an_item_without_any_record_is_never_recommended(fitted):
    assert all("fig" not in answer.item_keys for answer in recommend(fitted, [*USERS, "nobody"], k=10))


def test_an_empty_log_recommends_nothing_and_says_so(fitted):
    (ann,) = recommend(Fitted(fitted.model, fitted.records.drop(fitted.records.ids)), ["ann"], k=3)
    assert (ann.item_keys, ann.source) == ((), "popularity")
    assert ann.note.startswith("3 items were asked for, 0 are left")


def test_it_serves_a_real_model_after_an_erasure():
    method, log = Ease(reg=1.0), log_of(PAIRS)
    after = method.forget(None, method.fit(None, log, seed=0), log.ids_of_users([2]), seed=0)
    ann, cyd = recommend(after, ["ann", "cyd"], k=1)
    assert (ann.item_keys, ann.source) == (("rye",), "model")
    assert cyd.source == "popularity"


@pytest.mark.parametrize(
    ("wrong", "message"), [({"k": 0}, "k must be >= 1, got 0"), ({"chunk_users": 0}, "chunk_users must be >= 1, got 0")]
)
def test_numbers_that_cannot_be_are_refused(fitted, wrong, message):
    with pytest.raises(ValueError, match=message):
        recommend(fitted, ["ann"], **wrong)


def test_popularity_scores_everybody_by_the_counts_whatever_the_history():
    model = Popularity.of(log_of(PAIRS))
    np.testing.assert_array_equal(model.scores(np.array([0, 3])), [[3, 1, 2, 1, 0]] * 2)
    np.testing.assert_array_equal(model.fold_in(sparse.csr_array((2, 5))), model.scores(np.array([0, 3])))


def test_popularity_rebuilt_counts_the_current_records_alone():
    log = log_of(PAIRS)
    model = Popularity.of(log)
    model.rebuild(log.drop(log.ids_of_users([0])))
    np.testing.assert_array_equal(model.scores(np.array([0])), [[2, 0, 2, 1, 0]])


def test_popularity_refuses_another_catalogue():
    with pytest.raises(ValueError, match="the records name 5 items, the model has 2"):
        Popularity(2).rebuild(log_of(PAIRS))

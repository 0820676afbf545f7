"""EASE and its exact erasure, held to a naive dense solution and to retraining."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import SettingsError, UnknownRecordError
from r2u_rec.recsys.closed_form import ease as ease_module
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.closed_form.woodbury import downdated, gram_inverse


def log_of(pairs: list[tuple[int, int]], n_users: int, n_items: int) -> InteractionLog:
    user, item = (np.array(column, dtype=np.int32) for column in zip(*pairs, strict=True)) if pairs else (np.empty(0, np.int32),) * 2
    keys = [Vocabulary(pd.Index(np.arange(n) + 100)) for n in (n_users, n_items)]
    return InteractionLog(np.arange(len(user), dtype=np.int64), user, item, None, None, *keys)


def random_log(seed: int, n_users: int = 30, n_items: int = 12, share: float = 0.4) -> InteractionLog:
    filled = np.random.default_rng(seed).random((n_users, n_items)) < share
    return log_of(list(zip(*(axis.tolist() for axis in np.nonzero(filled)), strict=True)), n_users, n_items)


def error_against_retraining(method: Ease, fitted) -> float:
    """The largest difference in P and in B from a fit on the remaining records."""
    again = method.fit(None, fitted.records, seed=0)
    inverse = (fitted.memory.inverse - again.memory.inverse).abs().max().item()
    return max(inverse, (fitted.model.weights - again.model.weights).abs().max().item())


def test_weights_equal_a_dense_solution_by_constrained_least_squares():
    log, reg = random_log(0), 3.0
    x = log.matrix(np.float64).toarray()
    naive = np.zeros((log.n_items, log.n_items))
    for j in range(log.n_items):  # column j: ridge of item j on all the others
        others = np.delete(np.arange(log.n_items), j)
        naive[others, j] = np.linalg.solve(x[:, others].T @ x[:, others] + reg * np.eye(len(others)), x[:, others].T @ x[:, j])
    model = Ease(reg=reg).fit(None, log, seed=0).model
    np.testing.assert_allclose(model.weights.numpy(), naive, atol=1e-10)
    np.testing.assert_allclose(model.scores(np.arange(log.n_users)), x @ naive, atol=1e-5)


def test_scores_of_a_user_are_the_fold_in_of_the_own_history():
    log = random_log(1)
    model = Ease(reg=3.0).fit(None, log, seed=0).model
    users = np.array([4, 2])
    np.testing.assert_array_equal(model.scores(users), model.fold_in(log.matrix()[users]))


def test_block_wise_gram_and_mirror_equal_a_dense_inverse():
    rows = sparse.random_array((400, 2100), density=0.01, rng=np.random.default_rng(0), format="csr")  # more than one block of 1024
    dense = np.linalg.inv(rows.toarray().T @ rows.toarray() + 2.0 * np.eye(2100))
    found = gram_inverse(rows, 2.0).numpy()
    np.testing.assert_allclose(found, dense, atol=1e-12)
    np.testing.assert_array_equal(found, found.T)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_stream_of_requests_in_any_order_equals_retraining(data):
    pairs = data.draw(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 6)), max_size=60))  # pairs may repeat
    reg = data.draw(st.sampled_from([0.05, 1.0, 300.0]))
    method = Ease(reg=reg, reinvert_share=data.draw(st.sampled_from([0.0, 0.25, 1.0])))
    log = log_of(pairs, n_users=9, n_items=7)
    fitted = method.fit(None, log, seed=0)
    order = data.draw(st.permutations(range(len(pairs))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pairs)), max_size=4)))
    for start, stop in zip([0, *cuts], [*cuts, len(pairs)], strict=True):  # ends with nothing left
        fitted = method.forget(None, fitted, np.array(order[start:stop], dtype=np.int64), seed=0)
        assert error_against_retraining(method, fitted) < 1e-8
        assert (fitted.model.histories != fitted.records.matrix()).nnz == 0
    assert len(fitted.records) == 0


@pytest.mark.parametrize("reinvert_share", [0.0, 1.0])
def test_erasing_whole_users_equals_retraining(reinvert_share):
    method, log = Ease(reg=5.0, reinvert_share=reinvert_share), random_log(2)
    fitted = method.forget(None, method.fit(None, log, seed=0), log.ids_of_users([3, 7, 11]), seed=0)
    assert error_against_retraining(method, fitted) < 1e-12


def test_small_requests_are_answered_without_a_new_inversion(monkeypatch):
    method, log = Ease(reg=5.0, reinvert_share=1.0), random_log(2)
    fitted = method.fit(None, log, seed=0)

    def refused(rows, reg):
        raise AssertionError("inverted anew")

    with monkeypatch.context() as patch:
        patch.setattr(ease_module, "gram_inverse", refused)
        fitted = method.forget(None, fitted, log.ids_of_users([3, 7, 11]), seed=0)
        only_one_left = fitted.records.ids_of_users([5])[1:]
        fitted = method.forget(None, fitted, only_one_left, seed=0)
        fitted = method.forget(None, fitted, fitted.records.ids[::20], seed=0)
    assert error_against_retraining(method, fitted) < 1e-12


def test_a_long_stream_of_single_interactions_does_not_drift():
    method, log = Ease(reg=1.0), random_log(3, n_users=60, n_items=40)
    fitted = method.fit(None, log, seed=0)
    for id_ in np.random.default_rng(0).permutation(log.ids)[:300]:
        fitted = method.forget(None, fitted, np.array([id_]), seed=0)
    assert error_against_retraining(method, fitted) < 1e-11


def test_a_request_of_several_blocks_equals_one_block():
    log = random_log(4, n_users=50, n_items=30)
    inverse, old = gram_inverse(log.matrix(), 2.0), log.matrix()[np.arange(20)]
    new = sparse.csr_array(old.multiply(np.random.default_rng(0).random(old.shape) < 0.5))
    new.eliminate_zeros()
    torch.testing.assert_close(downdated(inverse, old, new, block_rows=3), downdated(inverse, old, new), atol=1e-13, rtol=0)


def test_forgetting_leaves_the_old_model_untouched():
    method, log = Ease(reg=5.0), random_log(5)
    fitted = method.fit(None, log, seed=0)
    before = copy.deepcopy((fitted.model.inverse, fitted.memory, fitted.model.histories.toarray()))
    forgotten = method.forget(None, fitted, log.ids[:5], seed=0)
    assert torch.equal(fitted.model.inverse, before[0])
    assert torch.equal(fitted.memory.inverse, before[1].inverse)
    np.testing.assert_array_equal(fitted.memory.image, before[1].image)
    np.testing.assert_array_equal(fitted.model.histories.toarray(), before[2])
    assert len(fitted.records) == len(forgotten.records) + 5
    assert forgotten.memory.inverse.data_ptr() != fitted.memory.inverse.data_ptr()


def test_forgetting_nothing_leaves_the_weights_unchanged():
    method = Ease(reg=5.0)
    fitted = method.fit(None, random_log(6), seed=0)
    same = method.forget(None, fitted, np.empty(0, dtype=np.int64), seed=0)
    assert torch.equal(same.model.inverse, fitted.model.inverse)


def test_forgetting_one_of_two_records_of_a_pair_changes_only_the_records():
    method, log = Ease(reg=1.0), log_of([(0, 0), (0, 0), (0, 1), (1, 1)], 2, 2)
    fitted = method.fit(None, log, seed=0)
    once = method.forget(None, fitted, np.array([0]), seed=0)
    assert torch.equal(once.model.inverse, fitted.model.inverse)
    assert len(once.records) == 3
    twice = method.forget(None, once, np.array([1]), seed=0)
    assert twice.model.histories.toarray().tolist() == [[0, 1], [0, 1]]
    assert error_against_retraining(method, twice) < 1e-14


def test_unknown_and_already_forgotten_ids_raise():
    method = Ease(reg=1.0)
    fitted = method.fit(None, log_of([(0, 0), (1, 1)], 2, 2), seed=0)
    with pytest.raises(UnknownRecordError, match="never existed or are already forgotten"):
        method.forget(None, fitted, np.array([9]), seed=0)
    fitted = method.forget(None, fitted, np.array([0]), seed=0)
    with pytest.raises(UnknownRecordError):
        method.forget(None, fitted, np.array([0]), seed=0)


def test_a_bad_pivot_makes_it_invert_anew():
    method, log = Ease(reg=1e-7), log_of([(0, 0), (1, 1), (1, 2)], 2, 3)  # one user alone holds item 0: 1 - x P x = 1e-7
    fitted = method.fit(None, log, seed=0)
    users = log.matrix()[[0]]
    assert downdated(fitted.memory.inverse, users, sparse.csr_array(users.shape)) is None
    assert torch.equal(
        method.forget(None, fitted, np.array([0]), seed=0).memory.inverse, gram_inverse(log.drop(np.array([0])).matrix(), 1e-7)
    )


def test_an_inverse_that_went_wrong_is_noticed_by_the_probe_and_replaced(monkeypatch):
    method, log = Ease(reg=2.0), random_log(7)
    fitted = method.fit(None, log, seed=0)
    monkeypatch.setattr(ease_module, "downdated", lambda inverse, old, new: inverse + 1e-6)
    assert error_against_retraining(method, method.forget(None, fitted, log.ids[:2], seed=0)) < 1e-12


def test_the_memory_after_forgetting_equals_the_memory_of_a_fresh_fit():
    method, log = Ease(reg=2.0), random_log(8)
    forgotten = method.forget(None, method.fit(None, log, seed=1), log.ids[10:40], seed=0)
    fresh = method.fit(None, forgotten.records, seed=1)
    np.testing.assert_array_equal(forgotten.memory.image, fresh.memory.image)
    np.testing.assert_array_equal(forgotten.memory.probe, fresh.memory.probe)


def test_an_item_that_nobody_has_any_more_is_as_if_nobody_had_ever_had_it():
    """Rounding in its row would be too small for any score and still order such items by who left."""
    log, method = random_log(4), Ease(reg=5.0, reinvert_share=1.0)
    rare = np.union1d(log.ids_of_users([3, 7]), log.ids[~np.isin(log.item, [2, 9])])  # items 2 and 9 are theirs alone
    log = log.keep(rare)
    fitted = method.forget(None, method.fit(None, log, seed=0), log.ids_of_users([3, 7]), seed=0)
    assert fitted.records.item_counts[[2, 9]].tolist() == [0, 0]
    again = method.fit(None, fitted.records, seed=0)
    torch.testing.assert_close(fitted.memory.inverse[[2, 9]], again.memory.inverse[[2, 9]], atol=0, rtol=1e-15)
    off = fitted.memory.inverse[[2, 9]].clone()
    off[[0, 1], [2, 9]] = 0
    assert not off.any()
    np.testing.assert_array_equal(fitted.model.scores(np.arange(30))[:, [2, 9]], 0)


def test_a_float32_model_keeps_a_float64_memory():
    method, log = Ease(reg=2.0, dtype=torch.float32), random_log(9)
    fitted = method.forget(None, method.fit(None, log, seed=0), log.ids[:4], seed=0)
    assert fitted.model.inverse.dtype == torch.float32
    assert fitted.memory.inverse.dtype == torch.float64
    assert (fitted.memory.inverse - gram_inverse(fitted.records.matrix(), 2.0)).abs().max() < 1e-12


def test_rebuild_answers_from_the_new_histories_and_refuses_another_catalogue():
    log = random_log(10)
    model = Ease(reg=2.0).fit(None, log, seed=0).model
    model.rebuild(log.drop(log.ids_of_users([0])))
    assert np.all(model.scores(np.array([0])) == 0)
    with pytest.raises(ValueError, match="the records name 5 items, the model has 12"):
        model.rebuild(random_log(0, n_items=5))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"reg": 0.0}, "reg must be > 0 and finite, got 0.0"),
        ({"reg": float("nan")}, "reg must be > 0"),
        ({"dtype": torch.float16}, "dtype must be torch.float64 or torch.float32"),
        ({"reinvert_share": 2.0}, r"reinvert_share must lie in \[0, 1\], got 2.0"),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(SettingsError, match=message):
        Ease(**wrong)


def test_a_catalogue_too_large_is_refused_with_the_memory_it_needs():
    log = log_of([(0, 0)], 1, 30_000)
    with pytest.raises(SettingsError, match=r"30,000 items needs arrays of 7.2 GB.*pass max_items=30000"):
        Ease().fit(None, log, seed=0)


def test_a_ridge_too_small_for_float64_is_refused():
    log = log_of([(0, 0), (0, 1)], 1, 2)  # two equal columns
    with pytest.raises(ValueError, match="not positive definite in float64 with reg=1e-30"):
        Ease(reg=1e-30).fit(None, log, seed=0)

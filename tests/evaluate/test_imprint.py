"""The fold-in probe."""

import numpy as np
import pytest
from evaluate_toys import Neighbours, Table, noisy, random_histories
from scipy import sparse

from r2u_rec.errors import CapabilityError
from r2u_rec.evaluate.imprint import FoldInProbe


def naive_fa_fi(model, a, b, n_items):
    """One user, one direction, by loops: the definition."""
    row = np.zeros((1, n_items))
    row[0, a] = 1
    scores = model.fold_in(sparse.csr_array(row))[0]
    others = [i for i in range(n_items) if i not in set(a) | set(b)]
    wins = [1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0 for i in b for j in others]
    order = sorted((i for i in range(n_items) if i not in set(a)), key=lambda i: (-scores[i], i))[:20]
    dcg = sum(1 / np.log2(r + 2) for r, i in enumerate(order) if i in set(b))
    return np.mean(wins), dcg / sum(1 / np.log2(r + 2) for r in range(min(len(b), 20)))


@pytest.mark.parametrize("levels", [0, 3])
def test_fold_in_evidence_equals_the_naive_loops(levels):
    histories, n_items = random_histories(6, 40, seed=1), 40
    weights = np.random.default_rng(2).normal(size=(n_items, n_items))
    model = Neighbours(np.round(weights * levels / 3) if levels else weights)  # rounded weights make ties
    probe = FoldInProbe(histories, np.arange(6), n_halves=2, seed=5)
    measured = probe.measure(model)
    fa, fi = np.zeros((4, 6)), np.zeros((4, 6))
    for turn, (a, b) in enumerate(probe.halves()):
        for user in range(6):
            fa[turn, user], fi[turn, user] = naive_fa_fi(model, a[[user]].indices, b[[user]].indices, n_items)
    np.testing.assert_allclose(measured.fa, fa.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(measured.fi, fi.mean(axis=0), atol=1e-12)


def test_own_loss_equals_the_naive_loop_over_its_fixed_negatives():
    histories = random_histories(3, 30, seed=1)
    model, probe = noisy(30, seed=0), FoldInProbe(histories, [0, 1, 2], seed=5)
    scores = model.fold_in(histories)
    for user in range(3):
        start, end = histories.indptr[user], histories.indptr[user + 1]
        losses = [
            np.log1p(np.exp(scores[user, n] - scores[user, histories.indices[at]]))
            for at in range(start, end)
            for n in probe._negatives[at]
        ]
        assert probe.measure(model).own_loss[user] == pytest.approx(np.mean(losses))
    own = probe._negatives[: histories.indptr[1]]
    assert not np.isin(own, histories[[0]].indices).any()


def test_the_halves_are_halves_both_ways_round():
    histories = random_histories(8, 40, seed=3)
    turns = list(FoldInProbe(histories, np.arange(8), n_halves=3, seed=0).halves())
    assert len(turns) == 6
    for a, b in turns:
        assert ((a + b) != histories).nnz == 0
        assert np.abs(np.diff(a.indptr) - np.diff(b.indptr)).max() <= 1
    assert (turns[0][0] != turns[1][1]).nnz == 0
    assert (turns[0][0] != turns[2][0]).nnz > 0


def test_the_same_seed_gives_the_same_halves_whoever_else_is_measured():
    histories = random_histories(8, 40, seed=3)
    together, alone = FoldInProbe(histories, np.arange(8), seed=7), FoldInProbe(histories, [5], seed=7)
    for (a, _), (b, _) in zip(together.halves(), alone.halves(), strict=True):
        assert a[[5]].indices.tolist() == b.indices.tolist()
    other = FoldInProbe(histories, [5], seed=8)
    assert any(a.indices.tolist() != b.indices.tolist() for (a, _), (b, _) in zip(alone.halves(), other.halves(), strict=True))


def test_a_model_that_prefers_nothing_scores_one_half_and_log_two():
    measured = FoldInProbe(random_histories(5, 40, seed=3), np.arange(5), seed=0).measure(Table(np.zeros((1, 40))))
    np.testing.assert_array_equal(measured.fa, 0.5)
    np.testing.assert_allclose(measured.own_loss, np.log(2))


def test_a_model_that_knows_the_pairs_scores_one():
    histories = sparse.csr_array(np.kron(np.eye(4), np.ones((1, 8))))  # four users with eight items of their own each
    measured = FoldInProbe(histories, np.arange(4), seed=0).measure(Neighbours((histories.T @ histories).toarray()))
    np.testing.assert_array_equal(measured.fa, 1.0)
    np.testing.assert_array_equal(measured.fi, 1.0)


def test_the_chunk_size_does_not_change_the_measurement(monkeypatch):
    probe, model = FoldInProbe(random_histories(9, 40, seed=3), np.arange(9), seed=0), noisy(40, seed=1)
    whole = probe.measure(model)
    monkeypatch.setattr("r2u_rec.evaluate.imprint.CHUNK_ELEMENTS", 80)
    chunked = probe.measure(model)
    for name in ("fa", "fi", "own_loss"):
        np.testing.assert_allclose(getattr(whole, name), getattr(chunked, name), atol=1e-12)


def test_users_with_short_or_complete_histories_are_skipped_and_counted():
    dense = np.zeros((4, 10))
    dense[0, :3] = dense[1, :4] = dense[2, :10] = dense[3, 2:9] = 1
    probe = FoldInProbe(sparse.csr_array(dense), [0, 1, 2, 3], seed=0)
    assert (probe.users.tolist(), probe.n_skipped, len(probe)) == ([1, 3], 2, 2)


def test_what_cannot_be_probed_is_refused_with_the_reason():
    histories = random_histories(3, 30, seed=1)
    with pytest.raises(ValueError, match="n_halves must be at least 1, got 0"):
        FoldInProbe(histories, [0], n_halves=0, seed=0)
    with pytest.raises(ValueError, match="users must be unique, got 1 repeats"):
        FoldInProbe(histories, [0, 0], seed=0)
    with pytest.raises(ValueError, match=r"users must lie in \[0, 3\), the rows of histories, got 0 to 3"):
        FoldInProbe(histories, [0, 3], seed=0)
    with pytest.raises(ValueError, match="none of the 1 users has 4 interactions"):
        FoldInProbe(sparse.csr_array(np.eye(3)), [1], seed=0)
    probe = FoldInProbe(histories, [0], seed=0)
    with pytest.raises(CapabilityError, match="object cannot be probed: a model needs fold_in"):
        probe.measure(object())
    with pytest.raises(ValueError, match=r"shape \(1, 29\), expected \(1, 30\)"):
        probe.measure(Table(np.zeros((1, 29))))
    with pytest.raises(ValueError, match="not finite for 1 of 1 users"):
        probe.measure(Table(np.full((1, 30), np.nan)))

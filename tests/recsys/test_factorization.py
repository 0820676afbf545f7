"""Matrix factorisation: seeded tables, sparse gradients, scores that are products, rows that can be emptied."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from r2u_rec.recsys.models.factorization import MatrixFactorization
from r2u_rec.recsys.serving.fold_in import ridge_fold_in


def test_the_seed_decides_the_tables_and_the_spread_is_init_std():
    a, b, c = (MatrixFactorization(300, 200, 16, seed=seed, init_std=0.05) for seed in (1, 1, 2))
    assert torch.equal(a.user_embedding.weight, b.user_embedding.weight)
    assert torch.equal(a.item_embedding.weight, b.item_embedding.weight)
    assert not torch.equal(a.user_embedding.weight, c.user_embedding.weight)
    assert not torch.equal(a.user_embedding.weight[:200], a.item_embedding.weight)
    assert float(a.user_embedding.weight.detach().std()) == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize("sparse_gradients", [True, False])
def test_gradients_are_sparse_unless_second_order_needs_dense_ones(sparse_gradients):
    model = MatrixFactorization(5, 4, 3, seed=0, sparse=sparse_gradients)
    p, q = model.lookup(torch.tensor([1, 1]), torch.tensor([[0, 2], [3, 2]]))
    assert p.shape == (2, 3)
    assert q.shape == (2, 2, 3)
    (p.unsqueeze(1) * q).sum().backward()
    assert model.user_embedding.weight.grad.is_sparse == sparse_gradients
    assert model.item_embedding.weight.grad.to_dense().abs().sum(1).nonzero().flatten().tolist() == [0, 2, 3]


def test_scores_are_the_products_of_the_rows():
    model = MatrixFactorization(5, 4, 3, seed=0)
    p, q = (table.detach().numpy() for table in model.tables())
    np.testing.assert_allclose(model.scores(np.array([4, 0])), p[[4, 0]] @ q.T, rtol=1e-6)
    assert model.scores(np.array([4, 0])).dtype == np.float32


def test_the_names_of_the_tables_are_those_of_parameters():
    names = dict(MatrixFactorization(5, 4, 3, seed=0).named_parameters())
    assert {MatrixFactorization.item_rows, MatrixFactorization.user_rows} == set(names)


def test_forgotten_rows_score_zero_and_the_others_keep_their_bits():
    model, twin = (MatrixFactorization(5, 4, 3, seed=0) for _ in range(2))
    model.forget_rows_(np.array([1, 3]))
    assert np.abs(model.scores(np.array([1, 3]))).max() == 0
    assert torch.equal(model.user_embedding.weight[[0, 2, 4]], twin.user_embedding.weight[[0, 2, 4]])
    assert torch.equal(model.item_embedding.weight, twin.item_embedding.weight)
    model.forget_rows_(np.empty(0, dtype=np.int64))


def test_fold_in_uses_the_item_table_alone():
    model = MatrixFactorization(5, 4, 3, seed=0)
    histories = sparse.csr_array(np.array([[1.0, 0, 1, 0], [0, 0, 0, 0]]))
    before = model.fold_in(histories)
    model.forget_rows_(np.arange(5))
    np.testing.assert_array_equal(model.fold_in(histories), before)
    assert before.shape == (2, 4)
    assert np.abs(before[1]).max() == 0


def test_ridge_fold_in_equals_the_solve_of_its_definition_and_ignores_the_tables_scale():
    rng = np.random.default_rng(0)
    table, history = rng.normal(size=(7, 3)), np.array([[1.0, 0, 0, 1, 0, 1, 0]])
    q = table / np.sqrt((table**2).sum(1).mean())
    system = 0.2 * q.T @ q + 0.5 * np.eye(3) + q[[0, 3, 5]].T @ q[[0, 3, 5]]
    wanted = np.linalg.solve(system, q[[0, 3, 5]].sum(0)) @ q.T
    for scale in (1.0, 40.0):
        found = ridge_fold_in(torch.from_numpy(scale * table), sparse.csr_array(history), unseen_weight=0.2, reg=0.5)
        np.testing.assert_allclose(found[0], wanted, rtol=1e-5)


def test_an_embedding_without_columns_is_refused():
    with pytest.raises(ValueError, match="embedding_dim must be >= 1, got 0"):
        MatrixFactorization(5, 4, 0, seed=0)

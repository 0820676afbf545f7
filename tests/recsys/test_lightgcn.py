"""LightGCN against dense matrix powers, and what its graph must do when edges are forgotten."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from torch_geometric.nn import LGConv

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.recsys.models.lightgcn import LightGCN
from r2u_rec.recsys.models.propagation import mean_over_layers, normalised_adjacency

PAIRS = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 0), (2, 2), (2, 3), (2, 3), (4, 1)]  # one repeat; user 3 and item 4 have no edge


def log_of(pairs: list[tuple[int, int]], n_users: int = 5, n_items: int = 5) -> InteractionLog:
    user, item = (np.array(column, dtype=np.int32) for column in zip(*pairs, strict=True))
    keys = [Vocabulary(pd.Index(np.arange(n))) for n in (n_users, n_items)]
    return InteractionLog(np.arange(len(user), dtype=np.int64), user, item, None, None, *keys)


def model_on(log: InteractionLog, n_layers: int = 3, dtype: torch.dtype = torch.float64) -> LightGCN:
    model = LightGCN(log.n_users, log.n_items, 4, n_layers, seed=0).to(dtype)
    model.rebuild(log)
    return model


def dense_adjacency(log: InteractionLog) -> torch.Tensor:
    """The textbook definition, in a dense matrix."""
    n = log.n_users + log.n_items
    a = torch.zeros(n, n, dtype=torch.float64)
    for u, i in set(zip(log.user.tolist(), log.item.tolist(), strict=True)):
        a[u, log.n_users + i] = a[log.n_users + i, u] = 1
    root = a.sum(1).clamp(min=1).rsqrt()
    return root[:, None] * a * root


def dense_tables(log: InteractionLog, embeddings: torch.Tensor, n_layers: int) -> torch.Tensor:
    a = dense_adjacency(log)
    return sum(torch.linalg.matrix_power(a, k) @ embeddings for k in range(n_layers + 1)) / (n_layers + 1)


def test_adjacency_is_the_textbook_one_with_int32_indices_and_symmetric_bit_for_bit():
    found = normalised_adjacency(log_of(PAIRS))
    assert found.crow_indices().dtype == found.col_indices().dtype == torch.int32
    assert found.layout == torch.sparse_csr
    dense = found.to_dense()
    assert torch.equal(dense, dense.T)
    torch.testing.assert_close(dense.double(), dense_adjacency(log_of(PAIRS)), atol=1e-7, rtol=0)


@pytest.mark.parametrize("n_layers", [0, 1, 3])
def test_tables_equal_dense_matrix_powers(n_layers):
    log = log_of(PAIRS)
    model = model_on(log, n_layers)
    wanted = dense_tables(log, torch.cat([model.user_embedding, model.item_embedding]), n_layers)
    torch.testing.assert_close(torch.cat(model.tables()), wanted, atol=1e-14, rtol=0)


def test_gradient_equals_dense_autograd():
    log = log_of(PAIRS)
    model = model_on(log)
    users, items = torch.tensor([0, 2, 2]), torch.tensor([[0, 4], [3, 1], [0, 1]])
    p, q = model.lookup(users, items)
    (p.unsqueeze(1) * q).sum(-1).square().sum().backward()
    copies = [t.detach().clone().requires_grad_() for t in (model.user_embedding, model.item_embedding)]
    nodes = dense_tables(log, torch.cat(copies), 3)
    wanted_p, wanted_q = nodes[:5][users], nodes[5:][items]
    (wanted_p.unsqueeze(1) * wanted_q).sum(-1).square().sum().backward()
    for mine, oracle in zip((model.user_embedding, model.item_embedding), copies, strict=True):
        torch.testing.assert_close(mine.grad, oracle.grad, atol=1e-13, rtol=0)


def test_propagation_has_second_derivatives():
    log = log_of(PAIRS)
    adjacency, conv = normalised_adjacency(log, torch.float64), LGConv(normalize=False)
    x = torch.randn(10, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda e: mean_over_layers(adjacency, e, 2, conv).pow(3), (x,))


def test_lookup_picks_the_rows_of_the_tables():
    model = model_on(log_of(PAIRS))
    users, items = torch.tensor([1, 4]), torch.tensor([[0, 1, 2], [4, 3, 2]])
    p, q = model.lookup(users, items)
    user_table, item_table = model.tables()
    assert torch.equal(p, user_table[users])
    assert torch.equal(q, item_table[items])
    assert q.shape == (2, 3, 4)


def test_who_has_no_edges_keeps_only_the_layer_0_term():
    model = model_on(log_of(PAIRS))
    user_table, item_table = model.tables()
    torch.testing.assert_close(user_table[3], model.user_embedding[3] / 4)
    torch.testing.assert_close(item_table[4], model.item_embedding[4] / 4)


def test_after_rebuild_nothing_answers_from_the_edges_that_are_gone():
    log = log_of(PAIRS)
    left = log.drop(log.ids_of_users([2]))
    model, fresh = model_on(log), model_on(left)
    before = model.scores(np.array([0]))
    model.rebuild(left)
    np.testing.assert_array_equal(model.scores(np.arange(5)), fresh.scores(np.arange(5)))
    assert not np.array_equal(model.scores(np.array([0])), before)


def test_a_weight_change_is_seen_at_once():
    model = model_on(log_of(PAIRS))
    before = model.scores(np.array([0]))
    with torch.no_grad():
        model.item_embedding *= 2
    assert not np.array_equal(model.scores(np.array([0])), before)


def test_the_state_dict_holds_weights_and_no_graph():
    model = model_on(log_of(PAIRS))
    assert set(model.state_dict()) == {"user_embedding", "item_embedding", "item_correction"}


def test_item_correction_moves_one_item_of_the_materialised_table_and_is_not_trained():
    model = model_on(log_of(PAIRS))
    before = model.tables()[1].detach().clone()
    with torch.no_grad():
        model.item_correction[2] += 1.0
    moved = model.tables()[1].detach() - before
    torch.testing.assert_close(moved[2], torch.ones(4, dtype=torch.float64))
    assert moved[[0, 1, 3, 4]].abs().max() == 0
    model.tables()[1].sum().backward()
    assert model.item_correction.grad is None


def test_forgotten_rows_score_nothing_once_their_edges_are_gone():
    log = log_of(PAIRS)
    model = model_on(log)
    model.rebuild(log.drop(log.ids_of_users([2])))
    model.forget_rows_(np.array([2]))
    assert np.abs(model.scores(np.array([2]))).max() == 0
    assert np.abs(model.scores(np.array([0, 1]))).min() > 0


def test_a_copy_answers_alike_and_is_independent():
    log = log_of(PAIRS)
    model = model_on(log)
    twin = copy.deepcopy(model)
    np.testing.assert_array_equal(twin.scores(np.arange(5)), model.scores(np.arange(5)))
    before = model.scores(np.arange(5))
    twin.rebuild(log.drop(log.ids_of_users([0])))
    np.testing.assert_array_equal(model.scores(np.arange(5)), before)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    one, two, other = (LightGCN(5, 5, 4, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.user_embedding, two.user_embedding)
    assert torch.equal(one.item_embedding, two.item_embedding)
    assert not torch.equal(one.user_embedding, other.user_embedding)


def test_a_change_of_precision_after_rebuild_is_followed():
    model = model_on(log_of(PAIRS)).float()
    assert model.tables()[0].dtype == torch.float32
    assert model.scores(np.array([0])).dtype == np.float32


def test_an_empty_log_leaves_layer_0_alone():
    log = log_of(PAIRS)
    model = model_on(log.drop(log.ids))
    torch.testing.assert_close(model.tables()[0], model.user_embedding / 4)


def test_fold_in_scores_a_history_with_the_items_it_is_made_of_first():
    log = log_of([(u, i) for u in range(8) for i in range(8) if (u < 4) == (i < 4) and u != i], 8, 8)  # two separate worlds
    model = LightGCN(8, 8, 8, 3, seed=0)
    model.rebuild(log)
    scores = model.fold_in(log.matrix()[[0]])
    assert scores[0, :4].min() > scores[0, 4:].max()


def test_asking_before_rebuild_names_the_remedy():
    with pytest.raises(RuntimeError, match=r"stands on no records: call rebuild\(records\) first"):
        LightGCN(2, 2, seed=0).tables()


def test_records_of_another_size_are_refused():
    with pytest.raises(ValueError, match="the records count 5 users and 5 items, the model 5 and 6"):
        LightGCN(5, 6, seed=0).rebuild(log_of(PAIRS))


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="n_layers >= 0, got 5, 5, 64, -1"):
        LightGCN(5, 5, n_layers=-1, seed=0)

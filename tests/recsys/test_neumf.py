"""NeuMF: its score against the paper's formula, its derivatives against autograd, its rows and its fold-in."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from neural_toys import N_USERS, timed_log
from scipy import sparse
from torch.nn import functional as F

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.recsys.models.neumf import NeuMF
from r2u_rec.recsys.tasks.ranking import RankingTask, neumf

LOG = timed_log()
TASK = RankingTask(neumf(3, (5, 4)), "bce", n_negatives=2, reg=0.1)


def fresh():
    return TASK.model(LOG, seed=3).eval()


def formula(model, p, q):
    """One pair, as the paper writes it: the network reads the two vectors side by side."""
    d = model.embedding_dim
    first = torch.cat([model.first_of_user.weight, model.first_of_item.weight], 1)
    x = F.relu(first @ torch.cat([p[d:], q[d:]]) + model.first_of_user.bias)
    for layer in model.later:
        x = F.relu(layer(x))
    both = torch.cat([p[:d] * q[:d], x])
    return torch.cat([model.product_weight, model.network_weight.weight[0]]) @ both + model.network_weight.bias[0]


def test_scores_follow_the_formula():
    model = fresh()
    scores = model.scores(np.arange(N_USERS))
    for user, item in ((0, 0), (3, 7), (5, 11)):
        wanted = formula(model, model.user_embedding.weight[user], model.item_embedding.weight[item])
        assert scores[user, item] == pytest.approx(float(wanted.detach()), abs=1e-5)


def test_losses_and_penalties_are_those_of_the_scores_and_rows():
    model = fresh()
    batch = TASK.batch(LOG, LOG.ids, rng=np.random.default_rng(0))
    losses, penalties = TASK.objective(model, batch)
    scores = model.scores(np.arange(N_USERS))[batch.users.numpy()[:, None], batch.items.numpy()]
    wanted = np.log1p(np.exp(-scores[:, 0])) + np.log1p(np.exp(scores[:, 1:])).mean(1)
    np.testing.assert_allclose(losses.detach(), wanted, atol=1e-5)
    p, q = model.user_embedding.weight[batch.users], model.item_embedding.weight[batch.items]
    norms = p.square().sum(1) + q[:, 0].square().sum(1) + q[:, 1:].square().sum(2).mean(1)
    torch.testing.assert_close(penalties, 0.05 * norms)


def test_row_interactions_have_a_feature_for_each_row():
    """Their gradient is held against autograd by the suite of tasks."""
    items, users = TASK.row_interactions(fresh(), LOG, LOG.ids, n_draws=2, rng=np.random.default_rng(5))
    assert users.own
    assert not items.own
    assert items.features.shape == (len(LOG), 3, 6)


def test_forgotten_rows_score_nothing_and_the_others_as_before():
    model = fresh()
    before = model.scores(np.arange(N_USERS))
    TASK.attach(model, LOG.drop(LOG.ids_of_users([0])))
    after = model.scores(np.arange(N_USERS))
    assert not after[[0, 2]].any()
    np.testing.assert_array_equal(after[[1, 3, 4, 5]], before[[1, 3, 4, 5]])


def test_fold_in_comes_close_to_the_row_that_fits_best():
    model = GradientTrainer(Training(epochs=10, batch_size=9, lr=0.03)).train(TASK, LOG, seed=0)
    history = LOG.matrix()[[3]]
    mine = torch.from_numpy(history.toarray()[0])
    weight = torch.where(mine > 0, 1.0, float(mine.sum()) / float((mine == 0).sum()))

    def misfit(p):
        scores = model.score_rows(p[None, None], model.item_embedding.weight.detach()[None])[0]
        return F.binary_cross_entropy_with_logits(scores, mine, weight=weight, reduction="sum") + 0.5 * p.square().sum()

    best = torch.zeros(6, requires_grad=True)
    optimizer = torch.optim.Adam([best], lr=0.02)
    for _ in range(1000):
        optimizer.zero_grad()
        misfit(best).backward()
        optimizer.step()
    found, none = float(misfit(model._fitted_rows(history, 1.0, 5)[0])), float(misfit(torch.zeros(6)))
    assert none - float(misfit(best)) > 0.5
    assert found - float(misfit(best)) < 0.05 * (none - float(misfit(best)))
    folded = model.fold_in(sparse.vstack([history, LOG.matrix()[[2]]], format="csr"))
    assert not folded[1].any()
    assert folded[0][mine.numpy() > 0].mean() > folded[0][mine.numpy() == 0].mean() + 0.1


def test_what_cannot_be_is_refused_with_the_values():
    with pytest.raises(ValueError, match="embedding_dim must be >= 1, got 0"):
        NeuMF(2, 2, 0, seed=0)
    with pytest.raises(ValueError, match=r"widths must name at least one hidden layer of width >= 1, got \(\)"):
        NeuMF(2, 2, 2, (), seed=0)

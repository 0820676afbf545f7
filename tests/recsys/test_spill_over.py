"""Influence for recommenders: what spills over is autograd on two graphs, rows are those within hops, labels say nothing."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import SettingsError
from r2u_rec.recsys.edits.spill_over import ifru, indifferent, owned, reached, scif, within_hops
from r2u_rec.recsys.tasks.ranking import RankingTask, lightgcn, matrix_factorization
from r2u_rec.unlearn.curvature.flat import FlatParameters, dense_twin
from r2u_rec.unlearn.curvature.influence import Influence
from r2u_rec.unlearn.curvature.solvers import ConjugateGradient
from r2u_rec.unlearn.tuned import Tuned


def log_of(pairs, n_users, n_items):
    user, item = (np.array(column, dtype=np.int32) for column in zip(*pairs, strict=True))
    keys = (Vocabulary(pd.Index([f"{kind}{i}" for i in range(n)])) for kind, n in (("u", n_users), ("i", n_items)))
    return InteractionLog(np.arange(len(user), dtype=np.int64), user, item, None, None, *keys)


RNG = np.random.default_rng(0)
LOG = log_of(sorted({(int(u), int(i)) for u, i in zip(RNG.integers(0, 12, 70), RNG.integers(0, 9, 70), strict=True)}), 12, 9)
FORGET = LOG.ids_of_users([3, 7])
GONE, LEFT = LOG.keep(FORGET), LOG.drop(FORGET)
TRAINER = GradientTrainer(Training(epochs=30, batch_size=64, lr=0.02))


def fitted(task):
    return TRAINER.train(task, LOG, seed=0)


def test_rows_within_hops_by_hand():
    """A path: user 0 - item 0 - user 1 - item 1 - user 2 - item 2, and a pair apart."""
    path = log_of([(0, 0), (1, 0), (1, 1), (2, 1), (2, 2), (3, 3)], 4, 4)
    erased = path.ids[[0]]
    wanted = {0: ([0], [0]), 1: ([0, 1], [0]), 2: ([0, 1], [0, 1]), 3: ([0, 1, 2], [0, 1]), 9: ([0, 1, 2], [0, 1, 2])}
    for hops, (users, items) in wanted.items():
        found = reached(path.keep(erased), path.drop(erased), hops)
        assert (found[0].tolist(), found[1].tolist()) == (users, items), hops


@pytest.mark.parametrize("hops", [0, 1])
def test_influence_moves_the_rows_within_hops_and_leaves_the_others_bit_for_bit(hops):
    """Users 8 to 11 and items 6 to 8 are a block of their own, which no request of the others reaches."""
    pairs = [(u, i) for u in range(8) for i in range(6) if (u + i) % 3] + [(u, i) for u in range(8, 12) for i in range(6, 9) if (u + i) % 2]
    log = log_of(pairs, 12, 9)
    task = RankingTask(matrix_factorization(4), reg=0.1)
    method = Tuned(TRAINER, Influence(damping=5.0, rows=within_hops(hops)))
    before = method.fit(task, log, seed=0)
    erased = log.ids_of_users([2])[:1]
    after = method.forget(task, before, erased, seed=1)
    users, items = reached(log.keep(erased), log.drop(erased), hops)
    assert (len(users) < 12, len(items) < 9) == (True, True)
    for found, was, rows in zip(after.model.tables(), before.model.tables(), (users, items), strict=True):
        moved = (found != was).any(1).numpy()
        assert set(np.flatnonzero(moved)) <= set(rows.tolist())
        assert moved.any()


def test_selective_influence_moves_the_rows_of_those_who_ask_alone():
    task = RankingTask(matrix_factorization(4), reg=0.1)
    method = Tuned(TRAINER, scif())
    before = method.fit(task, LOG, seed=0)
    single = LOG.ids_of_users([3])[:2]
    after = method.forget(task, before, single, seed=1)
    assert torch.equal(after.model.item_embedding.weight, before.model.item_embedding.weight)
    moved = (after.model.user_embedding.weight != before.model.user_embedding.weight).any(1)
    assert moved.nonzero().flatten().tolist() == [3]
    scores = [fit.model.scores(np.array([3]))[0][LOG.item[LOG.positions(single)]] for fit in (before, after)]
    assert scores[1].mean() < scores[0].mean()  # what was forgotten is liked less


def gradient_by_hand(task, model, layers_on, records, sign, total):
    twin = copy.deepcopy(model)
    twin.rebuild(layers_on)
    batch = task.batch(records, records.ids, rng=np.random.default_rng(0))
    task.losses(twin, batch).sum().backward()
    for name, p in twin.named_parameters():
        if p.grad is not None:
            total[name] = total.get(name, 0) + sign * p.grad
    return total


class Fixed(RankingTask):
    """The task with one fixed negative an interaction, so that its objective is one function and oracles see the same."""

    def batch(self, records, ids, *, rng):
        batch = super().batch(records, ids, rng=np.random.default_rng(0))
        batch.items[:, 1] = (batch.items[:, 0] + 4) % records.n_items
        return batch


def test_the_spill_over_gradient_is_autograd_on_the_graph_with_and_without_the_edges():
    task = Fixed(lightgcn(4, 2))
    model = fitted(task)
    wanted = {}
    gradient_by_hand(task, model, LOG, GONE, 1, wanted)
    gradient_by_hand(task, model, LOG, LEFT, 1, wanted)
    gradient_by_hand(task, model, LEFT, LEFT, -1, wanted)
    moving = FlatParameters(model)
    influence = Influence(spill_over=True, n_draws=1)
    found = influence._right(task, dense_twin(task, model), dense_twin(task, model, LEFT), moving, GONE, LEFT, 0)
    torch.testing.assert_close(found.float(), torch.cat([wanted[name].flatten() for name in moving.names]), atol=1e-5, rtol=1e-4)
    without = Influence(n_draws=1)._right(task, dense_twin(task, model), dense_twin(task, model, LEFT), moving, GONE, LEFT, 0)
    assert (without - found).abs().max() > 1e-2


def test_a_twin_stands_on_other_records_at_the_parameters_of_the_model():
    """To attach empties the rows of who has left, and they are still needed where the gradient of the request is taken."""
    model = fitted(RankingTask(lightgcn(4, 2)))
    twin = dense_twin(RankingTask(lightgcn(4, 2)), model, LEFT)
    assert torch.equal(twin.user_embedding, model.user_embedding)
    assert twin.user_embedding[3].abs().sum() > 0
    assert (twin.graph.adjacency.to_dense()[3] == 0).all()
    assert (model.graph.adjacency.to_dense()[3] != 0).any()


def test_nothing_spills_over_where_no_loss_depends_on_another_record():
    task = Fixed(matrix_factorization(4), reg=0.1)
    model = fitted(task)
    twins = dense_twin(task, model), dense_twin(task, model, LEFT)
    found = [Influence(spill_over=s, n_draws=1)._right(task, *twins, FlatParameters(model), GONE, LEFT, 0) for s in (True, False)]
    torch.testing.assert_close(found[0], found[1], atol=1e-12, rtol=0)


def test_a_graph_model_is_pushed_towards_where_the_retained_objective_has_no_slope():
    """What ifru corrects: the gradient of what remains, on its own graph, at the new parameters."""
    task = Fixed(lightgcn(4, 2), reg=0.1)
    model = GradientTrainer(Training(epochs=400, batch_size=64, lr=0.02, schedule="linear")).train(task, LOG, seed=0)
    settings = {"damping": 0.1, "tables": ("item_*",), "n_draws": 1}
    found = []
    for tuner in (Influence(**settings), ifru(9, **settings)):
        found.append(copy.deepcopy(model))
        tuner.edit_(task, found[-1], GONE, LEFT, None, seed=1)

    def slope(model):
        twin = dense_twin(task, model, LEFT)
        losses, penalties = task.objective(twin, task.batch(LEFT, LEFT.ids, rng=np.random.default_rng(0)))
        return float(torch.autograd.grad((losses + penalties).sum(), twin.item_embedding)[0].norm())

    assert slope(found[1]) < 0.5 * slope(model)
    assert slope(found[1]) < 0.5 * slope(found[0])


@pytest.mark.parametrize("loss", ["bpr", "bce"])
def test_indifferent_losses_are_cross_entropy_against_one_half(loss):
    task = RankingTask(matrix_factorization(4), loss, n_negatives=3)
    model = fitted(task)
    batch = task.batch(LOG, FORGET, rng=np.random.default_rng(0))
    p, q = model.lookup(batch.users, batch.items)
    scores = torch.einsum("nd,nkd->nk", p, q)
    if loss == "bpr":
        pairs = scores[:, :1] - scores[:, 1:]
        wanted = binary_cross_entropy_with_logits(pairs, torch.full_like(pairs, 0.5), reduction="none").mean(1)
    else:
        each = binary_cross_entropy_with_logits(scores, torch.full_like(scores, 0.5), reduction="none")
        wanted = each[:, 0] + each[:, 1:].mean(1)
    torch.testing.assert_close(indifferent(task, model, batch, LEFT), wanted)


@pytest.mark.parametrize("tables", [("item_*",), None])
def test_sparse_and_dense_tables_are_edited_alike(tables):
    found = []
    for sparse in (True, False):
        task = RankingTask(matrix_factorization(4, sparse=sparse), reg=0.1)
        model = RankingTask(matrix_factorization(4), reg=0.1).model(LOG, seed=0)  # the same start for both
        GradientTrainer(Training(epochs=5, batch_size=64, lr=0.02)).train_on_(task, LOG, model, seed=0)
        Influence(damping=30.0, tables=tables, solver=ConjugateGradient(tolerance=1e-6)).edit_(task, model, GONE, LEFT, None, seed=0)
        assert model.item_embedding.sparse
        found.append(model.item_embedding.weight.detach())
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=0)


def test_item_rows_alone_are_convex_and_take_the_newton_step_of_the_dense_hessian():
    task = Fixed(matrix_factorization(3), reg=0.1)
    before = fitted(task)
    model = copy.deepcopy(before)
    Influence(damping=0.1, tables=("item_*",), n_draws=1, solver=ConjugateGradient(tolerance=1e-6)).edit_(
        task, model, GONE, LEFT, None, seed=0
    )
    users = before.user_embedding.weight.detach().double()
    start = before.item_embedding.weight.detach().double()

    def value(records):
        batch = task.batch(records, records.ids, rng=None)

        def of(items):
            p, q = users[batch.users], items.view_as(start)[batch.items]
            scores = torch.einsum("nd,nkd->nk", p, q)
            losses = -torch.nn.functional.logsigmoid(scores[:, 0] - scores[:, 1])
            return losses.sum() + task.reg / 2 * (q.square().sum() + p.square().sum())

        return of

    flat = start.flatten()
    hessian = torch.autograd.functional.hessian(value(LEFT), flat) + 0.1 * torch.eye(len(flat))
    gradient = torch.autograd.functional.jacobian(value(GONE), flat)
    wanted = flat + torch.linalg.solve(hessian, gradient)
    torch.testing.assert_close(model.item_embedding.weight.detach().double().flatten(), wanted, atol=1e-4, rtol=0)


def test_what_the_rules_cannot_name_is_refused():
    with pytest.raises(SettingsError, match="hops must be >= 0, got -1"):
        within_hops(-1)
    other = nn.Linear(3, 3)
    with pytest.raises(SettingsError, match=r"none of \['weight', 'bias'\] has a row for each user or item and a name like"):
        owned(None, other, GONE, LEFT)

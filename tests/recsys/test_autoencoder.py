"""The autoencoder, its softmax, its row interactions and its polish, against plain formulas and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from neural_toys import N_ITEMS, N_USERS, timed_log
from scipy import sparse
from torch.nn import functional as F

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.errors import CapabilityError, DivergenceError, SettingsError
from r2u_rec.recsys.models.autoencoder import Autoencoder, autoencoder
from r2u_rec.recsys.tasks.history import HistoryTask, Polished, polish_
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.recsys.tasks.softmax import softmax_losses, softmax_row_interactions
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.post_hoc import PostHoc

LOG = timed_log()
TASK = HistoryTask(autoencoder(5, dropout=0.5))
TRAINER = GradientTrainer(Training(epochs=6, batch_size=9, lr=0.05))


def fresh(log=LOG):
    return TASK.model(log, seed=3).eval()


def plain_scores(model, items):
    hidden = torch.tanh(model.input_rows[items].sum(0) / len(items) ** 0.5 + model.hidden_bias)
    return (model.output_rows[:, :-1] @ hidden + model.output_rows[:, -1]).detach()


def summed_loss(model, log, ids):
    """The loss of the records, differentiable in everything, by loops."""
    total = torch.zeros(())
    for user in np.unique(log.user):
        items = np.flatnonzero(log.matrix()[[user]].toarray()[0])
        hidden = torch.tanh(model.input_rows[items].sum(0) / len(items) ** 0.5 + model.hidden_bias)
        scores = model.output_rows[:, :-1] @ hidden + model.output_rows[:, -1]
        theirs = log.item[log.positions(np.intersect1d(ids, log.ids_of_users([user])))]
        total = total - F.log_softmax(scores, 0)[torch.from_numpy(theirs.astype(np.int64))].sum()
    return total


def test_scores_and_losses_follow_the_formula():
    model = fresh()
    with torch.no_grad():
        losses = TASK.losses(model, TASK.batch(LOG, LOG.ids, rng=np.random.default_rng(0)))
    for user in (0, 1, 3):
        wanted = plain_scores(model, np.flatnonzero(LOG.matrix()[[user]].toarray()[0]))
        np.testing.assert_allclose(model.scores([user])[0], wanted, atol=1e-5)
        np.testing.assert_allclose(model.fold_in(LOG.matrix()[[user]])[0], wanted, atol=1e-5)
        at = np.flatnonzero(LOG.user == user)
        torch.testing.assert_close(losses[at], -F.log_softmax(wanted, 0)[LOG.item[at]], atol=1e-5, rtol=0)
        assert model.own_loss(LOG.matrix()[[user]])[0] == pytest.approx(float(losses[at].mean()), abs=1e-5)


def test_items_are_left_out_in_training_alone():
    model, matrix = fresh(), LOG.matrix()[[0, 3]]
    assert torch.equal(model.hidden(matrix), model.hidden(matrix))
    model.train()
    drawn = torch.stack([model.before(matrix) for _ in range(3000)])
    assert drawn.std(0).min() > 0.01
    torch.testing.assert_close(drawn.mean(0), model.eval().before(matrix), atol=0.1, rtol=0)


def test_who_has_no_history_or_lost_it_scores_nothing():
    model = fresh()
    assert not model.scores([2]).any()
    TASK.attach(model, LOG.drop(LOG.ids_of_users([0])))
    assert not model.scores([0]).any()
    model.forget_rows_([1])
    assert not model.scores([1]).any()
    assert model.histories.nnz == LOG.user_counts[[3, 4, 5]].sum()
    assert model.scores([3]).any()


def test_the_softmax_takes_one_vector_for_several_items():
    rng = torch.Generator().manual_seed(0)
    hidden, table = torch.randn(3, 4, generator=rng), torch.randn(6, 4, generator=rng, requires_grad=True)
    owner, items = torch.tensor([0, 0, 2, 1]), torch.tensor([5, 1, 0, 0])
    wanted = F.cross_entropy(hidden[owner] @ table.T, items, reduction="none")
    torch.testing.assert_close(softmax_losses(hidden, owner, items, table), wanted)
    for found, expected in zip(
        torch.autograd.grad(softmax_losses(hidden, owner, items, table).sum(), table), torch.autograd.grad(wanted.sum(), table), strict=True
    ):
        torch.testing.assert_close(found, expected)


def test_drawn_items_stand_for_the_gradient_and_the_curvature_of_the_softmax(monkeypatch):
    monkeypatch.setattr("r2u_rec.recsys.tasks.softmax.CHUNK_ELEMENTS", 12)  # two vectors at a time
    rng = torch.Generator().manual_seed(0)
    hidden, table = torch.randn(3, 4, generator=rng).double(), torch.randn(6, 4, generator=rng).double()
    owner, items = torch.tensor([0, 2, 0, 1, 2]), torch.tensor([5, 1, 0, 0, 3])
    c = softmax_row_interactions("rows", table, hidden, owner, items, n_draws=20_000, rng=np.random.default_rng(0))
    assert c.rows[:, 0].tolist() == items.tolist()
    share = torch.softmax(hidden[owner] @ table.T, 1)  # (n, n_items)
    slopes, curvatures = (torch.zeros_like(share).scatter_add_(1, c.rows, values) for values in (c.slopes, c.curvatures))
    torch.testing.assert_close(slopes, share - F.one_hot(items, 6), atol=0.02, rtol=0)
    torch.testing.assert_close(curvatures, share * (1 - share), atol=0.02, rtol=0)
    assert torch.equal(c.features.squeeze(1), hidden[owner])


def test_row_interactions_of_the_input_rows_give_their_gradient_and_the_gauss_newton_curvature():
    model = fresh()
    ids = LOG.ids_of_users([0, 3, 5])
    c = TASK.row_interactions(model, LOG, ids, n_draws=4000, rng=np.random.default_rng(0))[1]
    assert c.table == "input_rows"
    found = torch.zeros_like(model.input_rows).index_add_(0, c.rows.flatten(), (c.slopes.unsqueeze(2) * c.features).flatten(0, 1))
    model.zero_grad()
    summed_loss(model, LOG, ids).backward()
    torch.testing.assert_close(found.detach(), model.input_rows.grad, atol=1e-4, rtol=0)
    at = int(LOG.positions(ids)[0])
    user, n = int(LOG.user[at]), int(LOG.user_counts[LOG.user[at]])
    items = np.flatnonzero(LOG.matrix()[[user]].toarray()[0])
    hidden = torch.tanh(model.input_rows[items].sum(0) / n**0.5 + model.hidden_bias).detach()
    y, share = model.output_rows[:, :-1].detach(), torch.softmax(plain_scores(model, items), 0)
    d = torch.diag((1 - hidden**2) / n**0.5)
    cov = y.T @ (torch.diag(share) - torch.outer(share, share)) @ y
    curvature = torch.einsum("k,kd,ke->de", c.curvatures[0], c.features[0], c.features[0])
    torch.testing.assert_close(curvature, n * d @ cov @ d, atol=0.1 * float((n * d @ cov @ d).abs().max()), rtol=0)


def test_polishing_ends_where_the_gradient_of_the_output_rows_is_zero_and_moves_nothing_else():
    plain, polished = (trainer.train(TASK, LOG, seed=0) for trainer in (TRAINER, Polished(TRAINER, reg=0.5, steps=300)))
    assert torch.equal(plain.input_rows, polished.input_rows)
    total = summed_loss(polished, LOG, LOG.ids) + 0.25 * polished.output_rows.square().sum()
    (gradient,) = torch.autograd.grad(total, polished.output_rows)
    assert gradient.abs().max() < 1e-3
    before = summed_loss(plain, LOG, LOG.ids) + 0.25 * plain.output_rows.square().sum()
    assert float(total) < float(before) - 1


def test_a_polished_output_layer_is_brought_most_of_the_way_to_its_refit_by_one_newton_step():
    method = PostHoc(Polished(TRAINER, reg=0.5, steps=300), BlockNewton(damping=0.5, n_draws=500, n_kept=500, tables=("output_rows",)))
    fitted = method.fit(TASK, LOG, seed=0)
    ids = LOG.ids_of_users([3])
    after = method.forget(TASK, fitted, ids, seed=1).model
    refit = method.forget(TASK, fitted, ids, seed=1).model
    assert torch.equal(after.input_rows, fitted.model.input_rows)
    polish_(refit, LOG.drop(ids), reg=0.5, steps=300)
    left = (after.output_rows - refit.output_rows).norm()
    assert left < 0.5 * (fitted.model.output_rows - refit.output_rows).norm()


def test_the_input_rows_keep_their_features_so_that_the_downdate_is_exact():
    method = PostHoc(TRAINER, BlockNewton(n_kept=3))
    now = method.fit(TASK, LOG, seed=0)
    for user in (0, 1, 3, 4, 5):
        now = method.forget(TASK, now, LOG.ids_of_users([user]), seed=user)
    blocks = {t.table: t.blocks for t in now.memory.tables}
    assert blocks["input_rows"].abs().max() < 1e-5
    assert all(len(t.ids) == 0 and (t.features is None or len(t.features) == 0) for t in now.memory.tables)


def test_what_cannot_be_is_refused_with_the_values():
    with pytest.raises(ValueError, match="embedding_dim must be >= 1, got 0"):
        Autoencoder(N_USERS, N_ITEMS, 0, seed=0)
    with pytest.raises(ValueError, match=r"dropout must lie in \[0, 1\), got 1"):
        Autoencoder(N_USERS, N_ITEMS, dropout=1, seed=0)
    with pytest.raises(RuntimeError, match="stands on no records: call rebuild"):
        Autoencoder(N_USERS, N_ITEMS, seed=0).scores([0])
    with pytest.raises(ValueError, match="the records count 6 users and 12 items, the model 5 and 12"):
        Autoencoder(5, N_ITEMS, seed=0).rebuild(LOG)
    with pytest.raises(SettingsError, match="reg must be > 0, got 0"):
        Polished(TRAINER, reg=0)
    with pytest.raises(SettingsError, match="steps must be >= 1, got 0"):
        Polished(TRAINER, steps=0)
    with pytest.raises(CapabilityError, match="Polished needs a HistoryTask, got RankingTask"):
        Polished(TRAINER).train(RankingTask(matrix_factorization(4)), LOG, seed=0)
    broken = fresh()
    with torch.no_grad():
        broken.output_rows[0, 0] = torch.nan
    with pytest.raises(DivergenceError, match="polishing the output layer began at a loss of nan"):
        polish_(broken, LOG, reg=1.0, steps=3)


def test_an_empty_history_among_others_takes_nothing_from_them():
    model, matrix = fresh(), LOG.matrix()
    rows = sparse.csr_array(matrix[[2, 0, 2, 3]])
    np.testing.assert_allclose(model.fold_in(rows)[[1, 3]], model.fold_in(matrix[[0, 3]]), atol=1e-6)
    assert not model.fold_in(rows)[[0, 2]].any()

"""Two ways to train recommenders: blurred vectors of revocable interactions, and DP-SGD on embedding tables."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from roster import LOG  # the checkerboard of the conformance suite

from r2u_rec.core.step import StepInput
from r2u_rec.core.strategies import standard
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.tasks.noisy import noisy
from r2u_rec.recsys.tasks.private_tables import private_tables
from r2u_rec.recsys.tasks.ranking import RankingTask, lightgcn, matrix_factorization

TASK = RankingTask(matrix_factorization(4, sparse=False), reg=0.05)
EMPTY = next(s for s in range(99) if not (np.random.default_rng(s).random(len(LOG)) < 1 / len(LOG)).any())
"""A seed by which a batch of expected size one comes out empty."""
REVOCABLE = LOG.ids_of_users(np.arange(12))


def gradients(step, task=TASK, model=None, *, ids=LOG.ids, seed=0):
    model = task.model(LOG, seed=0) if model is None else model
    rng = np.random.default_rng(seed)
    terms = step(StepInput(model, task, LOG, ids, rng, 0, 1, 0, 1, torch.device("cpu")))
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}, terms


def trained(step, task=TASK, epochs=12):
    return GradientTrainer(Training(epochs=epochs, batch_size=72, lr=0.1), lambda records: step).train(task, LOG, seed=0)


def test_without_noise_noisy_training_is_standard_training():
    for a, b in zip(trained(noisy(REVOCABLE, 0.0)).parameters(), trained(standard).parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_noise_changes_the_gradients_of_revocable_interactions_alone():
    stable = np.setdiff1d(LOG.ids, REVOCABLE)
    same, _ = gradients(noisy(REVOCABLE, 0.5), ids=stable)
    plain, _ = gradients(standard, ids=stable)
    for name in plain:
        torch.testing.assert_close(same[name], plain[name])
    blurred, _ = gradients(noisy(REVOCABLE, 0.5), ids=REVOCABLE)
    clean, _ = gradients(standard, ids=REVOCABLE)
    assert not torch.allclose(blurred["user_embedding.weight"], clean["user_embedding.weight"])


@pytest.mark.parametrize("build", [matrix_factorization(4), lightgcn(4, 2)])
def test_noisy_training_serves_sparse_tables_and_graphs(build):
    assert np.isfinite(trained(noisy(REVOCABLE, 0.3), RankingTask(build)).scores(np.arange(3))).all()


def test_what_noisy_training_cannot_do_is_refused():
    with pytest.raises(SettingsError, match=r"sigma must be >= 0, got -1"):
        noisy(REVOCABLE, -1)
    with pytest.raises(CapabilityError, match="noisy training blurs looked-up vectors"):
        gradients(noisy(REVOCABLE, 0.1), task=object(), model=Ease(reg=1.0).fit(None, LOG, seed=0).model)


@pytest.mark.parametrize("n_negatives", [1, 12])  # twelve of the ten things that a person lacks: some are drawn twice
@pytest.mark.parametrize("max_norm", [0.05, 1e9])
def test_private_tables_agree_with_gradients_of_single_records(max_norm, n_negatives):
    task = RankingTask(matrix_factorization(4, sparse=False), reg=0.05, n_negatives=n_negatives)
    found, terms = gradients(private_tables(batch_size=len(LOG), max_norm=max_norm, noise_multiplier=0.0), task)
    rng, model = np.random.default_rng(0), task.model(LOG, seed=0)
    rng.random(len(LOG))  # who is drawn: everyone
    batch = task.batch(LOG, LOG.ids, rng=rng)
    wanted = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for i in range(len(LOG)):
        one = sum(part.sum() for part in task.objective(model, type(batch)(batch.users[i : i + 1], batch.items[i : i + 1])))
        each = torch.autograd.grad(one, list(model.parameters()))
        norm = torch.stack([g.norm() for g in each]).norm()
        for name, g in zip(wanted, each, strict=True):
            wanted[name] += g * min(1.0, max_norm / float(norm)) / len(LOG)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, wanted[name])
    assert float(terms["clipped_share"]) == pytest.approx(float(max_norm < 1), abs=0.01)


def test_no_record_moves_the_tables_by_more_than_the_bound():
    single = LOG.keep(LOG.ids[31:32])
    model = TASK.model(LOG, seed=0)
    step = private_tables(batch_size=1, max_norm=0.01, noise_multiplier=0.0)
    step(StepInput(model, TASK, single, single.ids, np.random.default_rng(0), 0, 1, 0, 1, torch.device("cpu")))
    assert torch.stack([p.grad.norm() for p in model.parameters()]).norm() == pytest.approx(0.01, rel=1e-4)


def test_an_empty_draw_has_no_loss_and_still_takes_the_noise():
    found, terms = gradients(private_tables(batch_size=1, noise_multiplier=1.0), ids=LOG.ids[:1], seed=2)
    assert set(terms) <= {"loss", "clipped_share"}
    found, terms = gradients(private_tables(batch_size=1, noise_multiplier=1.0), ids=LOG.ids[:1], seed=EMPTY)
    assert terms == {}
    assert all(g.any() for g in found.values())


def test_noise_reaches_every_row_and_has_the_size_that_is_accounted_for():
    found, _ = gradients(private_tables(batch_size=100, max_norm=0.5, noise_multiplier=4.0), ids=LOG.ids)
    values = torch.cat([g.flatten() for g in found.values()])
    assert (values != 0).all()
    assert values.std() == pytest.approx(4.0 * 0.5 / 100, rel=0.25)


def test_what_would_void_the_promise_is_refused():
    with pytest.raises(SettingsError, match=r"max_norm must be > 0 and finite, got 0"):
        private_tables(batch_size=8, max_norm=0)
    with pytest.raises(SettingsError, match=r"batch_size must be >= 1, got 0"):
        private_tables(batch_size=0)
    with pytest.raises(CapabilityError, match="LightGCN computes its vectors from more than one record's rows"):
        trained(private_tables(batch_size=72), RankingTask(lightgcn(4, 2)), epochs=1)


def test_tables_with_sparse_gradients_take_the_noise_in_every_row_too():
    found, _ = gradients(private_tables(batch_size=100), RankingTask(matrix_factorization(4), reg=0.05))
    assert all((g != 0).all() and not g.is_sparse for g in found.values())

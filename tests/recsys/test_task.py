"""RankingTask: batches, losses, penalties, row interactions and attachment, each against its definition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from r2u_rec.core.protocols import Concatenates, HasChanceLoss, Regularised
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import SettingsError, UnknownRecordError
from r2u_rec.recsys.tasks.losses import bce_loss, bpr_loss
from r2u_rec.recsys.tasks.ranking import RankingBatch, RankingTask, lightgcn, matrix_factorization
from r2u_rec.unlearn.curvature.row_interactions import SupportsRowInteractions


def small_log(seed: int = 0, n_users: int = 8, n_items: int = 10) -> InteractionLog:
    user, item = np.nonzero(np.random.default_rng(seed).random((n_users, n_items)) < 0.4)
    keys = [Vocabulary(pd.Index(np.arange(n))) for n in (n_users, n_items)]
    return InteractionLog(np.arange(len(user), dtype=np.int64) * 2 + 9, user.astype(np.int32), item.astype(np.int32), None, None, *keys)


LOG = small_log()
BUILD = matrix_factorization(4)


def double_model(task: RankingTask, log: InteractionLog = LOG) -> torch.nn.Module:
    return task.model(log, seed=1).double().eval()


@pytest.mark.parametrize("negatives", ["uniform", "popularity"])
def test_a_batch_holds_the_interactions_in_their_order_and_negatives_that_nobody_has(negatives):
    ids = np.random.default_rng(1).permutation(LOG.ids)[:15]
    batch = RankingTask(BUILD, negatives=negatives, n_negatives=6).batch(LOG, ids, rng=np.random.default_rng(2))
    rows = LOG.positions(ids)
    assert batch.users.tolist() == LOG.user[rows].tolist()
    assert batch.items[:, 0].tolist() == LOG.item[rows].tolist()
    assert batch.items.shape == (15, 7)
    known = LOG.matrix().toarray()
    assert known[batch.users[:, None], batch.items[:, 1:]].sum() == 0


def test_the_stream_decides_the_negatives_and_ids_that_are_not_there_raise():
    task = RankingTask(BUILD, n_negatives=3)
    a, b, c = (task.batch(LOG, LOG.ids, rng=np.random.default_rng(seed)).items for seed in (5, 5, 6))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    with pytest.raises(UnknownRecordError):
        task.batch(LOG, np.array([10]), rng=np.random.default_rng(0))


def test_a_forgotten_item_may_be_drawn_again():
    user = LOG.user[0]
    gone = LOG.ids[0:1]
    left = LOG.drop(gone)
    mine = left.ids[left.user == user]
    batch = RankingTask(BUILD, n_negatives=200).batch(left, mine, rng=np.random.default_rng(0))
    assert (batch.items[:, 1:] == LOG.item[0]).any()


def test_losses_equal_their_definitions():
    scores = torch.tensor([[2.0, 0.5, -1.0], [-0.3, 0.4, 2.0]], dtype=torch.float64)
    sigmoid = torch.sigmoid
    bpr = [-(sigmoid(r[0] - r[1]).log() + sigmoid(r[0] - r[2]).log()) / 2 for r in scores]
    bce = [-sigmoid(r[0]).log() - ((1 - sigmoid(r[1])).log() + (1 - sigmoid(r[2])).log()) / 2 for r in scores]
    torch.testing.assert_close(bpr_loss(scores), torch.stack(bpr), atol=1e-14, rtol=0)
    torch.testing.assert_close(bce_loss(scores), torch.stack(bce), atol=1e-14, rtol=0)


@pytest.mark.parametrize("loss", ["bpr", "bce"])
def test_a_model_that_knows_nothing_has_the_loss_of_chance(loss):
    task = RankingTask(BUILD, loss, n_negatives=3)
    model = task.model(LOG, seed=0)
    model.forget_rows_(np.arange(LOG.n_users))
    losses = task.losses(model, task.batch(LOG, LOG.ids, rng=np.random.default_rng(0)))
    assert losses.detach().numpy() == pytest.approx(task.chance(LOG))


def test_penalties_are_half_reg_times_the_squared_norms_met():
    task = RankingTask(BUILD, n_negatives=2, reg=0.6)
    model = double_model(task)
    batch = RankingBatch(torch.tensor([3, 3]), torch.tensor([[1, 2, 2], [0, 5, 6]]))
    p, q = (table.detach() for table in model.tables())
    norm = [table.square().sum(1) for table in (p, q)]
    wanted = [0.3 * (norm[0][3] + norm[1][1] + norm[1][2]), 0.3 * (norm[0][3] + norm[1][0] + (norm[1][5] + norm[1][6]) / 2)]
    losses, penalties = task.objective(model, batch)
    torch.testing.assert_close(penalties.detach(), torch.stack(wanted), atol=1e-14, rtol=0)
    assert torch.equal(task.losses(model, batch), losses)
    assert RankingTask(BUILD).objective(model, batch)[1].abs().max() == 0


def test_joined_batches_lose_what_each_loses_alone():
    task = RankingTask(BUILD, "bce", n_negatives=2)
    model = double_model(task)
    parts = [task.batch(LOG, ids, rng=np.random.default_rng(0)) for ids in (LOG.ids[:4], LOG.ids[10:13])]
    joined = task.losses(model, task.concatenate(parts))
    torch.testing.assert_close(joined, torch.cat([task.losses(model, part) for part in parts]), atol=1e-14, rtol=0)


def test_it_offers_what_the_core_may_ask_for():
    task = RankingTask(BUILD)
    assert all(isinstance(task, protocol) for protocol in (Concatenates, Regularised, HasChanceLoss, SupportsRowInteractions))


@pytest.mark.parametrize("loss", ["bpr", "bce"])
def test_row_interactions_name_both_tables_and_the_items_of_the_batch(loss):
    """Their derivatives are held against autograd by the suite of tasks."""
    task = RankingTask(BUILD, loss, n_negatives=3)
    model = task.model(LOG, seed=0)
    items, users = task.row_interactions(model, LOG, LOG.ids, n_draws=3, rng=np.random.default_rng(3))
    assert (items.table, users.table, items.own, users.own) == (model.item_rows, model.user_rows, False, True)
    assert torch.equal(items.rows, task.batch(LOG, LOG.ids, rng=np.random.default_rng(3)).items)
    assert items.curvatures.min() >= 0
    assert users.curvatures.min() >= 0


def test_a_graph_model_offers_its_correction_table_alone():
    task = RankingTask(lightgcn(4, 2))
    model = task.model(LOG, seed=0)
    (items,) = task.row_interactions(model, LOG, LOG.ids, n_draws=2, rng=np.random.default_rng(0))
    assert dict(model.named_parameters())[items.table].shape == (LOG.n_items, 4)
    assert items.features.shape == (len(LOG), 1, 4)


def test_attaching_empties_the_rows_of_who_has_no_record_and_is_idempotent():
    left = LOG.drop(LOG.ids_of_users([2, 6]))
    for task in (RankingTask(BUILD), RankingTask(lightgcn(4, 2))):
        model = task.model(LOG, seed=0)
        task.attach(model, left)
        once = model.scores(np.arange(LOG.n_users))
        assert np.abs(once[[2, 6]]).max() == 0
        assert np.abs(np.delete(once, [2, 6], axis=0)).min(1).max() > 0
        task.attach(model, left)
        np.testing.assert_array_equal(model.scores(np.arange(LOG.n_users)), once)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "hinge"}, "loss must be 'bpr' or 'bce', got 'hinge'"),
        ({"negatives": "hard"}, "negatives must be one of uniform, popularity, present, got 'hard'"),
        ({"n_negatives": 0}, "n_negatives must be >= 1, got 0"),
        ({"reg": -0.1}, "reg must be >= 0, got -0.1"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        RankingTask(BUILD, **settings)

"""SASRec: what it may read, what it stands on, and its losses against a prefix-by-prefix loop."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from neural_toys import N_ITEMS, N_USERS, story, timed_log
from scipy import sparse
from torch.nn import functional as F

from r2u_rec.data.chronology import ranked_matrix
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.recsys.models.sasrec import SASRec, sasrec
from r2u_rec.recsys.tasks.sequence import SequenceTask

LOG = timed_log()
SETTINGS = {"n_blocks": 2, "n_heads": 2, "max_length": 16, "dropout": 0.3}
SOFTMAX = SequenceTask(sasrec(8, **SETTINGS), "softmax")
BCE = SequenceTask(sasrec(8, **SETTINGS), n_negatives=2)


def fresh(task=SOFTMAX, log=LOG):
    return task.model(log, seed=3).eval()


def after(model, items):
    """(n_items,) scores after a plain list of items, oldest first."""
    row = np.zeros((1, N_ITEMS))
    row[0, items] = 1 + np.arange(len(items))
    return model.fold_in(sparse.csr_array(row))[0]


@pytest.mark.parametrize("user", [0, 1, 3, 4])
def test_scores_are_those_of_the_persons_own_sequence(user):
    model = fresh()
    items = [item for item, _ in story(LOG, user)]
    np.testing.assert_allclose(model.scores([user])[0], after(model, items), atol=1e-5)
    assert np.abs(after(model, items) - after(model, items[::-1])).max() > (1e-3 if len(items) > 1 else -1)


def test_the_softmax_loss_of_each_record_is_that_of_its_item_after_those_before_it():
    model = fresh()
    with torch.no_grad():
        losses = SOFTMAX.losses(model, SOFTMAX.batch(LOG, LOG.ids, rng=np.random.default_rng(0)))
    for user in range(N_USERS):
        items = [item for item, _ in story(LOG, user)]
        for place, (item, record) in enumerate(story(LOG, user)):
            if place == 0:
                continue  # after nothing but the beginning, which a history cannot say
            scores = torch.from_numpy(after(model, items[:place]))
            wanted = F.cross_entropy(scores[None], torch.tensor([item]))
            assert float(losses[LOG.positions([record])[0]]) == pytest.approx(float(wanted), abs=1e-4)


def test_nothing_later_is_read():
    model = fresh()
    last = story(LOG, 0)[-1][1]
    first = np.array([record for _, record in story(LOG, 0)[:-1]])
    with torch.no_grad():
        whole, without = (
            SOFTMAX.losses(model, SOFTMAX.batch(log, first, rng=np.random.default_rng(0))) for log in (LOG, LOG.drop(np.array([last])))
        )
    torch.testing.assert_close(whole, without, atol=1e-5, rtol=0)


def test_bce_is_against_items_that_the_person_does_not_have():
    batch = BCE.batch(LOG, LOG.ids, rng=np.random.default_rng(0))
    assert batch.items[:, 0].tolist() == LOG.item.tolist()
    have = LOG.matrix().toarray()
    assert batch.items.shape == (len(LOG), 3)
    assert not have[LOG.user[:, None], batch.items[:, 1:].numpy()].any()
    model = fresh()
    with torch.no_grad():
        losses = BCE.losses(model, batch)
    record = story(LOG, 3)[4][1]
    at = int(LOG.positions([record])[0])
    x = after(model, [item for item, _ in story(LOG, 3)[:4]])[batch.items[at].numpy()]
    wanted = np.log1p(np.exp(-x[0])) + np.log1p(np.exp(x[1:])).mean()
    assert float(losses[at]) == pytest.approx(wanted, abs=1e-4)


def test_own_loss_is_the_mean_softmax_loss_of_each_history():
    model = fresh()
    with torch.no_grad():
        losses = SOFTMAX.losses(model, SOFTMAX.batch(LOG, LOG.ids, rng=np.random.default_rng(0))).numpy()
    sums = np.bincount(LOG.user, weights=losses, minlength=N_USERS)
    np.testing.assert_allclose(model.own_loss(ranked_matrix(LOG)), sums / np.maximum(LOG.user_counts, 1), atol=1e-5)


def test_who_has_no_sequence_or_lost_it_scores_nothing():
    model = fresh()
    assert not model.scores([2]).any()
    assert model.scores([0]).any()
    SOFTMAX.attach(model, LOG.drop(LOG.ids_of_users([0])))
    assert not model.scores([0]).any()
    model.forget_rows_([1])
    assert not model.scores([1]).any()
    assert model.scores([3]).any()


def test_an_erased_interaction_no_longer_moves_an_answer():
    model, record = fresh(), story(LOG, 3)[2][1]
    left = LOG.drop(np.array([record]))
    edited = copy.deepcopy(model)
    SOFTMAX.attach(edited, left)
    items = [item for item, each in story(LOG, 3) if each != record]
    np.testing.assert_allclose(edited.scores([3])[0], after(model, items), atol=1e-5)
    assert np.abs(edited.scores([3]) - model.scores([3])).max() > 1e-3
    np.testing.assert_allclose(edited.scores([0]), model.scores([0]), atol=1e-6)


def test_row_interactions_give_the_gradient_in_the_rows_that_score():
    """The table is read as input too; that side is left out, so the oracle detaches it."""
    model, ids = fresh(BCE), LOG.ids_of_users([0, 3])
    (c,) = BCE.row_interactions(model, LOG, ids, n_draws=2, rng=np.random.default_rng(5))
    table = model.item_embedding.detach().clone().requires_grad_()
    scores = (c.features * table[c.rows]).sum(2)
    loss = F.softplus(-scores[:, 0]) + F.softplus(scores[:, 1:]).mean(1)
    (wanted,) = torch.autograd.grad(loss.sum(), table)
    found = torch.zeros_like(table).index_add_(0, c.rows.flatten(), (c.slopes.unsqueeze(2) * c.features).flatten(0, 1))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    with torch.no_grad():
        losses = BCE.losses(model, BCE.batch(LOG, ids, rng=np.random.default_rng(5)))
    torch.testing.assert_close(losses, loss.detach(), atol=1e-5, rtol=0)  # the features are the model's own


def test_row_interactions_of_single_interactions_come_from_the_sequences_that_the_model_knew():
    model, record = fresh(BCE), np.array([story(LOG, 0)[6][1]])
    alone, among = (BCE.row_interactions(model, log, record, n_draws=2, rng=np.random.default_rng(5))[0] for log in (LOG.keep(record), LOG))
    torch.testing.assert_close(alone.features, among.features, atol=1e-6, rtol=0)


def test_chance_is_the_loss_of_a_model_that_scores_everything_alike():
    for task in (SOFTMAX, BCE):
        model = fresh(task)
        with torch.no_grad():
            model.item_embedding.zero_()
        losses = task.losses(model, task.batch(LOG, LOG.ids, rng=np.random.default_rng(0)))
        torch.testing.assert_close(losses, torch.full_like(losses, task.chance(LOG)), atol=1e-5, rtol=0)


def test_what_cannot_be_is_refused_with_the_values():
    with pytest.raises(DataError, match="their log has no times"):
        fresh(log=timed_log(times=False))
    with pytest.raises(ValueError, match="the records count 6 users and 12 items, the model 5 and 12"):
        SASRec(5, N_ITEMS, 8, seed=0).rebuild(LOG)
    with pytest.raises(RuntimeError, match="stands on no records: call rebuild"):
        SASRec(N_USERS, N_ITEMS, 8, seed=0).scores([0])
    with pytest.raises(ValueError, match="embedding_dim must be a multiple of n_heads, got 8 and 3"):
        SASRec(N_USERS, N_ITEMS, 8, n_heads=3, seed=0)
    with pytest.raises(ValueError, match="max_length must be even and >= 2, got 7"):
        SASRec(N_USERS, N_ITEMS, 8, max_length=7, seed=0)
    with pytest.raises(SettingsError, match="loss must be 'bce' or 'softmax', got 'bpr'"):
        SequenceTask(sasrec(8), "bpr")
    with pytest.raises(SettingsError, match="n_negatives must be >= 1, got 0"):
        SequenceTask(sasrec(8), n_negatives=0)

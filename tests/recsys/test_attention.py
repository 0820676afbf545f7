"""Attention aggregation against its formula, and against shards whose common space is known by construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from partition_toys import N_ITEMS, N_USERS, QUICK, Noted, Vectors, log_of, small_log, state
from scipy import sparse

from r2u_rec.core.training import Training
from r2u_rec.errors import SettingsError
from r2u_rec.recsys.sharded.attention import Attention, AttentiveTables, procrustes_rotations
from r2u_rec.recsys.sharded.shard_tables import shard_tables
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization

LOG = small_log()
TASK = RankingTask(matrix_factorization(4), reg=0.01)
PARTS = [LOG.take(LOG.user % 3 == p) for p in range(3)]


def vectors(seed: int = 0, n: int = 3) -> list[Vectors]:
    rng = np.random.default_rng(seed)
    return [Vectors(rng.normal(size=(N_USERS, 4)), rng.normal(size=(N_ITEMS, 4))) for _ in range(n)]


@pytest.mark.parametrize("absent", ["fold", "silent", "initial"])
def test_mixed_vectors_are_those_of_the_formula_one_row_at_a_time(absent):
    held = shard_tables(vectors(), PARTS, absent)
    mixing = AttentiveTables(held, 3, 0.0, seed=1)
    with torch.no_grad():
        for p in mixing.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(2)))
    for side, (table, speaks) in enumerate(((held.users, held.speaks_users), (held.items, held.speaks_items))):
        for row in (0, 7, len(table[0]) - 1):
            weights, moved = [], []
            for shard in range(3):
                if speaks[shard, row]:
                    e = table[shard, row] @ mixing.transform[shard] + mixing.shift[shard]
                    moved.append(e)
                    weights.append(torch.exp(mixing.ask[side] @ torch.relu(e @ mixing.into[side] + mixing.bias[side])))
            wanted = sum((w * e for w, e in zip(weights, moved, strict=True)), torch.zeros(4)) / (sum(weights) or 1)
            torch.testing.assert_close(mixing.mixed(side, torch.tensor([row]))[0], wanted)
    served = mixing.eval().served()
    p, q = mixing.lookup(torch.tensor([3, 3, 5]), torch.tensor([[1, 2], [2, 1], [0, 0]]))
    torch.testing.assert_close(p, served.user_table[[3, 3, 5]])
    torch.testing.assert_close(q, served.item_table[torch.tensor([[1, 2], [2, 1], [0, 0]])])


def rotated(noise: float = 0.0) -> tuple:
    """People of two tastes in three shards, each of which knows them and all things in axes of its own."""
    rng = np.random.default_rng(0)
    taste, kind = np.arange(N_USERS) % 2, np.arange(N_ITEMS) % 2
    user, item = np.nonzero((taste[:, None] == kind) & (rng.random((N_USERS, N_ITEMS)) < 0.6))
    log = log_of(user, item)
    models = []
    for _ in range(3):
        turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
        p, q = (np.eye(4)[2 * which + 1] @ turn + noise * rng.normal(size=(len(which), 4)) for which in (taste, kind))
        models.append(Vectors(p, q))
    return log, models, (taste[:, None] == kind)


def test_turns_are_orthogonal_and_bring_shards_that_are_turned_against_each_other_together():
    log, models, _ = rotated()
    held = shard_tables(models, [log.take((log.user // 2) % 3 == p) for p in range(3)], "silent")
    turns = procrustes_rotations(held)
    torch.testing.assert_close(turns @ turns.mT, torch.eye(4).repeat(3, 1, 1), atol=1e-5, rtol=0)
    items = held.items @ turns
    torch.testing.assert_close(items[0], items[1], atol=1e-4, rtol=0)
    torch.testing.assert_close(items[0], items[2], atol=1e-4, rtol=0)
    assert (held.items[0] - held.items[1]).abs().max() > 0.5


def all_right(model: torch.nn.Module, likes: np.ndarray) -> float:
    """Share of people whose scores put everything that they like above everything else."""
    scores = model.scores(np.arange(N_USERS))
    return float(np.mean([s[like].min() > s[~like].max() for s, like in zip(scores, likes, strict=True)]))


@pytest.mark.parametrize("absent", ["fold", "silent"])
def test_it_learns_to_leave_out_a_shard_that_knows_nothing(absent):
    log, models, likes = rotated(0.05)
    rng = np.random.default_rng(1)
    models[2] = Vectors(3 * rng.normal(size=(N_USERS, 4)), 3 * rng.normal(size=(N_ITEMS, 4)))
    parts = [log.take((log.user // 2 + log.item // 2) % 3 == p) for p in range(3)]
    untrained, trained = (
        all_right(Attention(Training(epochs=n, batch_size=64, lr=lr), reg=0.0, absent=absent)(TASK, models, parts, seed=0), likes)
        for n, lr in ((1, 1e-9), (30, 0.03))
    )
    assert untrained < 0.6 < 0.95 < trained


@pytest.mark.parametrize("absent", ["fold", "silent"])
def test_it_finds_the_common_space_of_shards_that_are_turned_against_each_other(absent):
    log, models, likes = rotated(0.05)
    parts = [log.take((log.user // 2) % 3 == p) for p in range(3)]
    found = Attention(Training(epochs=30, batch_size=64, lr=0.03), reg=0.0, absent=absent)(TASK, models, parts, seed=0)
    assert all_right(found, likes) > 0.95


def test_shards_are_frozen_the_seed_decides_and_only_records_of_the_parts_are_read():
    models, task = vectors(), Noted(matrix_factorization(4))
    before = [[table.clone() for table in model.pair] for model in models]
    method = Attention(QUICK, dropout=0.2)
    first, second, other = (method(task, models, PARTS, seed=seed) for seed in (0, 0, 1))
    assert state(first) == state(second) != state(other)
    assert task.asked == set(LOG.ids.tolist())
    for model, tables in zip(models, before, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(model.pair, tables, strict=True))
    left = [part.drop(part.ids[part.user == 4]) for part in PARTS]
    task.asked.clear()
    method(task, models, left, seed=0)
    assert task.asked == set(LOG.ids[LOG.user != 4].tolist())


def test_the_served_model_answers_users_and_strangers_and_forgets_rows():
    model = Attention(QUICK)(TASK, vectors(), PARTS, seed=0)
    p, q = model.tables()
    np.testing.assert_allclose(model.scores(np.array([3, 1])), p[[3, 1]] @ q.T, rtol=1e-5)
    unknown_users = sparse.csr_array(np.eye(N_ITEMS)[[2, 3]])
    assert model.fold_in(unknown_users).shape == (2, N_ITEMS)
    assert np.abs(model.scores([N_USERS - 1])).sum() == 0  # no record anywhere
    model.forget_rows_(np.array([3]))
    assert np.abs(model.scores([3])).sum() == 0 < np.abs(model.scores([1])).sum()
    assert sum(1 for _ in model.parameters()) == 0


def test_the_penalty_may_differ_from_that_of_the_task_and_dropout_changes_what_is_learned():
    models = vectors()
    settings = {"own": {}, "same": {"reg": 0.01}, "none": {"reg": 0.0}, "dropout": {"dropout": 0.5}}
    found = {name: state(Attention(QUICK, **own)(TASK, models, PARTS, seed=0)) for name, own in settings.items()}
    assert found["own"] == found["same"]
    assert len(set(found.values())) == 3
    assert found["none"] == state(Attention(QUICK)(replace(TASK, reg=0.0), models, PARTS, seed=0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"hidden": 0}, "hidden must be >= 1 or None, got 0"), ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0")],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        Attention(**settings)

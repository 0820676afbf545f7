"""Learned weights of shards against their definition, and against shards of which it is known who is right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from partition_toys import N_ITEMS, N_USERS, QUICK, Noted, Vectors, log_of, small_log, state

from r2u_rec.core.training import Training
from r2u_rec.errors import SettingsError
from r2u_rec.recsys.sharded.score_weights import ScoreWeights, WeightedTables, score_spread
from r2u_rec.recsys.sharded.shard_tables import shard_tables
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization

LOG = small_log()
TASK = RankingTask(matrix_factorization(4))
PARTS = [LOG.take(LOG.user % 3 == p) for p in range(3)]
LONG = Training(epochs=30, batch_size=128, lr=0.05)


def vectors(seed: int = 0) -> list[Vectors]:
    rng = np.random.default_rng(seed)
    return [Vectors(rng.normal(size=(N_USERS, 4)), rng.normal(size=(N_ITEMS, 4))) for _ in range(3)]


def test_scores_are_the_weighted_sum_of_the_shards_standardised_scores():
    held = shard_tables(vectors(), PARTS)
    model = WeightedTables(held)
    with torch.no_grad():
        model.weights.copy_(torch.tensor([0.5, 0.2, -0.3]))
        model.bias.fill_(0.7)
    shards = (held.users @ held.items.mT).double()  # (k, n_users, n_items)
    np.testing.assert_allclose(score_spread(held), shards.std((1, 2), correction=0), rtol=1e-4)
    wanted = sum(w * shards[s] / shards[s].std(correction=0) for s, w in enumerate((0.5, 0.2, -0.3)))
    np.testing.assert_allclose(model.served().scores(np.arange(N_USERS)), wanted, atol=1e-4)
    users, items = torch.tensor([4, 9]), torch.tensor([[1, 2, 3], [3, 0, 1]])
    p, q = model.lookup(users, items)
    np.testing.assert_allclose((p.unsqueeze(1) * q).sum(-1).detach(), wanted[users[:, None], items] + 0.7, atol=1e-4)


def one_who_knows() -> tuple:
    """Three shards, each with vectors for everybody: the second knows the tastes, the third their opposite, the first nothing."""
    rng = np.random.default_rng(1)
    taste, kind = np.arange(N_USERS) % 2, np.arange(N_ITEMS) % 2
    log = log_of(*np.nonzero((taste[:, None] == kind) & (rng.random((N_USERS, N_ITEMS)) < 0.6)))
    right = 2.0 * taste[:, None] - 1 + 0.1 * rng.normal(size=(N_USERS, 2)), 2.0 * kind[:, None] - 1 + 0.1 * rng.normal(size=(N_ITEMS, 2))
    noise = rng.normal(size=(N_USERS, 2)), rng.normal(size=(N_ITEMS, 2))
    models = [Vectors(*noise), Vectors(*right), Vectors(-right[0], right[1])]
    return log, models, [log.take((log.user // 2 + log.item) % 3 == p) for p in range(3)]


def weights_of(model: torch.nn.Module) -> list[float]:
    """The weight of each shard, from the norms of its block in the user table."""
    return [float(block.norm()) for block in model.user_table.split(2, dim=1)]


@pytest.mark.parametrize("loss", ["bpr", "bce"])
def test_the_shard_that_is_right_gets_the_weight_and_one_that_is_wrong_none(loss):
    _, models, parts = one_who_knows()
    found = ScoreWeights(LONG, loss)(TASK, models, parts, seed=0)
    noise, right, wrong = weights_of(found)
    assert wrong == 0.0
    assert right > 2 * noise


def test_non_negative_weights_sum_to_one():
    _, models, parts = one_who_knows()
    found = ScoreWeights(LONG)(TASK, models, parts, seed=0)
    held = WeightedTables(shard_tables(models, parts))
    blocks = zip(found.user_table.split(2, dim=1), held.users, strict=True)
    weights = [float((a * b).sum() / b.square().sum()) for a, b in blocks]
    assert min(weights) >= 0
    assert sum(weights) == pytest.approx(1, abs=1e-5)


def test_free_weights_turn_around_a_shard_that_is_wrong():
    log, models, parts = one_who_knows()
    found = ScoreWeights(LONG, "bce", nonnegative=False)(TASK, models, parts, seed=0)
    product = found.user_table.split(2, dim=1)[2][0] @ models[2].pair[0][0]
    assert product < 0
    scores = found.scores(np.arange(N_USERS))
    assert (scores[log.user, log.item] > np.median(scores)).mean() > 0.95


def test_shards_are_not_changed_the_seed_decides_and_a_sample_is_of_whole_users():
    models, task = vectors(), Noted(matrix_factorization(4))
    before = [[table.clone() for table in model.pair] for model in models]
    method = ScoreWeights(QUICK, sample_users=6)
    first = method(task, models, PARTS, seed=0)
    asked = set(task.asked)
    assert len({int(LOG.user[i]) for i in LOG.positions(np.array(sorted(asked)))}) == 6
    assert asked == set(LOG.ids_of_users([LOG.user[i] for i in LOG.positions(np.array(sorted(asked)))]).tolist())
    assert state(first) == state(method(task, models, PARTS, seed=0)) != state(method(task, models, PARTS, seed=1))
    first.forget_rows_(np.arange(N_USERS))
    for model, tables in zip(models, before, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(model.pair, tables, strict=True))
    task.asked.clear()
    ScoreWeights(QUICK, sample_users=None)(task, models, PARTS, seed=0)
    assert task.asked == set(LOG.ids.tolist())


def test_an_empty_shard_has_no_weight():
    parts = [LOG.take(LOG.user % 2 == p) for p in range(3)]
    found = ScoreWeights(QUICK)(TASK, vectors(), parts, seed=0)
    assert found.user_table.split(4, dim=1)[2].abs().sum() == 0 < found.user_table.split(4, dim=1)[0].abs().sum()


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"penalty": -1.0}, "penalty must be >= 0, got -1.0"), ({"sample_users": 0}, "sample_users must be >= 1 or None for all, got 0")],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        ScoreWeights(**settings)

"""Users dealt to shards, and one ranking from shards that do not compare, each against its definition."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from torch import nn

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.recsys.models.factorization import MatrixFactorization
from r2u_rec.recsys.serving.fold_in import ridge_fold_in
from r2u_rec.recsys.serving.popularity import Popularity
from r2u_rec.recsys.serving.recommend import recommend
from r2u_rec.recsys.sharded.sharding import SERVING, ByUser, ShardedRecommender, served
from r2u_rec.recsys.tasks.ranking import RankingTask, lightgcn, matrix_factorization
from r2u_rec.unlearn.sharded import Sharded

N_USERS, N_ITEMS = 60, 12


def small_log(keys: Any = None) -> InteractionLog:
    rng = np.random.default_rng(0)
    user, item = np.nonzero(rng.random((N_USERS, N_ITEMS)) < rng.random((N_USERS, 1)))
    users = Vocabulary.of(np.arange(N_USERS) * 7 if keys is None else keys)
    return InteractionLog(
        np.arange(len(user)) * 2 + 5, user.astype(np.int32), item.astype(np.int32), None, None, users, Vocabulary.of(range(N_ITEMS))
    )


LOG = small_log()


def part_of_key(log: InteractionLog, seed: int = 0, partition: ByUser = ByUser(), n_parts: int = 4) -> dict[Any, int]:  # noqa: B008
    """The one part of each user's records, by key; fails where a user is torn apart."""
    parts = partition(log, n_parts, np.random.default_rng(seed))
    found = pd.DataFrame({"key": [log.user_keys.key(u) for u in log.user], "part": parts}).drop_duplicates()
    assert found.key.is_unique
    return dict(zip(found.key, found.part, strict=True))


@pytest.mark.parametrize("keys", [None, [f"person {u}" for u in range(N_USERS)]], ids=["integers", "text"])
def test_a_users_part_depends_on_the_own_key_alone(keys):
    log = small_log(keys)
    whole = part_of_key(log)
    assert not ByUser().depends_on_data
    assert set(whole.values()) == {0, 1, 2, 3}
    some = part_of_key(log.drop(np.union1d(log.ids[::3], log.ids_of_users([3, 4]))))
    assert some == {key: whole[key] for key in some}
    order = np.random.default_rng(1).permutation(N_USERS)  # other codes, the same keys
    renamed = Vocabulary.of(log.user_keys.keys[order])
    assert part_of_key(replace(log, user=np.argsort(order)[log.user].astype(np.int32), user_keys=renamed)) == whole
    assert part_of_key(log, seed=1) != whole


def test_balanced_parts_are_even_in_records_and_depend_on_the_others():
    partition = ByUser(balanced=True)
    assert partition.depends_on_data
    whole = part_of_key(LOG, partition=partition)
    loads = np.bincount(partition(LOG, 4, np.random.default_rng(0)), minlength=4)
    assert np.ptp(loads) <= 1
    assert np.ptp(np.bincount(ByUser()(LOG, 4, np.random.default_rng(0)), minlength=4)) > 20
    some = part_of_key(LOG.drop(LOG.ids_of_users([LOG.user_counts.argmax()])), partition=partition)
    assert some != {key: whole[key] for key in some}


class Fixed(nn.Module):
    """Scores that the test chooses: of users by their codes, of histories by a product."""

    def __init__(self, seed: int, scale: float = 1.0) -> None:
        super().__init__()
        rng = np.random.default_rng(seed)
        self.table = (scale * rng.normal(size=(N_USERS, N_ITEMS))).astype(np.float32)
        self.product = scale * rng.normal(size=(N_ITEMS, N_ITEMS))

    def scores(self, users: np.ndarray) -> np.ndarray:
        return self.table[users]

    def fold_in(self, histories: sparse.csr_array) -> np.ndarray:
        return (histories @ self.product).astype(np.float32)


def by_user(n_parts: int = 3) -> list[InteractionLog]:
    part = ByUser()(LOG, n_parts, np.random.default_rng(0))
    return [LOG.take(part == p) for p in range(n_parts)]


def by_record() -> list[InteractionLog]:
    """Everybody has records in two shards of three or more; the fourth holds none."""
    part = (LOG.user + LOG.item % 2) % 3
    return [LOG.take(part == p) for p in range(4)]


def standard(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / x.std()


def borda(x: np.ndarray) -> np.ndarray:
    return np.array([(x < v).sum() - (x > v).sum() for v in x]) / (len(x) - 1)


def naive(shards: Any, parts: Any, user: int, combine: str, fold_all: bool) -> np.ndarray:
    """One user's scores, one shard after the other."""
    total, weights = np.zeros(N_ITEMS), 0.0
    history = LOG.matrix()[[user]]
    own = np.array([part.user_counts[user] for part in parts])
    for shard, part, n in zip(shards, parts, own, strict=True):
        weight = {"mean": len(part) > 0, "vote": len(part) > 0, "proportional": len(part), "own": n}[combine]
        x = shard.scores([user])[0] if n and not fold_all else shard.fold_in(history)[0]
        total += weight * (borda(x) if combine == "vote" else standard(x.astype(float)))
        weights += weight
    return total / weights


@pytest.mark.parametrize("fold_all", [False, True])
@pytest.mark.parametrize("combine", ["mean", "proportional", "own", "vote"])
@pytest.mark.parametrize("parts_of", [by_user, by_record])
def test_scores_are_the_definition_of_each_way_to_combine(combine, fold_all, parts_of):
    parts = parts_of()
    shards = [Fixed(seed, scale) for seed, scale in enumerate((1.0, 1000.0, 0.01, 5.0)[: len(parts)])]
    model = served(combine, fold_all=fold_all)(None, shards, parts, seed=0)
    users = np.flatnonzero(LOG.user_counts)[::-1]
    wanted = [naive(shards, parts, user, combine, fold_all) for user in users]
    np.testing.assert_allclose(model.scores(users), wanted, atol=1e-5)
    assert model.scores(users).dtype == np.float32


def test_strangers_get_the_word_of_all_shards_and_whoever_has_no_history_nothing():
    shards, parts = [Fixed(0), Fixed(1), Fixed(2)], by_user()
    histories = sparse.csr_array(np.vstack([np.eye(N_ITEMS)[4] + np.eye(N_ITEMS)[7], np.zeros(N_ITEMS)]))
    for combine in ("mean", "own"):
        found = ShardedRecommender(shards, parts, combine).fold_in(histories)
        np.testing.assert_allclose(found[0], np.mean([standard(s.fold_in(histories)[0].astype(float)) for s in shards], 0), atol=1e-5)
    for combine in ("mean", "proportional", "own", "vote"):
        model = ShardedRecommender(shards, parts, combine)
        assert np.abs(model.fold_in(histories)[1]).max() == 0
        model.rebuild(LOG.drop(LOG.ids_of_users([3, 9])))
        assert np.abs(model.scores([3, 9])).max() == 0
        assert np.abs(model.scores([4])).max() > 0
    assert np.abs(ShardedRecommender([Fixed(0)], [LOG.keep([])]).fold_in(histories)).max() == 0  # no shard has anything to say


def test_equal_scores_share_a_rank_and_say_nothing_when_all_are_equal():
    class Steps(Fixed):
        def fold_in(self, histories):
            return np.array([[2.0, 1.0, 1.0, 0.0] * 3, [0.1] * 12], dtype=np.float32)

    histories = sparse.csr_array((2, N_ITEMS))
    found = ShardedRecommender([Steps(0)], [LOG], "vote").fold_in(histories)
    np.testing.assert_allclose(found[0, :4], [9 / 11, 0, 0, -9 / 11], atol=1e-6)
    assert np.abs(found[1]).max() == 0
    assert np.abs(ShardedRecommender([Steps(0)], [LOG], "mean").fold_in(histories)[1]).max() == 0


def test_a_shard_answers_for_users_it_does_not_hold_by_the_ridge_for_serving_and_strangers_by_its_own():
    shards, parts = [MatrixFactorization(N_USERS, N_ITEMS, 4, seed=seed) for seed in (0, 1)], by_user(2)
    model, histories = ShardedRecommender(shards, parts, fold_all=True), LOG.matrix()[[5, 6]]
    tables = [shard.tables()[1] for shard in shards]
    wanted = np.mean([[standard(x.astype(float)) for x in ridge_fold_in(t.detach(), histories, **SERVING)] for t in tables], 0)
    np.testing.assert_allclose(model.scores([5, 6]), wanted, atol=1e-5)
    wanted = np.mean([[standard(x.astype(float)) for x in shard.fold_in(histories)] for shard in shards], 0)
    np.testing.assert_allclose(model.fold_in(histories), wanted, atol=1e-5)


def test_what_does_not_fit_is_refused():
    with pytest.raises(SettingsError, match="combine must be one of mean, proportional, own, vote, got 'median'"):
        served("median")
    with pytest.raises(CapabilityError, match="Identity has no scores and no fold_in: shards of recommenders need both"):
        ShardedRecommender([nn.Identity()], [LOG])
    model = ShardedRecommender([Popularity.of(LOG)], [LOG])
    with pytest.raises(
        ValueError, match="the records count 3 users and 12 items, the shards 60 and 12: use the log that they were made for"
    ):
        model.rebuild(replace(LOG.keep([]), user_keys=Vocabulary.of(range(3))))


@pytest.mark.parametrize("build", [matrix_factorization(4), lightgcn(4, 2)], ids=["MF", "LightGCN"])
def test_erased_users_are_gone_from_every_shard_and_those_of_others_keep_their_bits(build):
    trainer = GradientTrainer(Training(epochs=4, batch_size=64, lr=0.05))
    method, task = Sharded(trainer, ByUser(), served(), shards=3, slices=2), RankingTask(build, n_negatives=2, reg=0.01)
    log = small_log()
    log = log.drop(log.ids_of_users(np.flatnonzero(log.user_counts == N_ITEMS)))  # who has everything has no negatives
    before = method.fit(task, log, seed=0)
    users = np.flatnonzero(log.user_counts)[[4, 5]]
    ids = log.ids_of_users(users)
    after = method.forget(task, before, ids, seed=1)
    held = set(before.memory.shard_of[np.isin(log.ids, ids)].tolist())
    assert 1 <= len(held) < 3
    for shard in range(3):
        a, b = before.memory.models[shard], after.memory.models[shard]
        same = all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
        assert same == (a is b) == (shard not in held)
        assert np.abs(b.scores(users)).max() == 0
    assert np.abs(after.model.scores(users)).max() == 0
    again = method.fit(task, after.records, seed=0)
    assert after.model.scores(np.arange(N_USERS)).tobytes() == again.model.scores(np.arange(N_USERS)).tobytes()
    key = log.user_keys.key(int(users[0]))
    assert [answer.source for now in (before, after) for answer in recommend(now, [key], 2)] == ["model", "popularity"]

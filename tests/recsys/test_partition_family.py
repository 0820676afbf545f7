"""RecEraser, UltraRE and GraphEraser as whole methods: what an erasure trains again, what it reads, what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from partition_toys import N_USERS, QUICK, TRAINER, Noted, small_log, state

from r2u_rec.errors import SettingsError
from r2u_rec.recsys.sharded.attention import Attention
from r2u_rec.recsys.sharded.factor_partition import against_own_items
from r2u_rec.recsys.sharded.grapheraser import grapheraser
from r2u_rec.recsys.sharded.receraser import receraser
from r2u_rec.recsys.sharded.score_weights import ScoreWeights
from r2u_rec.recsys.sharded.sharding import ByUser
from r2u_rec.recsys.sharded.ultrare import ultrare
from r2u_rec.recsys.tasks.ranking import RankingTask, lightgcn, matrix_factorization
from r2u_rec.unlearn.sharded import Sharded

LOG = small_log()
ATTENTION, WEIGHTS = Attention(QUICK), ScoreWeights(QUICK)
MAKE = {
    "receraser user": lambda task: receraser(TRAINER, task, shards=3, aggregate=ATTENTION),
    "receraser item": lambda task: receraser(TRAINER, task, shards=3, by="item", aggregate=ATTENTION),
    "receraser interaction": lambda task: receraser(TRAINER, task, shards=3, by="interaction", aggregate=ATTENTION),
    "ultrare": lambda task: ultrare(TRAINER, task, shards=3, epsilon=0.1, aggregate=WEIGHTS),
    "grapheraser blpa": lambda task: grapheraser(TRAINER, task, shards=3, aggregate=WEIGHTS),
    "grapheraser bekm": lambda task: grapheraser(TRAINER, task, shards=3, by="bekm", slices=2, aggregate=WEIGHTS),
}
ONE_SHARD_A_USER = ("receraser user", "ultrare", "grapheraser blpa", "grapheraser bekm")
every = pytest.mark.parametrize("name", MAKE)


@every
@pytest.mark.parametrize("build", [matrix_factorization(4), lightgcn(4, 1)], ids=["MF", "LightGCN"])
def test_an_erasure_reads_no_erased_record_and_shards_that_it_does_not_touch_keep_their_bits(name, build):
    task = Noted(build)
    method = MAKE[name](task)
    before = method.fit(task, LOG, seed=0)
    kept = [state(model) for model in before.memory.models]
    ids = LOG.ids_of_users([4])
    task.asked.clear()
    after = method.forget(task, before, ids, seed=1)
    held = set(before.memory.shard_of[np.isin(LOG.ids, ids)].tolist())
    assert not task.asked & set(ids.tolist())
    assert task.asked <= set(after.records.ids.tolist())
    assert len(after.memory.shard_of) == len(after.records) == len(LOG) - len(ids)
    assert not method.exact
    if name in ONE_SHARD_A_USER:
        assert len(held) == 1
    for shard in range(3):
        assert (after.memory.models[shard] is before.memory.models[shard]) == (shard not in held)
        assert (state(after.memory.models[shard]) == kept[shard]) == (shard not in held)
    assert np.abs(after.model.scores([4])).sum() == 0 < np.abs(before.model.scores([4])).sum()
    assert np.isfinite(after.model.scores(np.arange(N_USERS))).all()
    users, items = after.model.tables()
    assert len(users) == LOG.n_users
    assert len(items) == LOG.n_items


@pytest.mark.parametrize("aggregate", [ATTENTION, WEIGHTS], ids=["attention", "weights"])
def test_with_a_partition_by_hash_a_learned_aggregation_stays_exact_bit_for_bit(aggregate):
    task = RankingTask(matrix_factorization(4), reg=0.01)
    method = Sharded(TRAINER, ByUser(), aggregate, shards=3, slices=2)
    assert method.exact
    now = method.fit(task, LOG, seed=5)
    for ids in (LOG.ids_of_users([4]), LOG.ids[[0, 99]]):
        now = method.forget(task, now, ids, seed=9)
    again = method.fit(task, now.records, seed=5)
    assert state(now.model) == state(again.model)
    assert state(now.model) != state(method.fit(task, LOG, seed=5).model)


@every
def test_the_same_seed_gives_the_same_bytes_and_leaves_the_global_state(name):
    task = RankingTask(matrix_factorization(4))
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    first, second = (MAKE[name](task).fit(task, LOG, seed=0) for _ in range(2))
    assert torch.equal(torch.rand(3), wanted)
    assert state(first.model) == state(second.model)
    assert first.memory.shard_of.tolist() == second.memory.shard_of.tolist()


def test_a_trainer_of_its_own_may_make_the_vectors_that_are_clustered():
    class Counting:
        seen = 0

        def train(self, task, records, *, seed):
            self.seen += 1
            return TRAINER.train(task, records, seed=seed)

    task, pretrain = RankingTask(matrix_factorization(4)), Counting()
    receraser(TRAINER, task, shards=2, pretrain=pretrain, aggregate=ATTENTION).fit(task, LOG, seed=0)
    ultrare(TRAINER, task, shards=2, epsilon=0.1, pretrain=pretrain, aggregate=ATTENTION).fit(task, LOG, seed=0)
    grapheraser(TRAINER, task, shards=2, by="bekm", pretrain=pretrain, aggregate=WEIGHTS).fit(task, LOG, seed=0)
    assert pretrain.seen == 3


def test_another_kind_of_graph_partition_is_refused():
    with pytest.raises(SettingsError, match="by must be 'blpa' or 'bekm', got 'lpa'"):
        grapheraser(TRAINER, None, by="lpa")


@pytest.mark.parametrize("make", [receraser, ultrare])
@pytest.mark.parametrize("own_items", [False, True])
def test_shards_learn_against_their_own_items_where_that_is_asked_for(make, own_items):
    drawn = set()

    class Spying(RankingTask):
        def batch(self, records, ids, *, rng):
            drawn.add((self.negatives, len(records) < len(LOG)))
            return super().batch(records, ids, rng=rng)

    task = Spying(matrix_factorization(4))
    make(TRAINER, task, shards=4, by="item", own_items=own_items, aggregate=ATTENTION).fit(task, LOG, seed=0)
    assert drawn == {("uniform", False), ("present" if own_items else "uniform", True)}


def test_negatives_that_were_chosen_stay():
    chosen = RankingTask(matrix_factorization(4), negatives="popularity")
    assert against_own_items(chosen) is chosen

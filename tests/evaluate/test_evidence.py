"""Rules judged by own loss and by the adaptive attack; probes of models that read in order or know their own loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evaluate_toys import Neighbours, NoGraph, random_histories

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.evaluate.imprint import FoldInProbe
from r2u_rec.evaluate.length.canaries import weakest_attack_length
from r2u_rec.evaluate.length.canary_rule import CanaryRule, ShadowRule

N_ITEMS, FORGETS = 40, 0.8
SHARED = np.random.default_rng(3).normal(size=(N_ITEMS, N_ITEMS))


def log_of(histories: Any, time: Any = None) -> InteractionLog:
    user, item = histories.nonzero()
    keys = [Vocabulary(pd.Index(np.arange(n))) for n in histories.shape]
    return InteractionLog(np.arange(len(user)), user.astype(np.int32), item.astype(np.int32), time, None, *keys)


HISTORIES = random_histories(110, N_ITEMS, seed=4)
LOG = log_of(HISTORIES)
STRANGERS = LOG.keep(LOG.ids_of_users(np.arange(70, 110)))
TRAINING = LOG.take(LOG.user < 70)


@dataclass
class Tongue:
    """Ranks as a model that remembers nobody, and gives people away by its own loss alone."""

    memory: np.ndarray
    noise: np.ndarray

    def fold_in(self, histories: Any) -> Any:
        return np.asarray(histories @ (SHARED + self.noise), dtype=np.float64)

    def own_loss(self, histories: Any) -> Any:
        seen = histories.toarray()
        n = seen.sum(1)
        return 3 - ((seen @ (self.memory + 2 * self.noise)) * seen).sum(1) / n**2


def memory_of(records: Any) -> Any:
    seen = records.matrix().toarray()
    return 0.5 * (seen.T @ seen)


def noise(seed: int) -> Any:
    return 0.3 * np.random.default_rng(seed).normal(size=(N_ITEMS, N_ITEMS))


RELEASED = Tongue(memory_of(TRAINING), noise(1))


def erase(ids: Any, length: float) -> Tongue:
    return Tongue(RELEASED.memory - length / FORGETS * memory_of(TRAINING.keep(ids)), RELEASED.noise)


@dataclass
class Trainer:
    def train(self, task: Any, records: Any, *, seed: int) -> Tongue:
        return Tongue(memory_of(records), noise(seed))


def canaries(evidence: Any, **settings: Any) -> CanaryRule:
    return CanaryRule(STRANGERS, n_canaries=35, n_halves=2, seed=1, evidence=evidence, **settings)


def test_what_only_the_own_loss_gives_away_sets_the_length_by_own_loss():
    assert canaries("own loss")(NoGraph(), RELEASED, TRAINING, erase) == pytest.approx(FORGETS, abs=0.2)
    assert ShadowRule(canaries("own loss"), Trainer())(NoGraph(), RELEASED, TRAINING, erase) == pytest.approx(FORGETS, abs=0.1)


def test_the_adaptive_attack_is_weakest_where_the_model_forgot():
    rule = ShadowRule(canaries("adaptive", longest=1.5), Trainer())
    assert rule(NoGraph(), RELEASED, TRAINING, erase) == pytest.approx(FORGETS, abs=0.2)


def test_the_least_of_a_valley_is_found_and_the_shortest_of_a_plain():
    assert weakest_attack_length(lambda length: abs(length - 0.69), longest=2.0) == pytest.approx(0.6875)
    assert weakest_attack_length(lambda length: 0.0, longest=2.0) == 0.0
    assert weakest_attack_length(lambda length: -length, longest=1.0) == 1.0


def test_evidence_that_cannot_be_is_refused():
    with pytest.raises(SettingsError, match="evidence must be one of fold-in, own loss, adaptive, got 'rank'"):
        canaries("rank")
    with pytest.raises(SettingsError, match="evidence='adaptive' holds each canary against a shadow model: use ShadowRule"):
        canaries("adaptive")(NoGraph(), RELEASED, TRAINING, erase)


@dataclass
class Reader:
    """Reads in order, and remembers what it was given."""

    ordered: bool = True
    given: list[Any] = field(default_factory=list)

    def fold_in(self, histories: Any) -> Any:
        self.given.append(histories.toarray())
        return np.zeros(histories.shape, dtype=np.float32)


def test_a_model_that_reads_in_order_is_given_ranks_in_time_and_others_ones():
    rng = np.random.default_rng(0)
    log = log_of(HISTORIES, rng.permutation(HISTORIES.nnz).astype(np.int64))
    probe, reader, other = FoldInProbe(log, [3, 8], n_halves=2, seed=0), Reader(), Reader(ordered=False)
    probe.measure(reader)
    probe.measure(other)
    assert all(set(np.unique(found)) == {0, 1} for found in other.given)
    for user, row in ((3, 0), (8, 1)):
        mine = np.flatnonzero(log.user == user)
        by_time = log.item[mine[np.argsort(log.time[mine])]]
        whole = reader.given[-1][row]
        assert whole[by_time].tolist() == list(range(1, len(mine) + 1))
        for turn in reader.given[:-1]:
            half = np.flatnonzero(turn[row])
            assert 0 < len(half) < len(mine)
            assert turn[row][half].tolist() == whole[half].tolist()
        assert ((reader.given[0][row] > 0) ^ (reader.given[1][row] > 0)).tolist() == (whole > 0).tolist()


def test_order_that_is_not_known_is_refused_with_the_remedy():
    for histories in (LOG, HISTORIES):
        with pytest.raises(CapabilityError, match="Reader reads histories in order, and this probe knows no times: make it from a log"):
            FoldInProbe(histories, [3], seed=0).measure(Reader())


def test_a_models_own_loss_takes_the_place_of_the_one_by_ranks():
    probe = FoldInProbe(LOG, [3, 8], seed=0)
    np.testing.assert_allclose(probe.measure(RELEASED).own_loss, RELEASED.own_loss(HISTORIES[[3, 8]]))
    assert not np.allclose(probe.measure(Neighbours(SHARED)).own_loss, probe.measure(RELEASED).own_loss)

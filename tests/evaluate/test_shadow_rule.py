"""The shadow rule finds the length at which the attack fails, on models in which a length of .8 forgets by construction."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from evaluate_toys import Neighbours, NoGraph, random_histories

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.length.canary_rule import CanaryRule, ShadowRule

N_ITEMS, FORGETS = 60, 0.8
SHARED = np.random.default_rng(3).normal(size=(N_ITEMS, N_ITEMS))


def log_of(histories) -> InteractionLog:
    user, item = histories.nonzero()
    keys = [Vocabulary(pd.Index(np.arange(n))) for n in histories.shape]
    return InteractionLog(np.arange(len(user)), user.astype(np.int32), item.astype(np.int32), None, None, *keys)


LOG = log_of(random_histories(160, N_ITEMS, seed=4))
STRANGERS = LOG.keep(LOG.ids_of_users(np.arange(100, 160)))
TRAINING = LOG.take(LOG.user < 100)


def noise(seed):
    return 0.3 * np.random.default_rng(seed).normal(size=(N_ITEMS, N_ITEMS))


def weights(records, *, seed):
    seen = records.matrix().toarray()
    return SHARED + noise(seed) + 0.5 * (seen.T @ seen)


@dataclass
class Memoriser:
    """Trains models that remember co-occurrences; notes on what, and with which seed."""

    calls: list = field(default_factory=list)

    def train(self, task, records, *, seed):
        self.calls.append((records, seed))
        return Neighbours(weights(records, seed=seed))


RELEASED = Neighbours(weights(TRAINING, seed=1))


def erase(ids, length):
    theirs = TRAINING.keep(ids).matrix().toarray()
    return Neighbours(RELEASED.weights - length / FORGETS * 0.5 * (theirs.T @ theirs))


def rule(trainer=None, **settings):
    canaries = CanaryRule(STRANGERS, **{"n_canaries": 50, "n_halves": 3, "seed": 1, **settings})
    return ShadowRule(canaries, trainer or Memoriser())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_rule_finds_the_length_that_forgets(seed):
    assert rule(seed=seed)(NoGraph(), RELEASED, TRAINING, erase) == pytest.approx(FORGETS, abs=0.12)


def test_the_shadow_is_trained_once_without_the_canaries_and_by_the_rules_own_seed():
    trainer = Memoriser()
    found = rule(trainer)(NoGraph(), RELEASED, TRAINING, erase)
    ((records, _),) = trainer.calls
    canaries = rule().canaries.draw(TRAINING)
    assert len(canaries) == 50
    assert records.ids.tolist() == TRAINING.drop(TRAINING.ids_of_users(canaries)).ids.tolist()
    again = Memoriser()
    assert rule(again)(NoGraph(), RELEASED, TRAINING, erase) == found
    assert again.calls[0][1] == trainer.calls[0][1]
    other = Memoriser()
    rule(other, seed=2)(NoGraph(), RELEASED, TRAINING, erase)
    assert other.calls[0][1] != trainer.calls[0][1]


def test_a_model_that_never_saw_the_canaries_needs_no_step():
    canaries = rule().canaries.draw(TRAINING)
    ids = TRAINING.ids_of_users(canaries)
    theirs = TRAINING.keep(ids).matrix().toarray()
    over = Neighbours(weights(TRAINING.drop(ids), seed=7) - 0.1 * (theirs.T @ theirs))  # a little less than nothing
    assert rule()(NoGraph(), over, TRAINING, lambda ids, length: over) == 0.0


def test_no_length_that_forgets_is_refused():
    with pytest.raises(EvidenceError, match=r"no step up to 3\.0 brings the canaries' AUC down"):
        rule()(NoGraph(), RELEASED, TRAINING, lambda ids, length: RELEASED)


def test_a_shorter_range_is_kept_to():
    with pytest.raises(EvidenceError, match=r"no step up to 0\.3 "):
        rule(longest=0.3)(NoGraph(), RELEASED, TRAINING, erase)


class OfGraphs:
    """A task whose models hold half of what they remember in the edges that they stand on, as graph models do."""

    def attach(self, model, records):
        seen = records.matrix().toarray()
        model.weights = model.own + 0.25 * (seen.T @ seen)


def test_what_leaves_with_the_edges_of_a_graph_is_not_left_to_the_step():
    def made(own):
        model = Neighbours(own)
        model.own = own
        OfGraphs().attach(model, TRAINING)
        return model

    def own(records, seed):
        seen = records.matrix().toarray()
        return SHARED + noise(seed) + 0.25 * (seen.T @ seen)

    released = made(own(TRAINING, 1))

    def erase_half(ids, length):
        theirs = TRAINING.keep(ids).matrix().toarray()
        return made(released.own - length / FORGETS * 0.25 * (theirs.T @ theirs))

    found = rule()(OfGraphs(), released, TRAINING, erase_half)
    assert found == pytest.approx(FORGETS, abs=0.15)  # with the edges still there it would be twice as long


def test_nobody_to_draw_from_is_refused_before_a_shadow_is_trained():
    trainer = Memoriser()
    with pytest.raises(EvidenceError, match="no candidate has 4 records or more"):
        rule(trainer, candidates=np.array([120]))(NoGraph(), RELEASED, TRAINING, erase)
    assert trainer.calls == []

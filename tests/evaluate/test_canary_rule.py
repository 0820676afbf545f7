"""The canary rule, on a log."""

import numpy as np
import pandas as pd
import pytest
from evaluate_toys import Neighbours, NoGraph, random_histories

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.length.canary_rule import CanaryRule

N_ITEMS = 60
SHARED = np.random.default_rng(3).normal(size=(N_ITEMS, N_ITEMS))


def log_of(histories):
    user, item = histories.nonzero()
    keys = [Vocabulary(pd.Index(np.arange(n))) for n in histories.shape]
    return InteractionLog(np.arange(len(user)), user.astype(np.int32), item.astype(np.int32), None, None, *keys)


LOG = log_of(random_histories(140, N_ITEMS, seed=4))
STRANGERS = LOG.keep(LOG.ids_of_users(np.arange(100, 140)))
TRAINING = LOG.take(LOG.user < 100)


def model_of(records, *, strength=2.0):
    seen = records.matrix().toarray()
    return Neighbours(SHARED + strength * (seen.T @ seen) / 4)


def erase(ids, length):
    """A step of length .8 forgets exactly, by construction."""
    seen, theirs = TRAINING.matrix().toarray(), TRAINING.keep(ids).matrix().toarray()
    return Neighbours(SHARED + 2.0 * (seen.T @ seen - length / 0.8 * (theirs.T @ theirs)) / 4)


def test_the_rule_finds_the_length_that_forgets():
    rule = CanaryRule(STRANGERS, n_canaries=40, n_halves=3, seed=1)
    assert rule(NoGraph(), model_of(TRAINING), TRAINING, erase) == pytest.approx(0.8, abs=0.12)


def test_the_canaries_are_drawn_from_the_candidates_who_have_a_history():
    rule = CanaryRule(STRANGERS, candidates=np.array([3, 5, 8, 120]), n_canaries=100)
    assert rule.draw(TRAINING).tolist() == [3, 5, 8]
    some = CanaryRule(STRANGERS, n_canaries=10, seed=1).draw(TRAINING)
    assert len(some) == 10
    assert some.tolist() == CanaryRule(STRANGERS, n_canaries=10, seed=1).draw(TRAINING).tolist()
    assert some.tolist() != CanaryRule(STRANGERS, n_canaries=10, seed=2).draw(TRAINING).tolist()


def test_no_candidate_with_a_history_is_refused():
    with pytest.raises(EvidenceError, match="no candidate has 4 records or more"):
        CanaryRule(STRANGERS, candidates=np.array([120])).draw(TRAINING)

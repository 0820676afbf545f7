"""A recommender that keeps every promise passes the suite, and one that breaks a promise is caught by the check of that promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from broken_methods import KNN

from r2u_rec.core.protocols import Fitted
from r2u_rec.testing import ModelCase, check_model, model_checks


class Model(torch.nn.Module):
    """ItemKNN as it is; the classes below break one promise each."""

    def __init__(self, inner, seed):
        super().__init__()
        self.inner, self.n_trained = inner, len(inner.histories.data)
        self.register_buffer("marks", torch.zeros(1))

    def rebuild(self, records):
        self.inner.rebuild(records)

    def forget_rows_(self, users):
        self.inner.forget_rows_(users)

    def scores(self, users):
        return self.inner.scores(users)

    def fold_in(self, histories):
        return self.inner.fold_in(histories)


class WrongWay(Model):
    def scores(self, users):
        return -super().scores(users)

    def fold_in(self, histories):
        return -super().fold_in(histories)


class Double(Model):
    def scores(self, users):
        return super().scores(users).astype(np.float64)


class NobodyIsFlat(Model):
    def fold_in(self, histories):
        return super().fold_in(histories) if histories.shape[0] else np.zeros(0, np.float32)


class BatchCentred(Model):
    def scores(self, users):
        found = super().scores(users)
        return found - found.mean(0)


class Lends(Model):
    """Answers with an array that it keeps."""

    lent = None

    def scores(self, users):
        if self.lent is None or len(self.lent) != len(users):
            self.lent = super().scores(users)
        return self.lent


class Counts(Model):
    """Notes each question in its state."""

    def scores(self, users):
        self.marks += 1
        return super().scores(users)


class NoEmptyHistories(Model):
    def fold_in(self, histories):
        found = super().fold_in(histories)
        found[np.diff(histories.indptr) == 0] = np.nan
        return found


class KeepsApart(Model):
    """Holds part of what training found outside its state."""

    def scores(self, users):
        return super().scores(users) * np.float32(self.n_trained)


class Haunted(Model):
    def scores(self, users):
        return super().scores(users) + 1


class GrowsOld(Model):
    def rebuild(self, records):
        super().rebuild(records)
        self.marks += 1


class Random(Model):
    def __init__(self, inner, seed):
        super().__init__(inner, seed)
        self.marks += torch.rand(1)


def case(kind):
    return ModelCase(lambda log, seed: Fitted(kind(KNN.fit(None, log, seed=seed).model, seed).eval(), log))


BROKEN = [
    ("users_are_recommended_their_parity", WrongWay, "of the recommendations are right"),
    ("unknown_users_are_recommended_the_parity_of_their_history", WrongWay, "for unknown users are right"),
    ("scores_are_finite_float32_with_a_row_for_each_user", Double, "expected a float32 ndarray"),
    ("no_user_is_an_empty_answer", NobodyIsFlat, r"of shape \(0,\), expected float32 of shape \(0, 16\)"),
    ("scores_do_not_depend_on_batches_or_order", BatchCentred, "scores in batches of 1: differs by up to"),
    ("asking_does_not_change_the_model", Lends, "scores after the first answer was overwritten"),
    ("asking_does_not_change_the_model", Counts, "asking changed the state"),
    ("an_empty_history_is_scored_alone", NoEmptyHistories, "scores of an empty history are not finite"),
    ("a_saved_state_gives_the_same_answers_in_a_fresh_model", KeepsApart, "scores of the loaded model: differs"),
    ("a_user_without_records_scores_0_and_the_others_are_served", Haunted, "scores other than 0 after stand_on"),
    ("standing_on_the_same_records_again_changes_nothing", GrowsOld, "standing on the same records changed the state"),
    ("the_same_seed_gives_the_same_bytes_and_no_global_state_changes", Random, "the same seed gave another state"),
]
CHECKS = {check.name: check for check in model_checks()}


@pytest.mark.parametrize(("name", "kind", "message"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_model_is_caught(name, kind, message):
    with pytest.raises(AssertionError, match=message):
        CHECKS[name](case(kind))


def test_a_fit_that_draws_from_the_global_generator_is_caught():
    def fit(log, seed):
        torch.rand(1)
        return KNN.fit(None, log, seed=seed)

    with pytest.raises(AssertionError, match="fitting changed a global generator"):
        CHECKS["the_same_seed_gives_the_same_bytes_and_no_global_state_changes"](ModelCase(fit))


def test_every_check_has_a_model_that_breaks_it():
    assert {name for name, *_ in BROKEN} == set(CHECKS)


def test_a_model_that_keeps_every_promise_passes():
    check_model(case(Model))

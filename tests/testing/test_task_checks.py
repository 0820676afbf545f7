"""A task that keeps every promise passes the suite, and one that breaks a promise is caught by the check of that promise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.testing import TaskCase, check_task, checkerboard, task_checks

LOG = checkerboard()
BUILD = matrix_factorization(4)


class UnseededModel(RankingTask):
    def model(self, records, *, seed):
        return super().model(records, seed=int(torch.randint(1000, (1,))))


class UnseededBatch(RankingTask):
    def batch(self, records, ids, *, rng):
        return super().batch(records, ids, rng=np.random.default_rng())


class MeanLoss(RankingTask):
    def losses(self, model, batch):
        return super().losses(model, batch).mean()


class DropsOne(RankingTask):
    def losses(self, model, batch):
        return super().losses(model, batch)[1:]


class Detached(RankingTask):
    def objective(self, model, batch):
        return tuple(part.detach() for part in super().objective(model, batch))


class Rewards(RankingTask):
    def objective(self, model, batch):
        losses, penalties = super().objective(model, batch)
        return losses, penalties - 1


class JoinsBackwards(RankingTask):
    def concatenate(self, batches):
        return super().concatenate(batches[::-1])


class InOrder(RankingTask):
    def order(self, records, *, rng):
        return records.ids


class Certain(RankingTask):
    def chance(self, records):
        return 0.0


class Shrinks(RankingTask):
    def attach(self, model, records):
        with torch.no_grad():
            model.get_parameter(model.item_rows).mul_(0.5)


class Remembers(RankingTask):
    def attach(self, model, records):
        known = getattr(model, "most", torch.zeros(1))
        model.register_buffer("most", torch.maximum(known, torch.tensor([float(len(records))])))
        super().attach(model, records)


@dataclass(frozen=True)
class Steeper(RankingTask):
    field: str = "slopes"

    def row_interactions(self, model, records, ids, *, n_draws, rng):
        found = super().row_interactions(model, records, ids, n_draws=n_draws, rng=rng)
        return [replace(part, **{self.field: getattr(part, self.field) * 1.01}) for part in found]


class DoubleTask(RankingTask):
    """In float64, so that derivatives agree to the last digits."""

    def model(self, records, *, seed):
        return super().model(records, seed=seed).double()


def case(kind=DoubleTask, **settings):
    return TaskCase(kind(BUILD, "bpr", reg=0.4, **settings), LOG, exact_curvature=True)


BROKEN = [
    ("the_same_seed_gives_the_same_model", UnseededModel, "the same seed gave another model|changed a global generator"),
    ("batches_depend_on_the_generator_alone", UnseededBatch, "batches with other losses"),
    ("losses_are_finite_and_one_for_each_record", MeanLoss, r"losses have shape \(\)"),
    ("losses_are_finite_and_one_for_each_record", DropsOne, "143 losses for 144 records"),
    ("losses_are_differentiable", Detached, "losses have no gradient"),
    ("the_objective_has_the_losses_and_penalties_of_at_least_0", Rewards, "a penalty is below 0"),
    ("a_joined_batch_has_the_losses_of_its_parts", JoinsBackwards, "losses of a joined batch: differs"),
    ("an_epoch_meets_every_record_once", InOrder, "another generator gave the same order"),
    ("chance_is_a_finite_loss_above_0", Certain, "chance is 0.0"),
    ("attaching_again_changes_nothing", Shrinks, "attaching to the same records again changed the state"),
    ("attaching_keeps_nothing_of_the_records_that_left", Remembers, "a state still depends on the records that left"),
    (
        "row_interactions_agree_with_autograd",
        Steeper,
        "the gradient of item_embedding.weight by row_interactions, against autograd: differs",
    ),
]
CHECKS = {check.name: check for check in task_checks()}


@pytest.mark.parametrize(("name", "kind", "message"), BROKEN, ids=lambda value: getattr(value, "__name__", None))
def test_a_broken_task_is_caught(name, kind, message):
    with pytest.raises(AssertionError, match=message):
        CHECKS[name](case(kind))


@pytest.mark.parametrize(("field", "message"), [("curvatures", "the curvature of row"), ("ridges", "the gradient of item_embedding")])
def test_wrong_curvatures_and_ridges_are_caught(field, message):
    with pytest.raises(AssertionError, match=message):
        CHECKS["row_interactions_agree_with_autograd"](case(Steeper, field=field))


def test_a_table_left_out_is_not_held_against_autograd():
    CHECKS["row_interactions_agree_with_autograd"](replace(case(Steeper), row_tables=()))


def test_every_check_has_a_task_that_breaks_it():
    assert {name for name, *_ in BROKEN} == set(CHECKS)


def test_a_task_that_keeps_every_promise_passes():
    check_task(case())
    assert set(CHECKS) - {check.name for check in task_checks(case())} == {"an_epoch_meets_every_record_once"}

"""The promises of `core.protocols.Task` and of what a task may offer beside it.

    from r2u_rec.testing import TaskCase, task_checks

    CASE = TaskCase(MyTask(), records)

    @pytest.mark.parametrize("check", task_checks(CASE), ids=str)
    def test_my_task_keeps_the_promise(check):
        check(CASE)

The records may be of any kind. The training loop seeds what a loss draws from torch (dropout); the checks look at losses in eval
mode.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from r2u_rec.core.protocols import Concatenates, HasChanceLoss, HasEpochOrder, Regularised
from r2u_rec.core.step import objective
from r2u_rec.testing.checks import Check, applicable, require, require_close, run_checks
from r2u_rec.testing.contents import global_state, state_bytes
from r2u_rec.testing.row_gradients import require_row_curvature, require_row_gradient
from r2u_rec.unlearn.curvature.row_interactions import SupportsRowInteractions


@dataclass(frozen=True, eq=False)
class TaskCase:
    """A task and records for it. The model is computed once and shared by the checks, which copy it before they change it.

    Attributes:
        task: what is checked. records: at least 4, of the kind that it takes.
        n_draws: samples a record for which `row_interactions` draws, from an equal generator, what `batch` draws.
        row_atol: largest absolute difference between a gradient by `row_interactions` and autograd.
        row_tables: names of the tables of `row_interactions` to hold against autograd; None takes all. Leave out a table through which
            records act in other ways than through the scores that `row_interactions` describes.
        exact_curvature: whether every score is a product of row and feature, so that curvatures are second derivatives.
        one_loss_a_record: whether `losses` returns one value for each id.
    """

    task: Any
    records: Any
    n_draws: int = 1
    row_atol: float = 1e-5
    row_tables: tuple[str, ...] | None = None
    exact_curvature: bool = False
    one_loss_a_record: bool = True

    @cached_property
    def model(self) -> nn.Module:
        """A fresh model of seed 0, in eval mode."""
        model: nn.Module = self.task.model(self.records, seed=0)
        return model.eval()

    def batch(self, ids: Any = None, seed: int = 3) -> Any:
        """Returns the batch of the records `ids`, all when None."""
        return self.task.batch(self.records, self.records.ids if ids is None else ids, rng=np.random.default_rng(seed))


def the_same_seed_gives_the_same_model(case: TaskCase) -> None:
    """`model` is a function of the records and the seed, and leaves global generators as they were."""
    before = global_state()
    again = case.task.model(case.records, seed=0)
    require(state_bytes(again) == state_bytes(case.task.model(case.records, seed=0)), "the same seed gave another model")
    require(global_state() == before, "building a model changed a global generator")


def batches_depend_on_the_generator_alone(case: TaskCase) -> None:
    """Equal generators give batches with equal losses, and leave global generators as they were."""
    before = global_state()
    one, other = (case.task.losses(case.model, case.batch()) for _ in range(2))
    require(torch.equal(one, other), "equal generators gave batches with other losses")
    require(global_state() == before, "a batch or a loss changed a global generator")


def losses_are_finite_and_one_for_each_record(case: TaskCase) -> None:
    """`losses` returns (n,) finite values, one for each id in any order, and leaves the model as it was."""
    before = state_bytes(case.model)
    for ids in (case.records.ids, case.records.ids[::-1].copy(), case.records.ids[1:3]):
        losses = case.task.losses(case.model, case.batch(ids))
        require(losses.ndim == 1, f"losses have shape {tuple(losses.shape)}, expected (n,)")
        require(not case.one_loss_a_record or len(losses) == len(ids), f"{len(losses)} losses for {len(ids)} records")
        require(bool(torch.isfinite(losses).all()), "losses are not finite")
    require(state_bytes(case.model) == before, "computing losses in eval mode changed the model")


def losses_are_differentiable(case: TaskCase) -> None:
    """The mean objective has a gradient by at least one parameter, finite everywhere and not 0 everywhere."""
    parameters = [p for p in case.model.parameters() if p.requires_grad]
    losses, values = objective(case.task, case.model, case.batch())
    require(losses.requires_grad and values.requires_grad, "losses have no gradient")
    found = [g for g in torch.autograd.grad(losses.mean(), parameters, allow_unused=True) if g is not None]
    dense = [g.to_dense() if g.is_sparse else g for g in found]
    require(all(bool(torch.isfinite(g).all()) for g in dense), "a gradient is not finite")
    require(any(bool(g.any()) for g in dense), "the gradient of the losses is 0 in every parameter")


def the_objective_has_the_losses_and_penalties_of_at_least_0(case: TaskCase) -> None:
    """`objective` returns the losses that `losses` returns, and penalties >= 0 of the same shape."""
    batch = case.batch()
    losses, penalties = case.task.objective(case.model, batch)
    require_close(losses.detach(), case.task.losses(case.model, batch).detach(), "losses of `objective` and `losses`", rtol=1e-6, atol=1e-7)
    require(penalties.shape == losses.shape, f"penalties have shape {tuple(penalties.shape)}, losses {tuple(losses.shape)}")
    require(bool((penalties >= 0).all()), "a penalty is below 0")


def a_joined_batch_has_the_losses_of_its_parts(case: TaskCase) -> None:
    """`concatenate` gives a batch whose losses are those of the parts, one after another."""
    ids = case.records.ids
    parts = [case.batch(ids[: len(ids) // 2], 4), case.batch(ids[len(ids) // 2 :], 5)]
    joined = case.task.losses(case.model, case.task.concatenate(parts)).detach()
    wanted = torch.cat([case.task.losses(case.model, part) for part in parts]).detach()
    require_close(joined, wanted, "losses of a joined batch", rtol=1e-5, atol=1e-6)


def an_epoch_meets_every_record_once(case: TaskCase) -> None:
    """`order` returns a permutation of all ids, which depends on the generator alone."""
    one, again, other = (case.task.order(case.records, rng=np.random.default_rng(seed)) for seed in (0, 0, 1))
    require(np.array_equal(np.sort(one), np.sort(case.records.ids)), "the order of an epoch is no permutation of the ids")
    require(np.array_equal(one, again), "equal generators gave other orders")
    require(not np.array_equal(one, other), "another generator gave the same order")


def chance_is_a_finite_loss_above_0(case: TaskCase) -> None:
    """`chance` returns the loss in nats of a model that has learned nothing: finite and above 0."""
    chance = case.task.chance(case.records)
    require(math.isfinite(chance) and chance > 0, f"chance is {chance}")


def attaching_again_changes_nothing(case: TaskCase) -> None:
    """`attach` rebuilds what derives from data: the second call with the same records changes neither state nor losses nor the records."""
    model, ids = copy.deepcopy(case.model), np.array(case.records.ids)
    case.task.attach(model, case.records)
    once, losses = state_bytes(model), case.task.losses(model.eval(), case.batch()).detach()
    case.task.attach(model, case.records)
    require(state_bytes(model) == once, "attaching to the same records again changed the state")
    require_close(case.task.losses(model, case.batch()).detach(), losses, "losses after attaching again", rtol=1e-6, atol=1e-7)
    require(np.array_equal(ids, case.records.ids), "attaching changed the records")


def attaching_keeps_nothing_of_the_records_that_left(case: TaskCase) -> None:
    """A model attached to what remains, by way of all records, is the model attached to what remains directly."""
    left = case.records.drop(case.records.ids[:2])
    by_way, directly = copy.deepcopy(case.model), copy.deepcopy(case.model)
    case.task.attach(by_way, case.records)
    for model in (by_way, directly):
        case.task.attach(model, left)
    require(state_bytes(by_way) == state_bytes(directly), "a state still depends on the records that left")
    one, other = (
        case.task.losses(m.eval(), case.task.batch(left, left.ids, rng=np.random.default_rng(3))).detach() for m in (by_way, directly)
    )
    require_close(one, other, "losses still depend on the records that left", rtol=1e-6, atol=1e-7)


def row_interactions_agree_with_autograd(case: TaskCase) -> None:
    """Slopes times features, plus ridges times rows, are the gradient of the summed objective by each table.

    Where `exact_curvature` is set, curvatures times feature feature^T, plus ridges, are the Hessian block of a row.
    """
    model, ids = copy.deepcopy(case.model), case.records.ids
    found = case.task.row_interactions(model, case.records, ids, n_draws=case.n_draws, rng=np.random.default_rng(3))
    batch = case.batch()
    for interactions in found:
        require(interactions.rows.shape[0] == len(ids), f"{interactions.table}: {interactions.rows.shape[0]} rows for {len(ids)} records")
        if case.row_tables is not None and interactions.table not in case.row_tables:
            continue
        table = model.get_parameter(interactions.table).requires_grad_(True)
        require_row_gradient(interactions, table, objective(case.task, model, batch)[1].sum(), atol=case.row_atol)
        if case.exact_curvature:
            row = int(interactions.rows[0, 0])
            require_row_curvature(interactions, table, lambda: objective(case.task, model, batch)[1].sum(), row, atol=case.row_atol)


def _offers(protocol: type) -> Any:
    return lambda case: isinstance(case.task, protocol)


TASK_CHECKS: tuple[Check[TaskCase], ...] = (
    Check(the_same_seed_gives_the_same_model),
    Check(batches_depend_on_the_generator_alone),
    Check(losses_are_finite_and_one_for_each_record),
    Check(losses_are_differentiable),
    Check(attaching_again_changes_nothing),
    Check(attaching_keeps_nothing_of_the_records_that_left),
    Check(the_objective_has_the_losses_and_penalties_of_at_least_0, None, _offers(Regularised)),
    Check(a_joined_batch_has_the_losses_of_its_parts, None, _offers(Concatenates)),
    Check(an_epoch_meets_every_record_once, None, _offers(HasEpochOrder)),
    Check(chance_is_a_finite_loss_above_0, None, _offers(HasChanceLoss)),
    Check(row_interactions_agree_with_autograd, None, _offers(SupportsRowInteractions)),
)


def task_checks(case: TaskCase | None = None) -> tuple[Check[TaskCase], ...]:
    """Returns the checks of a task: those that apply to `case`, all of them when it is None."""
    return applicable(TASK_CHECKS, case)


def check_task(case: TaskCase) -> None:
    """Runs every check that applies; AssertionError names each broken promise."""
    run_checks(TASK_CHECKS, case)

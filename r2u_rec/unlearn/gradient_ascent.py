"""Gradient ascent on the records to forget, and nothing else: the paper's unlearner."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from r2u_rec.core.prepare.bounds import BOUNDS, Bound, bounded
from r2u_rec.core.protocols import HasChanceLoss, HasLosses, Rec, Task
from r2u_rec.core.rowwise import RowwiseAdam
from r2u_rec.core.step import to_device
from r2u_rec.errors import CapabilityError, DivergenceError, SettingsError
from r2u_rec.rng import stream

Stop = Callable[[nn.Module, int, float], bool]
"""(model, steps done, mean forget loss before the next step) -> whether to stop."""
Beside = Callable[[nn.Module, int], Tensor]
"""(model, steps done) -> a term that is descended in the same step."""


@dataclass(frozen=True)
class GradientAscent:
    """Ascends the loss of the records to forget; the records that stay are never read.

    Attributes:
        steps: at most so many steps.
        lr: length of a step.
        optimizer: "sgd" plain ascent; "adam" with moments of its own, dropped afterwards.
        reduction: "mean" of the losses as in the paper, or "sum": the step then grows with the request. The setting of
            `forget.ascent` is "sum", so that one lr serves requests of any size.
        batch_size: records a step; None takes them all.
        bound, bound_level: as in `core.prepare.bounds`; "none" is the paper's, and destroys the model when it runs too long.
        target: stop before a step once the mean forget loss is at least this many nats: the loss of a reference, or that of
            reserved records never trained on, as `mean_loss` measures them; or "chance", the task's own level of a model
            that has learned nothing.
        stop: any other rule, called before each step.
        tables: shell patterns of the parameters that move; None moves all. The rows that belong to the forgotten records
            alone are emptied anyway; moving them too lets the loss explode while the shared rows still hold the records.

    Source: Ready2Unlearn, Section 3.1. Bounded and early-stopped forms are ours.
    """

    steps: int
    lr: float
    optimizer: Literal["sgd", "adam"] = "sgd"
    reduction: Literal["mean", "sum"] = "mean"
    batch_size: int | None = None
    bound: Bound = "none"
    bound_level: float | None = None
    target: float | Literal["chance"] | None = None
    stop: Stop | None = None
    tables: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise SettingsError(f"steps must be >= 1, got {self.steps}")
        if not self.lr > 0:
            raise SettingsError(f"lr must be > 0, got {self.lr}")
        for name, known in (("optimizer", ("sgd", "adam")), ("reduction", ("mean", "sum")), ("bound", BOUNDS)):
            if getattr(self, name) not in known:
                raise SettingsError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        if self.bound != "none" and not (self.bound_level is not None and self.bound_level > 0):
            raise SettingsError(
                f"bound={self.bound!r} needs bound_level > 0, got {self.bound_level}: give the loss in nats at which forgetting is enough"
            )
        if self.batch_size is not None and self.batch_size < 1:
            raise SettingsError(f"batch_size must be >= 1 or None, got {self.batch_size}")

        if isinstance(self.target, str) and self.target != "chance":
            raise SettingsError(f"target must be a number of nats, 'chance' or None, got {self.target!r}")

    def check(self, task: object) -> None:
        """Raises CapabilityError when target="chance" and the task does not know its chance level."""
        if self.target == "chance":
            _with_chance(task)

    def remember(self, task: Task[Rec], model: nn.Module, records: Rec, *, seed: int) -> None:
        """Keeps nothing."""

    def edit_(self, task: Task[Rec], model: nn.Module, forget: Rec, memory: None, *, seed: int) -> None:
        """Ascends in place, in eval mode; raises DivergenceError when the loss is not finite."""
        self.climb_(task, model, forget, seed=seed)

    def climb_(self, task: HasLosses[Rec], model: nn.Module, forget: Rec, *, seed: int, beside: Beside | None = None) -> None:
        """Runs the ascent in place; `beside` adds a term to each step."""
        moved = {n: p for n, p in model.named_parameters() if p.requires_grad and self._moves(n)}
        if not moved:
            names = [n for n, p in model.named_parameters() if p.requires_grad]
            raise SettingsError(f"tables={list(self.tables or ())} matches no trainable parameter: name some of {names}")
        optimizer = RowwiseAdam(moved.values(), lr=self.lr) if self.optimizer == "adam" else torch.optim.SGD(moved.values(), lr=self.lr)
        target = stopping_level(task, forget, self.target)
        model.eval()
        device = next(iter(moved.values())).device
        for done in range(self.steps):
            rng = stream(seed, "ascent", done)
            ids = forget.ids
            if self.batch_size is not None and self.batch_size < len(ids):
                ids = rng.choice(ids, size=self.batch_size, replace=False)
            losses = task.losses(model, to_device(task.batch(forget, ids, rng=rng), device))
            mean = float(losses.detach().mean())
            if not torch.isfinite(losses).all():
                raise DivergenceError(
                    f"the forget loss is {mean} after {done} ascent steps of lr={self.lr:g}: lower lr, set a bound or a target"
                )
            if (target is not None and mean >= target) or (self.stop is not None and self.stop(model, done, mean)):
                break
            if self.reduction == "sum" and len(losses) != len(ids):
                raise CapabilityError(
                    f"reduction='sum' needs one loss a record, {type(task).__name__} gives {len(losses)} for {len(ids)} records: use 'mean'"
                )
            values = bounded(losses, self.bound, self.bound_level)
            descent = -(values.mean() if self.reduction == "mean" else values.sum())
            if beside is not None:
                term = beside(model, done)
                if not torch.isfinite(term):
                    raise DivergenceError(
                        f"the term beside the forget loss is {float(term.detach())} after {done} ascent steps of lr={self.lr:g}: lower lr, "
                        "set a bound or a target"
                    )
                descent = descent + term
            gradients = torch.autograd.grad(descent, list(moved.values()), allow_unused=True)
            for p, g in zip(moved.values(), gradients, strict=True):
                p.grad = g
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    def _moves(self, name: str) -> bool:
        return self.tables is None or any(fnmatch.fnmatchcase(name, pattern) for pattern in self.tables)


def stopping_level(task: object, forget: Rec, target: float | Literal["chance"] | None) -> float | None:
    """Returns the mean forget loss in nats at which an ascent stops; None for never.

    Raises:
        CapabilityError: target="chance" and the task does not know its chance level.
    """
    return float(_with_chance(task).chance(forget)) if isinstance(target, str) else target


def _with_chance(task: object) -> HasChanceLoss:
    if not isinstance(task, HasChanceLoss):
        raise CapabilityError(f"target='chance' needs a task with chance(records), {type(task).__name__} has none: give the target in nats")
    return task

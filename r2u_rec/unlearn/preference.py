"""Negative preference optimisation: an ascent that slows down as the model moves away from its starting point."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Generic, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from r2u_rec.core.protocols import B, HasLosses, Rec, Task
from r2u_rec.errors import DivergenceError, SettingsError
from r2u_rec.ids import Ids
from r2u_rec.unlearn.gradient_ascent import Beside, GradientAscent, Stop, stopping_level


def preference_loss(losses: Tensor, reference: Tensor, beta: float) -> Tensor:
    """Returns (n,) the NPO losses 2 / beta * log(1 + (p / p_ref)^beta) of records with (n,) losses -log p, to be minimised."""
    return 2 / beta * F.softplus(beta * (reference - losses))


@dataclass(frozen=True)
class NegativePreference:
    """Lowers the likelihood of the records to forget against that under the starting model; records that stay are never read.

    A record's gradient is that of gradient ascent times 2 / (1 + (p_ref / p)^beta): 1 at the start, towards 0 as the record is
    forgotten. With beta towards 0 it is gradient ascent. The starting model is copied when the edit begins, and the copy
    dropped when it ends.

    Attributes:
        steps, lr, optimizer, batch_size, stop, tables: as in `GradientAscent`.
        beta: inverse temperature, > 0. The paper uses .1 on log-likelihoods that are summed over a sequence; here -log p is the task's
            loss of a record, for sequences a mean, so that the same effect needs a beta as many times larger as the sequence is long.
            1 is measured on interactions.
        target: stop before a step once the mean forget loss (the task's, not this objective) is at least this many nats, or "chance".

    Source: Zhang, Lin, Bai and Mei (2024), Negative Preference Optimization, eq. 3.
    """

    steps: int
    lr: float
    beta: float = 1.0
    optimizer: Literal["sgd", "adam"] = "sgd"
    batch_size: int | None = None
    target: float | Literal["chance"] | None = None
    stop: Stop | None = None
    tables: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not self.beta > 0:
            raise SettingsError(f"beta must be > 0, got {self.beta}: for its limit at 0 use GradientAscent")
        replace(self._ascent(self.stop), target=self.target)  # refuses what is out of range

    def check(self, task: object) -> None:
        """Raises CapabilityError when target="chance" and the task does not know its chance level."""
        GradientAscent(steps=1, lr=1.0, target=self.target).check(task)

    def remember(self, task: Task[Rec], model: nn.Module, records: Rec, *, seed: int) -> None:
        """Keeps nothing."""

    def edit_(self, task: Task[Rec], model: nn.Module, forget: Rec, memory: None, *, seed: int) -> None:
        """Edits in place, in eval mode; raises DivergenceError when a loss is not finite."""
        self.climb_(task, model, forget, seed=seed)

    def climb_(self, task: HasLosses[Rec], model: nn.Module, forget: Rec, *, seed: int, beside: Beside | None = None) -> None:
        """Runs the ascent in place; `beside` adds a term to each step."""
        target = stopping_level(task, forget, self.target)
        preferred = _Preferred(task, copy.deepcopy(model).eval().requires_grad_(False), self.beta)

        def stop(model: nn.Module, done: int, _: float) -> bool:
            if target is not None and preferred.mean >= target:
                return True
            return self.stop is not None and self.stop(model, done, preferred.mean)

        self._ascent(stop).climb_(preferred, model, forget, seed=seed, beside=beside)

    def _ascent(self, stop: Stop | None) -> GradientAscent:
        """Returns the loop that climbs the negated objective."""
        return GradientAscent(
            steps=self.steps,
            lr=self.lr,
            optimizer=self.optimizer,
            batch_size=self.batch_size,
            stop=stop,
            tables=self.tables,
        )


class _Preferred(Generic[Rec, B]):
    """The task seen through a frozen reference: its losses are what an ascent must climb."""

    def __init__(self, task: HasLosses[Rec, B], reference: nn.Module, beta: float) -> None:
        self.task, self.reference, self.beta = task, reference, beta
        self.mean = 0.0  # of the task's own losses in the last batch

    def batch(self, records: Rec, ids: Ids, *, rng: np.random.Generator) -> B:
        return self.task.batch(records, ids, rng=rng)

    def losses(self, model: nn.Module, batch: B) -> Tensor:
        losses = self.task.losses(model, batch)
        self.mean = float(losses.detach().mean())
        if not torch.isfinite(losses).all():
            raise DivergenceError(f"the forget loss is {self.mean} under negative preference optimisation: lower lr, or raise beta")
        with torch.no_grad():
            reference = self.task.losses(self.reference, batch)
        return -preference_loss(losses, reference, self.beta)

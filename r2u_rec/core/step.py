"""What a training step is given, and the pieces that every step is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from r2u_rec.core.protocols import B, Rec, Regularised, Task
from r2u_rec.ids import Ids

Terms = dict[str, Tensor]
"""Named scalar losses of a step, detached, for progress and for the check that they are finite."""


@dataclass(frozen=True)
class StepInput(Generic[Rec, B]):
    """What `fit_` hands to a step.

    Attributes:
        ids: the records of this step, x in line 9 of Algorithm 1; in random order.
        rng: the step's own stream, the same at every run of the same seed.
        epoch, n_epochs: 0-based epoch and their number.
        index: 0-based step within the epoch. n_steps: steps of an epoch.
    """

    model: nn.Module
    task: Task[Rec, B]
    records: Rec
    ids: Ids
    rng: np.random.Generator
    epoch: int
    n_epochs: int
    index: int
    n_steps: int
    device: torch.device

    def batch(self, ids: Ids) -> B:
        """Returns the batch of the records `ids`, on the device."""
        return to_device(self.task.batch(self.records, ids, rng=self.rng), self.device)


Step = Callable[[StepInput], Terms]
"""Adds its gradients to the parameters' `.grad` and returns its terms; `fit_` zeroes, checks and steps."""


@runtime_checkable
class Stateful(Protocol):
    """A step with a state of its own, which checkpoints save."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@runtime_checkable
class Observes(Protocol):
    """A step that receives each validation value (higher is better)."""

    def observe(self, value: float) -> None: ...


def objective(task: Task[Any, B], model: nn.Module, batch: B) -> tuple[Tensor, Tensor]:
    """Returns (n,) losses and (n,) losses plus penalties, from one forward pass."""
    if isinstance(task, Regularised):
        losses, penalties = task.objective(model, batch)
        return losses, losses + penalties
    losses = task.losses(model, batch)
    return losses, losses


def member(ids: Ids, of: Ids) -> NDArray[np.bool_]:
    """Returns (n,) whether each of `ids` (any order) is among the ascending `of`."""
    if len(of) == 0:
        return np.zeros(len(ids), dtype=bool)
    at = np.minimum(np.searchsorted(of, ids), len(of) - 1)
    return np.asarray(of[at] == ids)


def to_device(batch: B, device: torch.device) -> B:
    """Returns the batch with every tensor on `device`; tuples, named tuples, lists and dicts are walked."""
    moved: B = _on_device(batch, device)
    return moved


def _on_device(batch: Any, device: torch.device) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(_on_device(part, device) for part in batch))
    if isinstance(batch, tuple | list):
        return type(batch)(_on_device(part, device) for part in batch)
    if isinstance(batch, dict):
        return {key: _on_device(part, device) for key, part in batch.items()}
    return batch

"""The protocols that everything passes through: records, task, split, fitted model, method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, runtime_checkable

import numpy as np
from torch import Tensor, nn
from typing_extensions import TypeVar

from r2u_rec.ids import Ids


class Records(Protocol):
    """An immutable table of training records, whatever they are."""

    @property
    def ids(self) -> Ids: ...
    def __len__(self) -> int: ...
    def keep(self, ids: Ids) -> Self: ...
    def drop(self, ids: Ids) -> Self: ...


R = TypeVar("R", bound=Records, contravariant=True, default=Any)
B = TypeVar("B", default=Any)
C = TypeVar("C", contravariant=True, default=Any)
Rec = TypeVar("Rec", bound=Records, default=Any)
"""The records of a method, a trainer or a fitted model."""
Memory = TypeVar("Memory", default=Any)
"""What a method keeps beside the model."""


class Task(Protocol[R, B]):
    """What the core knows about a problem.

    `batch` takes the place of an iterator over batches: the core decides which records meet in a step (a pass in
    random order, a sample of the forget set, a simulated request), the task only turns record numbers into tensors.
    """

    def model(self, records: R, *, seed: int) -> nn.Module:
        """Returns a fresh, untrained model."""
        ...

    def batch(self, records: R, ids: Ids, *, rng: np.random.Generator) -> B:
        """Returns the batch of the records `ids` (any order); what is sampled beside them is drawn against `records`."""
        ...

    def losses(self, model: nn.Module, batch: B) -> Tensor:
        """Returns (n,) one loss an example, differentiable, without any penalty on parameters."""
        ...

    def attach(self, model: nn.Module, records: R) -> None:
        """Rebuilds in place every state of `model` that derives from data, so that it stands on `records` alone."""
        ...


class HasLosses(Protocol[R, B]):
    """The part of a task that evaluates a model which is already there."""

    def batch(self, records: R, ids: Ids, *, rng: np.random.Generator) -> B: ...
    def losses(self, model: nn.Module, batch: B) -> Tensor: ...


@runtime_checkable
class Concatenates(Protocol[B]):
    """A task whose batches can be joined, so that one forward pass serves several of them."""

    def concatenate(self, batches: Sequence[B]) -> B: ...


@runtime_checkable
class SharesWork(Protocol):
    """A task whose forward pass may cost the same for few records as for many, as that of a graph does."""

    def shares_work(self, model: nn.Module) -> bool:
        """Returns whether one pass over two batches is much cheaper than two passes."""
        ...


@runtime_checkable
class HasEpochOrder(Protocol[R]):
    """A task in which some records are computed together, and are cheaper when a pass meets them together."""

    def order(self, records: R, *, rng: np.random.Generator) -> Ids:
        """Returns all ids of `records` in the random order of one pass."""
        ...


@runtime_checkable
class Regularised(Protocol[C]):
    """A task whose objective has a penalty beside the loss."""

    def objective(self, model: nn.Module, batch: C) -> tuple[Tensor, Tensor]:
        """Returns (n,) losses as `losses` gives them and (n,) penalties, from one forward pass."""
        ...


@runtime_checkable
class HasChanceLoss(Protocol[R]):
    """A task that knows the loss of a model that has learned nothing."""

    def chance(self, records: R) -> float: ...


@dataclass(frozen=True)
class Split:
    """D_f, D_r and D_rc of the paper: revocable, stable and recovery records."""

    forget: Ids
    retain: Ids
    recovery: Ids

    def within(self, ids: Ids) -> Split:
        """Returns the split restricted to `ids`, for a fit on what remains."""
        return Split(*(np.intersect1d(part, ids, assume_unique=True) for part in (self.forget, self.retain, self.recovery)))


@dataclass(frozen=True)
class Fitted(Generic[Rec, Memory]):
    """What training leaves behind, and forgetting takes and returns."""

    model: nn.Module
    records: Rec
    memory: Memory = None  # type: ignore[assignment]  # a method that keeps nothing has Memory = None


class Method(Protocol[Rec, Memory]):
    """One protocol for every system, from retraining to closed forms."""

    @property
    def exact(self) -> bool:
        """True only if forgetting equals training without the records; it may depend on the settings."""
        ...

    def fit(self, task: Task[Rec], records: Rec, *, seed: int) -> Fitted[Rec, Memory]: ...
    def forget(self, task: Task[Rec], fitted: Fitted[Rec, Memory], ids: Ids, *, seed: int) -> Fitted[Rec, Memory]: ...

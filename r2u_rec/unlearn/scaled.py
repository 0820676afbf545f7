"""Scaled: an edit that is lengthened or shortened by one factor."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self

import torch
from torch import Tensor, nn

from r2u_rec.core.protocols import Memory, Rec, Task
from r2u_rec.core.stored import StoredParts, StoredSource
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids, as_ids
from r2u_rec.unlearn.curvature.block_newton import Calibrate
from r2u_rec.unlearn.post_hoc import Checks, Unlearner
from r2u_rec.unlearn.tuned import Tuner


@dataclass(frozen=True)
class ScaledMemory(Generic[Memory]):
    """The length, and what the edit itself keeps."""

    stored_as: ClassVar[str] = "scaled"

    length: float
    inner: Memory

    def parts(self) -> StoredParts:
        """Returns the length, and what the edit keeps."""
        inner: Any = self.inner  # of any kind; storage refuses one that does not say what it keeps
        return StoredParts(values={"length": self.length}, inner={"inner": inner})

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the memory that was written."""
        return cls(source.values["length"], source.inner("inner"))

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return 8 + int(getattr(self.inner, "nbytes", 0))


@dataclass(frozen=True)
class Scaled(Generic[Memory]):
    """Applies `unlearner` and multiplies its edit by `length`: theta + length (theta_edited - theta), parameter by parameter.

    One rule for the length, such as canaries, then serves every edit, and each method is compared at its own length.
    Approximate, as the edit is; reads what it reads.

    Attributes:
        unlearner: the edit.
        length: a number >= 0, or a rule that sets it once at the end of training.
    """

    unlearner: Unlearner[Any, Memory]
    length: float | Calibrate = 1.0

    def __post_init__(self) -> None:
        if not callable(self.length) and not self.length >= 0:
            raise SettingsError(f"length must be >= 0, got {self.length}")

    def check(self, task: Task) -> None:
        """Checks that the task offers what the edit needs."""
        if isinstance(self.unlearner, Checks):
            self.unlearner.check(task)

    def remember(self, task: Task[Rec], model: nn.Module, records: Rec, *, seed: int) -> ScaledMemory[Memory]:
        """Returns the length that the rule finds, and what the edit keeps."""
        inner = self.unlearner.remember(task, model, records, seed=seed)

        def edited(ids: Ids) -> nn.Module:
            moved = copy.deepcopy(model)
            self.unlearner.edit_(task, moved, records.keep(ids), inner, seed=seed)
            return moved

        return ScaledMemory(length_of(self.length, task, model, records, edited), inner)

    def edit_(self, task: Task[Rec], model: nn.Module, forget: Rec, memory: ScaledMemory[Memory], *, seed: int) -> ScaledMemory[Memory]:
        """Edits in place; returns the length and the memory without the records."""
        start = values_of(model)
        inner = self.unlearner.edit_(task, model, forget, memory.inner, seed=seed)
        stretch_(model, start, memory.length)
        return ScaledMemory(memory.length, inner)


@dataclass(frozen=True)
class ScaledTuner(Generic[Memory]):
    """As `Scaled`, for an edit that reads what remains too (`unlearn.tuned`).

    Attributes:
        tuner: the edit.
        length: a number >= 0, or a rule that sets it once at the end of training.
    """

    tuner: Tuner[Any, Memory]
    length: float | Calibrate = 1.0

    def __post_init__(self) -> None:
        if not callable(self.length) and not self.length >= 0:
            raise SettingsError(f"length must be >= 0, got {self.length}")

    def check(self, task: Task) -> None:
        """Checks that the task offers what the edit needs."""
        if isinstance(self.tuner, Checks):
            self.tuner.check(task)

    def remember(self, task: Task[Rec], model: nn.Module, records: Rec, *, seed: int) -> ScaledMemory[Memory]:
        """Returns the length that the rule finds, and what the edit keeps."""
        inner = self.tuner.remember(task, model, records, seed=seed)

        def edited(ids: Ids) -> nn.Module:
            moved = copy.deepcopy(model)
            self.tuner.edit_(task, moved, records.keep(ids), records.drop(ids), inner, seed=seed)
            task.attach(moved, records)  # the edit may have attached it to what remains without `ids`
            return moved

        return ScaledMemory(length_of(self.length, task, model, records, edited), inner)

    def edit_(
        self, task: Task[Rec], model: nn.Module, forget: Rec, left: Rec, memory: ScaledMemory[Memory], *, seed: int
    ) -> ScaledMemory[Memory]:
        """Edits in place; returns the length and the memory without the records."""
        start = values_of(model)
        inner = self.tuner.edit_(task, model, forget, left, memory.inner, seed=seed)
        stretch_(model, start, memory.length)
        return ScaledMemory(memory.length, inner)


def length_of(length: float | Calibrate, task: Task[Rec], model: nn.Module, records: Rec, edited: Callable[[Ids], nn.Module]) -> float:
    """Returns the number, or the length that the rule finds from edited copies; `edited` returns a copy at length 1."""
    if not callable(length):
        return float(length)
    start, ends = values_of(model), dict[bytes, nn.Module]()

    def erase(ids: Ids, far: float) -> nn.Module:
        ids = as_ids(ids)
        if ids.tobytes() not in ends:
            ends.clear()
            ends[ids.tobytes()] = edited(ids)
        moved = copy.deepcopy(ends[ids.tobytes()])
        stretch_(moved, start, far)
        return moved

    return float(length(task, model, records, erase))


def values_of(model: nn.Module) -> dict[str, Tensor]:
    """Returns a copy of every parameter by name."""
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def stretch_(model: nn.Module, start: dict[str, Tensor], length: float) -> None:
    """Moves each parameter in place to start + length (parameter - start)."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if not torch.equal(p, start[name]):
                p.copy_(torch.lerp(start[name], p, length))

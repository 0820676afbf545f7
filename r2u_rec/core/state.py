"""What a running fit holds, and how it is saved and loaded again."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from r2u_rec.core.step import Stateful, Step


@dataclass
class LoopState:
    """The position of the loop: everything that a checkpoint holds beside model, optimiser and step.

    Attributes:
        epoch, index: of the next step.
        sums, counts: of each term in this epoch; seconds spent in its steps.
        rows: one for each finished epoch; steps: done in all.
        best, bad: the best validation value, and how many validations came since; best_model: its state, when it may be restored.
    """

    epoch: int = 0
    index: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    rows: list[dict[str, float]] = field(default_factory=list)
    steps: int = 0
    best: float = -math.inf
    bad: int = 0
    best_model: dict[str, Any] | None = None

    def note(self, terms: dict[str, float]) -> None:
        """Adds one step's terms."""
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1
        self.index += 1
        self.steps += 1

    def close_epoch(self, n_records: int) -> dict[str, float]:
        """Returns the row of the epoch that ends here, and begins the next."""
        row = {"epoch": float(self.epoch), "seconds": self.seconds, "records_per_second": n_records / max(self.seconds, 1e-9)}
        row |= {name: self.sums[name] / self.counts[name] for name in self.sums}
        self.rows.append(row)
        self.epoch, self.index, self.sums, self.counts, self.seconds = self.epoch + 1, 0, {}, {}, 0.0
        return row

    def judge(self, value: float, model: nn.Module, *, keep: bool) -> None:
        """Notes a validation value (higher is better) of `model`, whose state is kept when it is the best and `keep` is set."""
        if value > self.best:
            self.best, self.bad = value, 0
            if keep:
                self.best_model = {k: v.detach().clone() for k, v in model.state_dict().items()}
        else:
            self.bad += 1


@dataclass(frozen=True)
class TrainState:
    """A model with all that changes while it is trained."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: AveragedModel | None
    step: Step
    at: LoopState

    def state_dict(self) -> dict[str, Any]:
        """Returns tensors, numbers and text only."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "step": self.step.state_dict() if isinstance(self.step, Stateful) else None,
            "at": dict(self.at.__dict__),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores the state that `state_dict` returned."""
        if isinstance(self.step, Stateful):
            self.step.load_state_dict(state["step"])
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.at.__dict__.update(state["at"])


def step_kind(step: Step) -> str:
    """Returns the name of a step's code, the same in every process."""
    return getattr(step, "__qualname__", type(step).__qualname__)


def digest(*parts: object) -> str:
    """Returns one hash of arrays (their bytes) and anything else (its repr)."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part.tobytes() if hasattr(part, "tobytes") else repr(part).encode())
    return found.hexdigest()

"""Toy problems in float64: a classifier of points, and a table whose rows meet in pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from r2u_rec.core.protocols import Split
from r2u_rec.core.step import StepInput
from r2u_rec.ids import as_ids, positions_of


@dataclass(frozen=True)
class Points:
    """Records of a classifier: inputs x (n, 3) and labels y (n,) in 0..3."""

    ids: Any
    x: Any
    y: Any

    def __len__(self) -> int:
        return len(self.ids)

    def keep(self, ids: Any) -> Self:
        at = positions_of(self.ids, as_ids(ids))
        return replace(self, ids=self.ids[at], x=self.x[at], y=self.y[at])

    def drop(self, ids: Any) -> Self:
        gone = positions_of(self.ids, as_ids(ids))
        return self.keep(np.delete(self.ids, gone))


def points(n: int = 40, seed: int = 0) -> Points:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    return Points(np.arange(n, dtype=np.int64) * 3 + 5, x, (x @ rng.normal(size=(3, 4))).argmax(1))


class Net(nn.Module):
    """tanh(x W1 + b1), batch normalisation if asked, W2 + b2; counts its forward passes."""

    def __init__(self, seed: int, norm: bool) -> None:
        super().__init__()
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            self.first, self.last = nn.Linear(3, 6).double(), nn.Linear(6, 4).double()
        self.norm = nn.BatchNorm1d(6).double() if norm else None
        self.n_passes = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.n_passes += 1
        h = torch.tanh(self.first(x))
        return self.last(h if self.norm is None else self.norm(h))


@dataclass(frozen=True)
class Classify:
    """Cross-entropy of each point, and a penalty of reg times the squared logits."""

    norm: bool = False
    reg: float = 0.1

    def model(self, records: Points, *, seed: int) -> nn.Module:
        return Net(seed, self.norm)

    def batch(self, records: Points, ids: Any, *, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        at = np.searchsorted(records.ids, ids)
        return torch.from_numpy(records.x[at]), torch.from_numpy(records.y[at])

    def losses(self, model: nn.Module, batch: Any) -> torch.Tensor:
        return self.objective(model, batch)[0]

    def objective(self, model: nn.Module, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        logits = model(batch[0])
        return nn.functional.cross_entropy(logits, batch[1], reduction="none"), self.reg * logits.square().sum(1)

    def chance(self, records: Points) -> float:
        return float(np.log(4))

    def attach(self, model: nn.Module, records: Points) -> None:
        model.attached_to = tuple(records.ids.tolist())


@dataclass(frozen=True)
class ClassifyJoined(Classify):
    """The same, with batches that can be joined."""

    def concatenate(self, batches: Any) -> Any:
        return tuple(torch.cat(parts) for parts in zip(*batches, strict=True))


@dataclass(frozen=True)
class Pairs:
    """Records of two tables: left row, right row, and the label -1 or 1 of their product."""

    ids: Any
    left: Any
    right: Any
    label: Any

    def __len__(self) -> int:
        return len(self.ids)


def pairs(n: int = 60, n_rows: int = 30, seed: int = 1) -> Pairs:
    rng = np.random.default_rng(seed)
    return Pairs(np.arange(n, dtype=np.int64), rng.integers(0, n_rows // 2, n), rng.integers(0, n_rows, n), rng.choice([-1.0, 1.0], n))


class Tables(nn.Module):
    """Two tables of 40 rows and 3 columns, and a dense scale."""

    def __init__(self, seed: int, sparse: bool) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        draw = [torch.randn(40, 3, generator=generator, dtype=torch.float64) for _ in range(2)]
        self.left = nn.Embedding(40, 3, sparse=sparse, _weight=draw[0])
        self.right = nn.Embedding(40, 3, sparse=sparse, _weight=draw[1])
        self.scale = nn.Parameter(torch.ones(3, dtype=torch.float64))


@dataclass(frozen=True)
class Match:
    """Logistic loss of the label on the product of the rows."""

    sparse: bool = True

    def model(self, records: Pairs, *, seed: int) -> nn.Module:
        return Tables(seed, self.sparse)

    def batch(self, records: Pairs, ids: Any, *, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        return tuple(torch.from_numpy(column[ids]) for column in (records.left, records.right, records.label))

    def losses(self, model: Any, batch: Any) -> torch.Tensor:
        left, right, label = batch
        return nn.functional.softplus(-label * (model.left(left) * model.right(right) * model.scale).sum(1))

    def attach(self, model: nn.Module, records: Pairs) -> None:
        pass


def split_of(records: Any, n_forget: int = 10, n_recovery: int = 6) -> Split:
    ids = records.ids
    return Split(ids[:n_forget], ids[n_forget:], ids[-n_recovery:])


def step_input(
    task: Any, records: Any, *, seed: int = 3, n_ids: int = 16, epoch: int = 0, index: int = 0, n_steps: int = 1, model: Any = None
) -> StepInput:
    rng = np.random.default_rng(seed)
    model = task.model(records, seed=seed) if model is None else model
    ids = rng.permutation(records.ids)[:n_ids]
    return StepInput(model.train(), task, records, ids, rng, epoch, 10, index, n_steps, torch.device("cpu"))


def state_bytes(model: nn.Module) -> bytes:
    """Every parameter and buffer of the model, as bytes."""
    return b"".join(value.detach().numpy().tobytes() for value in model.state_dict().values())


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    """Dense gradient of each parameter, zero where there is none."""
    return {n: torch.zeros_like(p) if p.grad is None else p.grad.to_dense() for n, p in model.named_parameters()}

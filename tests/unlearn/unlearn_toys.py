"""A regression on the rows of a table, whose retrained answer is one linear solve a row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from r2u_rec.ids import as_ids, positions_of
from r2u_rec.unlearn.curvature.row_interactions import RowInteractions

N_ROWS, DIM = 7, 4


@dataclass(frozen=True)
class Measurements:
    """Records: two rows (n, 2) of the table, a feature for each (n, 2, DIM), a target for each (n, 2)."""

    ids: Any
    rows: Any
    features: Any
    targets: Any

    def __len__(self) -> int:
        return len(self.ids)

    def keep(self, ids: Any) -> Self:
        at = positions_of(self.ids, as_ids(ids))
        return replace(self, ids=self.ids[at], rows=self.rows[at], features=self.features[at], targets=self.targets[at])

    def drop(self, ids: Any) -> Self:
        return self.keep(np.delete(self.ids, positions_of(self.ids, as_ids(ids))))


def measurements(n: int = 60, seed: int = 0) -> Measurements:
    rng = np.random.default_rng(seed)
    return Measurements(
        np.arange(n, dtype=np.int64) * 2 + 1, rng.integers(0, N_ROWS, (n, 2)), rng.normal(size=(n, 2, DIM)), rng.normal(size=(n, 2))
    )


class Table(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.zeros(N_ROWS, DIM, dtype=torch.float64))
        self.bias = nn.Parameter(torch.zeros(1, dtype=torch.float64))


@dataclass(frozen=True)
class Regress:
    """Half the squared error of each product, plus reg / 2 times the squared norm of each row met."""

    reg: float = 0.3

    def model(self, records: Measurements, *, seed: int) -> Table:
        return Table()

    def batch(self, records: Measurements, ids: Any, *, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
        at = np.searchsorted(records.ids, ids)
        return tuple(torch.from_numpy(column[at]) for column in (records.rows, records.features, records.targets))

    def losses(self, model: Table, batch: Any) -> torch.Tensor:
        rows, features, targets = batch
        return 0.5 * ((model.rows[rows] * features).sum(2) + model.bias - targets).square().sum(1)

    def attach(self, model: nn.Module, records: Any) -> None:
        model.attached_to = records.ids

    def row_interactions(
        self, model: Table, records: Measurements, ids, *, n_draws: int, rng: np.random.Generator
    ) -> list[RowInteractions]:
        records = records.keep(ids)
        rows, features, targets = self.batch(records, records.ids, rng=rng)
        slopes = (model.rows[rows] * features).sum(2) - targets
        return [RowInteractions("rows", rows, features, slopes, torch.ones_like(slopes), torch.full_like(slopes, self.reg))]


def solved(records: Measurements, reg: float) -> torch.Tensor:
    """(N_ROWS, DIM) the exact minimiser, one linear solve a row."""
    table = np.zeros((N_ROWS, DIM))
    for row in range(N_ROWS):
        at = records.rows == row
        f, y = records.features[at], records.targets[at]
        if len(f):
            table[row] = np.linalg.solve(f.T @ f + reg * len(f) * np.eye(DIM), f.T @ y)
    return torch.from_numpy(table)


@dataclass(frozen=True)
class Solver:
    """A trainer that gives the exact minimiser."""

    def train(self, task: Regress, records: Measurements, *, seed: int) -> Table:
        model = task.model(records, seed=seed)
        with torch.no_grad():
            model.rows.copy_(solved(records, task.reg))
        task.attach(model, records)
        return model.eval()

"""A closed form as a trainer: the model that its fit gives, without what it keeps for erasures; and what stands in for its task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from r2u_rec.core.protocols import Method


@dataclass(frozen=True)
class FitOf:
    """Trains by the `fit` of a method, so that the same model can be the reference of others."""

    method: Method

    def train(self, task: Any, records: Any, *, seed: int) -> nn.Module:
        """Returns the model of a fresh fit."""
        return self.method.fit(task, records, seed=seed).model


class Attaching:
    """In place of a task, for closed forms that have none: rebuilds histories and empties rows, nothing else."""

    def attach(self, model: Any, records: Any) -> None:
        """Makes `model` stand on `records` alone, as far as it can without a fit."""
        if hasattr(model, "rebuild"):
            model.rebuild(records)
        if hasattr(model, "forget_rows_"):
            model.forget_rows_(np.flatnonzero(records.user_counts == 0))

"""A closed form as a trainer: the model that its fit gives, without what it keeps for erasures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from r2u_rec.core.protocols import Method


@dataclass(frozen=True)
class FitOf:
    """Trains by the `fit` of a method, so that the same model can be the reference of others."""

    method: Method

    def train(self, task: Any, records: Any, *, seed: int) -> nn.Module:
        """Returns the model of a fresh fit."""
        return self.method.fit(task, records, seed=seed).model

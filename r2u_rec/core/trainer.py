"""GradientTrainer: a way to train as a value, so that any method can train, and train again, the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from r2u_rec.core.step import Step
from r2u_rec.core.strategies import standard
from r2u_rec.core.training import History, Training, fit_


class Trainer(Protocol):
    """Any way to train: a fresh model of the task, fitted to the records, attached to them."""

    def train(self, task: Any, records: Any, *, seed: int) -> nn.Module: ...


@dataclass(frozen=True)
class GradientTrainer:
    """Trains by `fit_` with the step that `strategy` makes for the records at hand.

    Attributes:
        training: the loop's settings.
        strategy: records -> step; called at each fit, so that a split is restricted to what is still there.
        validate: model -> value, higher is better; must not depend on records that may be forgotten, or be made anew.
        checkpoint: file for checkpoints.
        on_history: hears the history of each fit.
    """

    training: Training
    strategy: Callable[[Any], Step] = lambda records: standard
    validate: Callable[[nn.Module], float] | None = None
    checkpoint: Path | None = None
    on_history: Callable[[History], None] | None = None
    progress: bool | None = None
    label: str = "training"

    def train(self, task: Any, records: Any, *, seed: int) -> nn.Module:
        """Returns a fresh model fitted to `records`; the same seed gives the same bytes."""
        model: nn.Module = task.model(records, seed=seed)
        history = fit_(
            model,
            task,
            records,
            training=self.training,
            seed=seed,
            step=self.strategy(records),
            validate=self.validate,
            checkpoint=self.checkpoint,
            progress=self.progress,
            label=self.label,
        )
        if self.on_history is not None:
            self.on_history(history)
        task.attach(model, records)
        return model

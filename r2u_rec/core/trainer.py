"""GradientTrainer: a training recipe as a value, so that a method can train and retrain in the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Protocol, runtime_checkable

from torch import nn

from r2u_rec.core.protocols import Rec, Task
from r2u_rec.core.step import Step
from r2u_rec.core.strategies import standard
from r2u_rec.core.training import History, Training, fit_


class Trainer(Protocol[Rec]):
    """Any way to train: a fresh model of the task, fitted to the records, attached to them."""

    def train(self, task: Task[Rec], records: Rec, *, seed: int) -> nn.Module: ...


@runtime_checkable
class SupportsWarmStart(Protocol[Rec]):
    """A trainer that can continue training a given model for a given number of epochs."""

    @property
    def epochs(self) -> int: ...

    def train_on_(self, task: Task[Rec], records: Rec, model: nn.Module, *, seed: int, epochs: int | None = None, part: str = "") -> None:
        """Continues training `model` in place; optimiser and schedule start anew, and nothing is attached."""
        ...


@dataclass(frozen=True)
class GradientTrainer(Generic[Rec]):
    """Trains by `fit_` with the step that `strategy` makes for the records at hand.

    Attributes:
        training: the loop's settings.
        strategy: records -> step; called at each fit, so that a split is restricted to what is still there.
        validate: model -> value, higher is better; must not depend on records that may be forgotten, unless rebuilt after a request.
        checkpoint: file for checkpoints.
        on_history: called with the history of each fit.
    """

    training: Training
    strategy: Callable[[Rec], Step] = lambda records: standard
    validate: Callable[[nn.Module], float] | None = None
    checkpoint: Path | None = None
    on_history: Callable[[History], None] | None = None
    progress: bool | None = None
    label: str = "training"

    def train(self, task: Task[Rec], records: Rec, *, seed: int) -> nn.Module:
        """Returns a fresh model fitted to `records`; the same seed gives the same bytes."""
        model = task.model(records, seed=seed)
        self.train_on_(task, records, model, seed=seed)
        task.attach(model, records)
        return model

    @property
    def epochs(self) -> int:
        """Epochs of a whole training."""
        return self.training.epochs

    def train_on_(self, task: Task[Rec], records: Rec, model: nn.Module, *, seed: int, epochs: int | None = None, part: str = "") -> None:
        """Continues training `model` in place; optimiser and schedule start anew, and nothing is attached.

        Args:
            epochs: in place of those of `training`.
            part: name of this fit among several of one training: of its checkpoint file, beside `checkpoint`, and in the label.
        """
        file = self.checkpoint
        history = fit_(
            model,
            task,
            records,
            training=self.training if epochs is None else replace(self.training, epochs=epochs),
            seed=seed,
            step=self.strategy(records),
            validate=self.validate,
            checkpoint=file.with_name(f"{file.stem} {part}{file.suffix}") if file is not None and part else file,
            progress=self.progress,
            label=f"{self.label} {part}".rstrip(),
        )
        if self.on_history is not None:
            self.on_history(history)

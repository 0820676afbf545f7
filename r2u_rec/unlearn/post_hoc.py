"""PostHoc: combines a trainer with an unlearner that edits the trained model."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, runtime_checkable

from torch import nn

from r2u_rec.core.protocols import Fitted, Memory, Rec, Task
from r2u_rec.core.trainer import Trainer
from r2u_rec.ids import Ids, as_ids


class Unlearner(Protocol[Rec, Memory]):
    """Edits a trained model so that it forgets; never reads the records that stay."""

    def remember(self, task: Task[Rec], model: nn.Module, records: Rec, *, seed: int) -> Memory:
        """Returns what must be kept from the end of training (None for nothing); the only time all records are read."""
        ...

    def edit_(self, task: Task[Rec], model: nn.Module, forget: Rec, memory: Memory, *, seed: int) -> Memory:
        """Edits `model` in place to forget the records `forget`; returns the memory without them, and leaves the old one as it is."""
        ...


@runtime_checkable
class Checks(Protocol):
    """An unlearner with requirements on the task, which are checked before training."""

    def check(self, task: Task) -> None: ...


@dataclass(frozen=True)
class PostHoc(Generic[Rec, Memory]):
    """Trains with `trainer`, forgets with `unlearner`. Approximate; the unlearner states what remains.

    Only `attach`, which rebuilds graphs and empties rows, receives the records that stay; the edit never reads them.
    """

    trainer: Trainer[Rec]
    unlearner: Unlearner[Rec, Memory]
    exact: ClassVar[bool] = False

    def fit(self, task: Task[Rec], records: Rec, *, seed: int) -> Fitted[Rec, Memory]:
        """Returns a model trained on `records`, and what the unlearner keeps; CapabilityError when the task lacks what it needs."""
        if isinstance(self.unlearner, Checks):
            self.unlearner.check(task)
        model = self.trainer.train(task, records, seed=seed)
        return Fitted(model, records, self.unlearner.remember(task, model, records, seed=seed))

    def forget(self, task: Task[Rec], fitted: Fitted[Rec, Memory], ids: Ids, *, seed: int) -> Fitted[Rec, Memory]:
        """Returns an edited copy of the model, attached to what remains; the old `fitted` is not touched.

        Raises:
            UnknownRecordError: ids that never existed or are already forgotten.
        """
        return edited_copy(
            task, fitted, ids, lambda model, forget, left: self.unlearner.edit_(task, model, forget, fitted.memory, seed=seed)
        )


def edited_copy(
    task: Task[Rec], fitted: Fitted[Rec, Memory], ids: Ids, edit_: Callable[[nn.Module, Rec, Rec], Memory]
) -> Fitted[Rec, Memory]:
    """Returns what is fitted without the records `ids`: a copy of the model, edited, then attached to what remains.

    Args:
        edit_: (model, records to forget, records that stay) -> memory; edits the model in place. Not called when there are no ids.

    Raises:
        UnknownRecordError: ids that never existed or are already forgotten.
    """
    ids = as_ids(ids)
    if ids.size == 0:
        return fitted
    forget, left = fitted.records.keep(ids), fitted.records.drop(ids)
    model = copy.deepcopy(fitted.model)
    memory = edit_(model, forget, left)
    task.attach(model, left)
    return Fitted(model, left, memory)

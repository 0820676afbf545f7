"""Tuned: combines a trainer with an edit that reads the retained records. FineTune: the edit that continues training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol

from torch import nn

from r2u_rec.core.protocols import Fitted, Memory, Rec, Task
from r2u_rec.core.trainer import SupportsWarmStart, Trainer
from r2u_rec.errors import CapabilityError
from r2u_rec.ids import Ids
from r2u_rec.unlearn.post_hoc import Checks, edited_copy


class Tuner(Protocol[Rec, Memory]):
    """Edits a trained model so that it forgets; may read the retained records."""

    def remember(self, task: Task[Rec], model: nn.Module, records: Rec, *, seed: int) -> Memory:
        """Returns what must be kept from the end of training; None for nothing."""
        ...

    def edit_(self, task: Task[Rec], model: nn.Module, forget: Rec, left: Rec, memory: Memory, *, seed: int) -> Memory:
        """Edits `model` in place to forget the records `forget` while `left` stay; returns the memory without the former.

        The model comes standing on both, as it was trained; it is attached to `left` afterwards.
        """
        ...


@dataclass(frozen=True)
class Tuned(Generic[Rec, Memory]):
    """Trains with `trainer`, forgets with `tuner`. Approximate; the tuner states what remains.

    Unlike `PostHoc`, it reads the retained records at each request, so they must still be available.
    """

    trainer: Trainer[Rec]
    tuner: Tuner[Rec, Memory]
    exact: ClassVar[bool] = False
    reads_retained: ClassVar[bool] = True

    def fit(self, task: Task[Rec], records: Rec, *, seed: int) -> Fitted[Rec, Memory]:
        """Returns a model trained on `records`, and what the tuner keeps; CapabilityError when the task lacks what it needs."""
        if isinstance(self.tuner, Checks):
            self.tuner.check(task)
        model = self.trainer.train(task, records, seed=seed)
        return Fitted(model, records, self.tuner.remember(task, model, records, seed=seed))

    def forget(self, task: Task[Rec], fitted: Fitted[Rec, Memory], ids: Ids, *, seed: int) -> Fitted[Rec, Memory]:
        """Returns an edited copy of the model, attached to what remains; the old `fitted` is not touched.

        Raises:
            UnknownRecordError: ids that never existed or are already forgotten.
        """
        return edited_copy(
            task, fitted, ids, lambda model, forget, left: self.tuner.edit_(task, model, forget, left, fitted.memory, seed=seed)
        )


@dataclass(frozen=True)
class FineTune:
    """Continues training on the retained records and relies on catastrophic forgetting of the others.

    The model is attached to what remains first, so that it is never trained through an erased edge. Optimiser and schedule
    start anew. Keeps nothing; the influence of the forgotten records fades slowly, and much of it remains.

    Attributes:
        trainer: a trainer with `train_on_`, with the epochs and the learning rate of the fine-tuning. On ml-100k (BPR matrix
            factorisation of 200 epochs, validation part, seeds 900 to 902) 100 epochs at twice the step length of training, falling
            linearly, kept the quality of retraining and left a membership AUC of .8; 20 epochs at the same length left .97.

    Source: the fine-tuning baseline of the unlearning literature, e.g. Golatkar et al. (2020), "Eternal Sunshine of the
        Spotless Net", section 5.
    """

    trainer: SupportsWarmStart

    def __post_init__(self) -> None:
        if not isinstance(self.trainer, SupportsWarmStart):
            raise CapabilityError(
                f"fine-tuning needs a trainer that can continue from a model, {type(self.trainer).__name__} has no train_on_: use "
                "a GradientTrainer"
            )

    def remember(self, task: Task[Rec], model: nn.Module, records: Rec, *, seed: int) -> None:
        """Keeps nothing."""

    def edit_(self, task: Task[Rec], model: nn.Module, forget: Rec, left: Rec, memory: None, *, seed: int) -> None:
        """Continues training on `left`; does nothing when no record is left."""
        task.attach(model, left)
        if len(left):
            self.trainer.train_on_(task, left, model, seed=seed, part="fine-tuning")

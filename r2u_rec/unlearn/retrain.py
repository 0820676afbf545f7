"""Retrain: training from scratch without the forgotten records, the reference for every figure about forgetting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Generic

from r2u_rec.core.protocols import Fitted, Rec, Task
from r2u_rec.core.trainer import Trainer
from r2u_rec.ids import Ids, as_ids


@dataclass(frozen=True)
class Retrain(Generic[Rec]):
    """Trains from scratch on what remains: exact by definition, and reads all of it.

    Forgetting nothing returns the model as it is.
    """

    trainer: Trainer[Rec]
    exact: ClassVar[bool] = True
    reads_retained: ClassVar[bool] = True

    def fit(self, task: Task[Rec], records: Rec, *, seed: int) -> Fitted[Rec, None]:
        """Returns a model trained on `records`."""
        return Fitted(self.trainer.train(task, records, seed=seed), records)

    def forget(self, task: Task[Rec], fitted: Fitted[Rec, None], ids: Ids, *, seed: int) -> Fitted[Rec, None]:
        """Returns a model trained afresh on the records without `ids`; UnknownRecordError for ids that are not there."""
        ids = as_ids(ids)
        if ids.size == 0:
            return fitted
        return self.fit(task, fitted.records.drop(ids), seed=seed)

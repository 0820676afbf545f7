"""Retrain: the reference that every number about forgetting is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from r2u_rec.core.protocols import Fitted
from r2u_rec.core.trainer import Trainer
from r2u_rec.ids import Ids, as_ids


@dataclass(frozen=True)
class Retrain:
    """Trains from scratch on what remains: exact by definition, and reads all of it.

    Forgetting nothing returns the model as it is.
    """

    trainer: Trainer
    exact: ClassVar[bool] = True
    reads_retained: ClassVar[bool] = True

    def fit(self, task: Any, records: Any, *, seed: int) -> Fitted:
        """Returns a model trained on `records`."""
        return Fitted(self.trainer.train(task, records, seed=seed), records)

    def forget(self, task: Any, fitted: Fitted, ids: Ids, *, seed: int) -> Fitted:
        """Returns a model trained afresh on the records without `ids`; UnknownRecordError for ids that are not there."""
        ids = as_ids(ids)
        if ids.size == 0:
            return fitted
        return self.fit(task, fitted.records.drop(ids), seed=seed)

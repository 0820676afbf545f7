"""The interface of a task for block Newton: which table rows each record meets, and with which features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from torch import Tensor, nn

from r2u_rec.core.protocols import R
from r2u_rec.ids import Ids


@dataclass(frozen=True)
class RowInteractions:
    """How n records meet the rows of one table, through scores that are products of a row and a feature.

    Attributes:
        table: name of the parameter whose rows may be edited.
        rows: (n, c) int64, the rows that each record meets.
        features: (n, c, d), or (n, 1, d) when one feature meets them all.
        slopes: (n, c) derivative of the record's loss by each score.
        curvatures: (n, c) second derivative, >= 0.
        ridges: (n, c) weight of the L2 penalty that the record puts on each row.
        own: the row belongs to few records alone; one average block then serves all rows of the table, scaled by
            each row's count, instead of a block a row.
    """

    table: str
    rows: Tensor
    features: Tensor
    slopes: Tensor
    curvatures: Tensor
    ridges: Tensor
    own: bool = False


@runtime_checkable
class SupportsRowInteractions(Protocol[R]):
    """A task that can say how records meet the rows of a model's tables."""

    def row_interactions(self, model: nn.Module, records: R, ids: Ids, *, n_draws: int, rng: np.random.Generator) -> list[RowInteractions]:
        """Returns one `RowInteractions` a table for the records `ids` among `records`, in the order of `ids`.

        `n_draws` samples, drawn against `records`, represent what the loss averages over beside the record.
        """
        ...

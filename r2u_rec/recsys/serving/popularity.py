"""Popularity: the unpersonalised recommender; the fallback for unknown users and the chance level of every evaluation."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from r2u_rec.core.stored import StoredParts, StoredSource
from r2u_rec.data.log import InteractionLog


class Popularity(nn.Module):
    """Scores an item by how many records it has, the same for everybody.

    Attributes:
        counts: (n_items,) float32 buffer; equal counts keep the order of the item codes wherever a sort is stable.
    """

    stored_as: ClassVar[str] = "popularity"
    counts: Tensor

    def __init__(self, n_items: int) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(n_items))

    @classmethod
    def of(cls, records: InteractionLog) -> Self:
        """Returns the model of `records`."""
        model = cls(records.n_items)
        model.rebuild(records)
        return model

    def parts(self) -> StoredParts:
        """Returns nothing: the records say it all."""
        return StoredParts()

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the model of the records."""
        return cls.of(source.records)

    def rebuild(self, records: InteractionLog) -> None:
        """Counts anew, in place, from `records` alone."""
        if records.n_items != len(self.counts):
            raise ValueError(f"the records name {records.n_items} items, the model has {len(self.counts)}: count these instead")
        self.counts.copy_(torch.from_numpy(records.item_counts.astype(np.float32)))

    def scores(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns (m, n_items), every row the counts; nothing is masked."""
        return np.tile(self.counts.numpy(force=True), (len(users), 1))

    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]:
        """Returns (m, n_items), every row the counts: a history changes nothing."""
        return np.tile(self.counts.numpy(force=True), (histories.shape[0], 1))

"""The model that a learned aggregation leaves behind: two tables, made from those of the shards, and nothing else."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from r2u_rec.core.stored import StoredParts, StoredSource
from r2u_rec.recsys.serving.fold_in import ridge_fold_in


class CombinedTables(nn.Module):
    """Scores as products of rows of two tables. Buffers, for nothing here is trained; no shard and no weight is kept.

    Attributes:
        user_table: (n_users, d). item_table: (n_items, d).
    """

    stored_as: ClassVar[str] = "combined_tables"
    user_table: Tensor
    item_table: Tensor

    def __init__(self, user_table: Tensor, item_table: Tensor) -> None:
        super().__init__()
        self.register_buffer("user_table", user_table)
        self.register_buffer("item_table", item_table)

    def parts(self) -> StoredParts:
        """Returns both tables."""
        return StoredParts({"user_table": self.user_table, "item_table": self.item_table})

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the model that was written."""
        return cls(source.tensors["user_table"], source.tensors["item_table"])

    def tables(self) -> tuple[Tensor, Tensor]:
        """Returns the user table and the item table."""
        return self.user_table, self.item_table

    def scores(self, users: NDArray[Any]) -> NDArray[np.float32]:
        """Returns (m, n_items) scores of every item for the user codes (m,); nothing is masked."""
        out: NDArray[np.float32] = (self.user_table[torch.as_tensor(np.asarray(users, dtype=np.int64))] @ self.item_table.T).numpy()
        return out

    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]:
        """Returns (m, n_items) scores for histories (m, n_items) of people the model need not know."""
        return ridge_fold_in(self.item_table, histories)

    def forget_rows_(self, users: NDArray[Any]) -> None:
        """Sets the rows of the user codes to zero: all their scores are 0."""
        self.user_table[torch.as_tensor(np.asarray(users, dtype=np.int64))] = 0.0

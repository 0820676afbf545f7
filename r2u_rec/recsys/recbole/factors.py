"""Models of recbole whose scores are products of two tables: they fold in by ridge, and an edit may move single rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional as F

from r2u_rec.data.log import InteractionLog
from r2u_rec.recsys.recbole.model import RecBoleModel
from r2u_rec.recsys.recbole.traits import tables_of
from r2u_rec.recsys.serving.fold_in import ridge_fold_in


class RecBoleFactors(RecBoleModel):
    """A model whose scores are products of a user table and an item table.

    Attributes:
        item_correction: (n_items, d) added to a propagated item table, zero and not trained: what an edit of the materialised table writes,
            since no edit of the embeddings moves one item alone. Models that score by their embeddings have none.
    """

    def __init__(self, name: str, settings: dict[str, Any], n_negatives: int, records: InteractionLog, *, seed: int) -> None:
        super().__init__(name, settings, n_negatives, records, seed=seed)
        self.propagates = self.traits.tables == "propagated"
        if self.propagates:
            _, items = self._propagated()
            self.item_correction = nn.Parameter(torch.zeros_like(items[1:]), requires_grad=False)

    @property
    def item_rows(self) -> str:
        """Name of the parameter whose rows an edit of single items moves."""
        return "item_correction" if self.propagates else "model.item_embedding.weight"

    @property
    def user_rows(self) -> str | None:
        """Name of the parameter whose rows are those of single users; None where rows are propagated."""
        return None if self.propagates else "model.user_embedding.weight"

    def tables(self) -> tuple[Tensor, Tensor]:
        """Returns the (n_users, d) and (n_items, d) tables of this moment, whose products are the scores; propagated without gradients."""
        if not self.propagates:
            users, items = tables_of(self.model, "embeddings")  # type: ignore[misc]
            return users[1:], items[1:]
        users, items = self._propagated()
        return users[1:], items[1:] + self.item_correction.detach()

    def lookup(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Returns (n, d) and (n, k, d) rows of the tables for (n,) users and (n, k) items."""
        user_table, item_table = self.tables()
        return F.embedding(users, user_table), F.embedding(items, item_table)

    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]:
        """Returns (m, n_items) scores of a fresh vector for each history, fitted by ridge on the item table; no graph is used."""
        return ridge_fold_in(self.tables()[1].detach(), histories)

    def _propagated(self) -> tuple[Tensor, Tensor]:
        with self._scoring():
            return tables_of(self.model, "propagated")  # type: ignore[return-value]

    def _ranked(self, users: Tensor) -> Tensor:
        if not self.propagates or not self.item_correction.any():
            return super()._ranked(users)
        user_table, item_table = self.tables()
        return F.pad(user_table[users - 1] @ item_table.T, (1, 0))

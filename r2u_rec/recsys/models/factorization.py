"""Matrix factorisation: one vector a user, one vector an item, their product the score."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from r2u_rec.core.stored import StoredParts, StoredSource
from r2u_rec.recsys.serving.fold_in import ridge_fold_in


class MatrixFactorization(nn.Module):
    """Two embedding tables whose gradients are sparse, so that a step touches the rows of its batch and no others.

    Args:
        n_users, n_items: rows of the tables.
        embedding_dim: d.
        seed: of the initial values, normal with standard deviation `init_std`.
        sparse: False gives dense gradients, which exact second order needs.
    """

    stored_as: ClassVar[str] = "matrix_factorization"
    item_rows = "item_embedding.weight"
    user_rows = "user_embedding.weight"

    def __init__(
        self, n_users: int, n_items: int, embedding_dim: int = 64, *, seed: int, init_std: float = 0.1, sparse: bool = True
    ) -> None:
        super().__init__()
        if embedding_dim < 1:
            raise ValueError(f"embedding_dim must be >= 1, got {embedding_dim}")
        generator = torch.Generator().manual_seed(seed)
        self.user_embedding = nn.Embedding(
            n_users, embedding_dim, sparse=sparse, _weight=torch.randn(n_users, embedding_dim, generator=generator) * init_std
        )
        self.item_embedding = nn.Embedding(
            n_items, embedding_dim, sparse=sparse, _weight=torch.randn(n_items, embedding_dim, generator=generator) * init_std
        )

    def parts(self) -> StoredParts:
        """Returns both tables."""
        users, items = self.tables()
        return StoredParts({"users": users, "items": items}, {"sparse": self.item_embedding.sparse})

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the model that was written."""
        users, items = source.tensors["users"], source.tensors["items"]
        model = cls(len(users), len(items), users.shape[1], seed=0, sparse=source.values["sparse"])
        model.user_embedding.weight, model.item_embedding.weight = nn.Parameter(users), nn.Parameter(items)
        return model

    def lookup(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the vectors (n, d) of users (n,) and (n, k, d) of items (n, k)."""
        return self.user_embedding(users), self.item_embedding(items)

    def tables(self) -> tuple[Tensor, Tensor]:
        """Returns the user table (n_users, d) and the item table (n_items, d) that scores are made from."""
        return self.user_embedding.weight, self.item_embedding.weight

    @torch.no_grad()
    def scores(self, users: NDArray[Any]) -> NDArray[np.float32]:
        """Returns (m, n_items) scores of every item for the user codes (m,); nothing is masked."""
        p, q = self.tables()
        out: NDArray[np.float32] = (p[torch.as_tensor(np.asarray(users), dtype=torch.int64)] @ q.T).numpy()
        return out

    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]:
        """Returns (m, n_items) scores for histories (m, n_items) of people the model need not know."""
        return ridge_fold_in(self.tables()[1].detach(), histories)

    @torch.no_grad()
    def forget_rows_(self, users: NDArray[Any]) -> None:
        """Sets the rows of the user codes to zero: all their scores are 0."""
        self.user_embedding.weight[torch.as_tensor(np.asarray(users), dtype=torch.int64)] = 0.0

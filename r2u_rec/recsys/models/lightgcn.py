"""LightGCN: embeddings smoothed over the graph of who has what, on whatever records the graph stands now."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional as F

from r2u_rec.data.log import InteractionLog
from r2u_rec.optional import needed_for
from r2u_rec.recsys.models.propagation import Graph, mean_over_layers, normalised_adjacency
from r2u_rec.recsys.serving.fold_in import ridge_fold_in


class LightGCN(nn.Module):
    """Users and items as the mean over layers of their embeddings propagated on the normalised graph.

    The graph is no parameter: `rebuild` sets it from records, at first and after every erasure, and the state dict does
    not hold it. Tables are computed at each call, never kept, so that no score comes from removed weights or edges.
    A user or item without edges keeps only its layer-0 term, its own embedding divided by n_layers + 1.

    Attributes:
        user_embedding, item_embedding: (n_users, d) and (n_items, d) layer-0 tables.
        item_correction: (n_items, d) added to the propagated item table; zero, not trained: an edit of the materialised
            table after training (a Newton step) is written here, since no layer-0 edit moves one item alone.

    Source: He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation", SIGIR 2020;
    normal initialisation with standard deviation 0.1 as in its released code.
    """

    item_rows = "item_correction"
    user_rows = None

    def __init__(self, n_users: int, n_items: int, embedding_dim: int = 64, n_layers: int = 3, *, seed: int) -> None:
        super().__init__()
        if min(n_users, n_items, embedding_dim) < 1 or n_layers < 0:
            raise ValueError(
                f"n_users, n_items, embedding_dim must be >= 1 and n_layers >= 0, got {n_users}, {n_items}, {embedding_dim}, {n_layers}"
            )
        generator = torch.Generator().manual_seed(seed)
        self.n_layers = n_layers
        self.user_embedding = nn.Parameter(0.1 * torch.randn(n_users, embedding_dim, generator=generator))
        self.item_embedding = nn.Parameter(0.1 * torch.randn(n_items, embedding_dim, generator=generator))
        self.item_correction = nn.Parameter(torch.zeros(n_items, embedding_dim), requires_grad=False)
        with needed_for("LightGCN"):
            from torch_geometric.nn import LGConv  # slow to import: only who needs it pays
        self.conv = LGConv(normalize=False)
        self.graph: Graph | None = None

    @property
    def n_users(self) -> int:
        return len(self.user_embedding)

    @property
    def n_items(self) -> int:
        return len(self.item_embedding)

    def rebuild(self, records: InteractionLog) -> None:
        """Sets the graph to the edges of `records` and nothing else.

        Raises:
            ValueError: `records` count other users or items than the model.
        """
        if (records.n_users, records.n_items) != (self.n_users, self.n_items):
            raise ValueError(
                f"the records count {records.n_users} users and {records.n_items} items, the model {self.n_users} and {self.n_items}: "
                "use the log that the model was made for, or one derived from it"
            )
        weight = self.user_embedding
        self.graph = Graph(normalised_adjacency(records, weight.dtype).to(weight.device))

    def tables(self) -> tuple[Tensor, Tensor]:
        """Returns the propagated (n_users, d) and (n_items, d) tables of this moment, differentiable."""
        if self.graph is None:
            raise RuntimeError("this LightGCN stands on no records: call rebuild(records) first")
        adjacency, weight = self.graph.adjacency, self.user_embedding
        if (adjacency.dtype, adjacency.device) != (weight.dtype, weight.device):  # .to() of the model moves parameters only
            adjacency = adjacency.to(weight.device, weight.dtype)
            self.graph = Graph(adjacency)
        nodes = torch.cat([self.user_embedding, self.item_embedding])  # (n_users + n_items, d)
        nodes = mean_over_layers(adjacency, nodes, self.n_layers, self.conv)
        users, items = torch.split(nodes, [self.n_users, self.n_items])
        return users, items + self.item_correction

    def lookup(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Returns (n, d) and (n, k, d) rows of the tables for (n,) users and (n, k) items; one propagation of the whole graph."""
        user_table, item_table = self.tables()
        return F.embedding(users, user_table), F.embedding(items, item_table)  # a faster backward than indexing

    @torch.no_grad()
    def scores(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """Returns (m, n_items) scores of the user codes `users`; nothing is masked."""
        user_table, item_table = self.tables()
        rows = user_table[torch.as_tensor(np.asarray(users, dtype=np.int64), device=user_table.device)]
        return (rows @ item_table.T).float().numpy(force=True)

    @torch.no_grad()
    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]:
        """Returns (m, n_items) scores of a fresh vector per history, fitted by ridge on the item table; the graph is not used."""
        return ridge_fold_in(self.tables()[1], histories)

    @torch.no_grad()
    def forget_rows_(self, users: NDArray[np.int64]) -> None:
        """Sets the layer-0 rows of the user codes to zero; without edges all their scores are then 0."""
        self.user_embedding[torch.as_tensor(np.asarray(users, dtype=np.int64), device=self.user_embedding.device)] = 0.0

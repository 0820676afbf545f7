"""Propagation on the user-item graph: the normalised adjacency, its product, and the mean over layers."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from r2u_rec.data.log import InteractionLog

if TYPE_CHECKING:
    from torch_geometric.nn import LGConv


@dataclass(frozen=True)
class Graph:
    """A normalised adjacency that is never changed in place: copies of a model share it, since torch copies no CSR tensor."""

    adjacency: Tensor

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


def normalised_adjacency(records: InteractionLog, dtype: torch.dtype = torch.float32) -> Tensor:
    """Returns the (n, n) torch CSR tensor D^-1/2 A D^-1/2 with n = n_users + n_items and int32 indices; users come first.

    A pair that occurs in several records is one edge. Rows of nodes without edges are empty. Symmetric bit for bit,
    so that its backward is the same product.

    Source: He et al., "LightGCN", SIGIR 2020, equation 8.
    """
    edges = records.matrix(np.float64)  # (n_users, n_items)
    n = records.n_users + records.n_items
    user_degree, item_degree = np.diff(edges.indptr), np.bincount(edges.indices, minlength=records.n_items)
    at_user, at_item = np.repeat(user_degree, user_degree), item_degree[edges.indices]
    edges.data = 1 / np.sqrt(at_user.astype(np.float64) * at_item)
    graph = sparse.block_array([[None, edges], [edges.T.tocsr(), None]], format="csr")
    graph.sort_indices()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            torch.from_numpy(graph.indptr.astype(np.int32)),
            torch.from_numpy(graph.indices.astype(np.int32)),
            torch.from_numpy(graph.data).to(dtype),
            size=(n, n),
            check_invariants=True,
        )


class SymmetricProduct(torch.autograd.Function):
    """A @ x for a symmetric A, whose backward is A @ gradient: torch's own would build the transpose at every call.

    Differentiable to any order in x; A is data and gets no gradient.
    """

    @staticmethod
    def forward(x: Tensor, adjacency: Tensor, conv: LGConv) -> Tensor:
        product: Tensor = conv(x, adjacency)
        return product

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, LGConv], output: Tensor) -> None:
        _, ctx.adjacency, ctx.conv = inputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return SymmetricProduct.apply(gradient.contiguous(), ctx.adjacency, ctx.conv), None, None  # type: ignore[no-untyped-call]


def mean_over_layers(adjacency: Tensor, embeddings: Tensor, n_layers: int, conv: LGConv) -> Tensor:
    """Returns (n, d) the mean of E, A E, ..., A^n_layers E: the tables that LightGCN scores with.

    Args:
        adjacency: (n, n) symmetric CSR, already normalised.
        embeddings: (n, d) E, the layer-0 term.
        conv: `LGConv(normalize=False)`, which takes torch's fused sparse product.

    Source: He et al., "LightGCN", SIGIR 2020, equation 4 with alpha_k = 1 / (n_layers + 1).
    """
    layer = total = embeddings  # (n, d)
    for _ in range(n_layers):
        layer = SymmetricProduct.apply(layer, adjacency, conv)  # type: ignore[no-untyped-call]
        total = total + layer
    return total / (n_layers + 1)

"""What recbole's models need today: adjacency matrices without a method that scipy has dropped, and losses one an example."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from r2u_rec.errors import SettingsError
from r2u_rec.recsys.recbole.library import contained, quiet, recbole_module


class Adjacency:
    """Mix-in: the two matrices that the library builds through `dok_matrix._update`, from the same `interaction_matrix`."""

    interaction_matrix: Any
    n_users: int
    n_items: int

    def get_norm_adj_mat(self) -> Tensor:
        """Returns D^-1/2 A D^-1/2 of the graph, (n, n) sparse with n = n_users + n_items, users first."""
        rows, columns, degree = self._edges()
        return self._matrix(rows, columns, 1 / np.sqrt(degree[rows] * degree[columns]))

    def get_laplacian_matrix(self) -> Tensor:
        """Returns I - D^-1 A of the graph, as SpectralCF names it."""
        rows, columns, degree = self._edges()
        each = np.arange(len(degree))
        values = np.concatenate([-1 / degree[rows], np.ones(len(each))])
        return self._matrix(np.concatenate([rows, each]), np.concatenate([columns, each]), values)

    def _edges(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Returns ends and starts of the edges, in both directions and each once, and the degrees of the nodes."""
        half = sparse.csr_array(self.interaction_matrix).tocoo()
        user, item = half.row.astype(np.int64), half.col.astype(np.int64) + self.n_users
        rows, columns = np.concatenate([user, item]), np.concatenate([item, user])
        return rows, columns, np.bincount(rows, minlength=self.n_users + self.n_items) + 1e-7

    def _matrix(self, rows: NDArray[np.int64], columns: NDArray[np.int64], values: NDArray[np.float64]) -> Tensor:
        n = self.n_users + self.n_items
        at = torch.from_numpy(np.stack([rows, columns]))
        return torch.sparse_coo_tensor(at, torch.from_numpy(values).float(), (n, n), check_invariants=True).coalesce()


class EachBPR(nn.Module):
    """The library's BPR loss before its mean: -log(gamma + sigmoid(positive - negative))."""

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, positive: Tensor, negative: Tensor) -> Tensor:
        return -torch.log(self.gamma + torch.sigmoid(positive - negative))


@cache
def model_class(name: str) -> Any:
    """Returns the library's general model `name`, repaired; SettingsError when there is none of that name."""
    with quiet(), contained(0):
        models = recbole_module("recbole.model.general_recommender")
    general = recbole_module("recbole.model.abstract_recommender").GeneralRecommender
    known = {n: c for n, c in vars(models).items() if isinstance(c, type) and issubclass(c, general)}
    if name not in known:
        raise SettingsError(f"recbole has no general model {name!r}: it has {', '.join(sorted(known))}")
    return type(name, (Adjacency, known[name]), {})


def loss_each_(model: nn.Module) -> None:
    """Lets the mean losses inside `model` give one value an example; `calculate_loss` stays as it is, and its mean is what it was."""
    pairwise = recbole_module("recbole.model.loss").BPRLoss
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is pairwise:
                setattr(parent, name, EachBPR(child.gamma))  # type: ignore[arg-type]
            elif isinstance(child, nn.BCEWithLogitsLoss | nn.BCELoss | nn.CrossEntropyLoss) and child.reduction == "mean":
                child.reduction = "none"

"""Cheap item-item models by which it can be foreseen how well a person's history is ranked by any recommender."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from threadpoolctl import threadpool_limits

N_NEIGHBOURS = 200
LARGEST_REGRESSION = 4000
"""Items in the regression: its time grows with their cube, 4,000 take some seconds and 128 MB."""


@dataclass(frozen=True, eq=False)
class ItemNeighbours:
    """Ranks items by their cosine to the items of a history; `similarity` is (n_items, n_items) CSR."""

    similarity: sparse.csr_array

    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]:
        """Returns (m, n_items) summed similarities."""
        return np.asarray((histories @ self.similarity).toarray(), dtype=np.float32)


def item_neighbours(training: sparse.csr_array, n_neighbours: int = N_NEIGHBOURS) -> ItemNeighbours:
    """Returns the item-item cosine model of `training` (n_users, n_items), fitted by implicit on one thread."""
    from implicit.nearest_neighbours import CosineRecommender  # slow to import: only who needs it pays
    from implicit.utils import ParameterWarning

    with threadpool_limits(1, "blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ParameterWarning)  # it converts a matrix that it made itself, and warns of it
        model = CosineRecommender(K=min(n_neighbours, training.shape[1]), num_threads=1)
        model.fit(sparse.csr_matrix(training, dtype=np.float64), show_progress=False)
    return ItemNeighbours(sparse.csr_array(model.similarity))


@dataclass(frozen=True, eq=False)
class ItemRegression:
    """Ranks items by a linear regression of each item on the others; items outside `items` score 0.

    Attributes:
        items: (m,) codes of the items that take part. weights: (m, m) with a zero diagonal.
    """

    items: NDArray[np.int64]
    weights: NDArray[np.float64]

    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]:
        """Returns (m, n_items) scores."""
        scores = np.zeros(histories.shape, dtype=np.float32)
        scores[:, self.items] = histories[:, self.items] @ self.weights
        return scores


def item_regression(training: sparse.csr_array, *, reg: float = 250.0, largest: int = LARGEST_REGRESSION) -> ItemRegression:
    """Returns the ridge regression of each item on all others, for the `largest` most popular items of `training`.

    Source: Steck 2019 (EASE), equation 8; reg 250 was best on MovieLens-100K and matters little here.
    """
    counts = np.asarray(training.sum(axis=0)).ravel()
    items = np.sort(np.argsort(-counts, kind="stable")[:largest])
    columns = sparse.csr_array(training[:, items], dtype=np.float64)
    gram = (columns.T @ columns).toarray()
    gram[np.diag_indices_from(gram)] += reg
    inverse = linalg.inv(gram, overwrite_a=True)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return ItemRegression(items.astype(np.int64), weights)

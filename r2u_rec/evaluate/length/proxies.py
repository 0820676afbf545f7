"""Cheap item-item models that predict how well any recommender ranks a user's history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

N_NEIGHBOURS = 200
BLOCK_ITEMS = 256
"""Items whose cosines to all others are held at once."""
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
    """Returns the item-item cosine model of `training` (n_users, n_items): the most similar items of each, itself among them.

    Of equally similar items those of the higher code are kept.
    """
    columns = sparse.csr_array(training.T, dtype=np.float64)  # (n_items, n_users)
    columns.data /= np.repeat(np.sqrt(np.asarray(columns.multiply(columns).sum(axis=1)).ravel()), np.diff(columns.indptr))
    users, kept = sparse.csr_array(columns.T), []
    for start in range(0, columns.shape[0], BLOCK_ITEMS):
        cosines = (columns[start : start + BLOCK_ITEMS] @ users).toarray()  # (at most BLOCK_ITEMS, n_items)
        least = np.partition(cosines, -n_neighbours, axis=1)[:, [-n_neighbours]] if n_neighbours < cosines.shape[1] else 0.0
        of, near = np.nonzero((cosines >= least) & (cosines > 0))
        order = np.lexsort((-near, -cosines[of, near], of))  # by item, the most similar first
        rank = np.arange(len(of)) - np.searchsorted(of, of)
        of, near = of[order[rank < n_neighbours]], near[order[rank < n_neighbours]]
        kept.append(sparse.csr_array((cosines[of, near], (of, near)), shape=cosines.shape))
    return ItemNeighbours(sparse.csr_array(sparse.vstack(kept, format="csr")))


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

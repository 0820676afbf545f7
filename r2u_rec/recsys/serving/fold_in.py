"""Fold-in: a vector for a person the model has never seen, in closed form, on the frozen item table."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor


@torch.no_grad()
def ridge_fold_in(item_table: Tensor, histories: sparse.csr_array, *, unseen_weight: float = 0.1, reg: float = 1.0) -> NDArray[np.float32]:
    """Returns (m, n_items) scores: for each history the ridge fit of 1 on its items and, weakly, 0 on all items.

    The vector p of a history A minimises sum over A of (1 - p.q)^2 + unseen_weight * sum over all items of (p.q)^2
    + reg * |p|^2, with the items' vectors brought to a common scale first (their root mean square norm), so that reg and
    unseen_weight mean the same for every model.

    Args:
        item_table: (n_items, d) vectors.
        histories: (m, n_items) CSR, non-zero where the person has interacted.
        unseen_weight: weight of the zeros; reg: ridge.

    Source: Hu, Koren and Volinsky 2008, equation 4, with constant confidence.
    """
    q = _scaled(item_table)
    out = np.empty((histories.shape[0], q.shape[0]), dtype=np.float32)
    for start, p in _solved(q, histories, unseen_weight, reg):
        out[start : start + len(p)] = (p @ q.T).to(torch.float32).numpy()
    return out


@torch.no_grad()
def ridge_vectors(item_table: Tensor, histories: sparse.csr_array, *, unseen_weight: float = 0.1, reg: float = 1.0) -> Tensor:
    """Returns (m, d) float32 the vectors of that fit, to be multiplied with the items' vectors brought to the common scale."""
    q = _scaled(item_table)
    out = torch.empty(histories.shape[0], q.shape[1])
    for start, p in _solved(q, histories, unseen_weight, reg):
        out[start : start + len(p)] = p
    return out


def _scaled(item_table: Tensor) -> Tensor:
    """Returns (n_items, d) float64 the vectors with root mean square norm 1."""
    q = item_table.to(torch.float64)
    return q / q.square().sum(1).mean().sqrt().clamp_min(1e-12)


def _solved(q: Tensor, histories: sparse.csr_array, unseen_weight: float, reg: float) -> Iterator[tuple[int, Tensor]]:
    """Yields (first row, (c, d) vectors) of one chunk of histories after the other."""
    d = q.shape[1]
    zeros = unseen_weight * (q.T @ q) + reg * torch.eye(d, dtype=q.dtype)  # (d, d)
    chunk = 512
    for start in range(0, histories.shape[0], chunk):
        block = histories[start : start + chunk]
        systems = zeros.expand(block.shape[0], d, d).clone()  # (c, d, d)
        right = torch.zeros(block.shape[0], d, dtype=q.dtype)  # (c, d)
        for row in range(block.shape[0]):
            mine = q[torch.from_numpy(block.indices[block.indptr[row] : block.indptr[row + 1]].astype(np.int64))]  # (|A|, d)
            systems[row] += mine.T @ mine
            right[row] = mine.sum(0)
        yield start, torch.linalg.solve(systems, right.unsqueeze(2)).squeeze(2)  # (c, d)

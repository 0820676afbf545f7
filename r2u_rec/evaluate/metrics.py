"""Ranking metrics of single users, from the hits of their lists. Means are taken by the caller.

All functions take `hits`, (m, >= k) bool: whether the item at each rank of a user's list is relevant; and, where
needed, `n_relevant`, (m,) int, at least 1: how many relevant items the user has. All return (m,) float64 in [0, 1].
The definitions are those of trec_eval for binary relevance and lists cut at k.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Hits = NDArray[np.bool_]
Counts = NDArray[np.int64]
PerUser = NDArray[np.float64]


def recall_at_k(hits: Hits, n_relevant: Counts, k: int) -> PerUser:
    """Returns the share of the user's relevant items that stand among the first k."""
    return np.asarray(hits[:, :k].sum(axis=1) / n_relevant)


def precision_at_k(hits: Hits, k: int) -> PerUser:
    """Returns the share of the first k places that hold a relevant item; the denominator is k, also for shorter lists."""
    return np.asarray(hits[:, :k].sum(axis=1) / k)


def hit_at_k(hits: Hits, k: int) -> PerUser:
    """Returns 1 where any of the first k items is relevant, else 0."""
    return np.asarray(hits[:, :k].any(axis=1), dtype=np.float64)


def mrr_at_k(hits: Hits, k: int) -> PerUser:
    """Returns 1 / rank of the first relevant item, 0 where none stands among the first k."""
    first = hits[:, :k].argmax(axis=1)
    return np.asarray(np.where(hits[:, :k].any(axis=1), 1.0 / (first + 1.0), 0.0))


def ndcg_at_k(hits: Hits, n_relevant: Counts, k: int) -> PerUser:
    """Returns DCG over the best possible DCG; the ideal list holds min(n_relevant, k) relevant items on top.

    Source: Järvelin and Kekäläinen 2002 with discount 1 / log2(rank + 1).
    """
    discount = 1.0 / np.log2(np.arange(2, k + 2))  # (k,)
    ideal = np.concatenate([[0.0], np.cumsum(discount)])  # (k + 1,)
    cut = hits[:, :k]
    return np.asarray(cut @ discount[: cut.shape[1]] / ideal[np.minimum(n_relevant, k)])

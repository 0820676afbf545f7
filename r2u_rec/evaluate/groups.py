"""Metrics by group: active and inactive users, popular and tail items; coverage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from r2u_rec.evaluate.ranking import RankingResult, ranking_metrics


def halves_by_activity(user_counts: NDArray[np.int64], users: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the more active half of `users` and the less active one; equal counts go by user code.

    Args:
        user_counts: (n_users,) training interactions of each user.
        users: (m,) user codes.
    """
    users = np.sort(np.asarray(users, dtype=np.int64))
    by_count = users[np.argsort(-user_counts[users], kind="stable")]
    half = (len(users) + 1) // 2
    return by_count[:half], by_count[half:]


def popular_items(item_counts: NDArray[np.int64], interaction_share: float = 0.8) -> NDArray[np.bool_]:
    """Returns (n_items,) True for the most popular items that together hold `interaction_share` of all interactions.

    Raises:
        ValueError: interaction_share outside (0, 1).
    """
    if not 0 < interaction_share < 1:
        raise ValueError(f"interaction_share must lie in (0, 1), got {interaction_share}")
    order = np.argsort(-item_counts, kind="stable")
    before = np.cumsum(item_counts[order]) - item_counts[order]
    popular = np.zeros(len(item_counts), dtype=bool)
    popular[order[before < interaction_share * item_counts.sum()]] = True
    return popular


def item_group_metrics(
    ranked: NDArray[np.int64], relevant: sparse.csr_array, users: ArrayLike, ks: Sequence[int], popular: NDArray[np.bool_]
) -> dict[str, RankingResult]:
    """Returns "popular" and "tail": the metrics of the same lists when only items of that group are to be found.

    Users without a relevant item in a group are left out of that group.
    """
    out = {}
    for name, group in (("popular", popular), ("tail", ~popular)):
        wanted = sparse.csr_array(relevant.multiply(group[None, :].astype(np.float32)))
        wanted.eliminate_zeros()
        out[name] = ranking_metrics(ranked, wanted, users, ks)
    return out


def coverage(ranked: NDArray[np.int64], n_items: int) -> float:
    """Returns the share of all items, in [0, 1], that stand in at least one list."""
    return float(np.unique(ranked[ranked >= 0]).size / n_items)

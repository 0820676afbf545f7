"""Ranks as shares: the common scale on which scores of different units can be blended."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from r2u_rec.data.log import InteractionLog


def rank_shares(scores: ArrayLike) -> NDArray[np.float64]:
    """Returns each score's rank among all scores as a share: (rank - 1/2) / n, ties at their mean rank.

    Args:
        scores: (n_users,) numbers of any unit; NaN marks a user without records.

    Returns:
        (n_users,) float64 in the open interval (0, 1), 1 the highest; NaN stays NaN. The ends are left out so that
        a product of ranks is never wiped out by the lowest one.
    """
    values = np.asarray(scores, dtype=np.float64)
    out = np.full(values.shape, np.nan)
    known = ~np.isnan(values)
    n = int(known.sum())
    if n:
        out[known] = (rankdata(values[known]) - 0.5) / n
    return out


def only_with_records(log: InteractionLog, values: ArrayLike) -> NDArray[np.float64]:
    """Returns (n_users,) float64 `values`, NaN for users without records: they have nothing that could be withdrawn."""
    return np.where(log.user_counts > 0, np.asarray(values, dtype=np.float64), np.nan)

"""Holm's correction of p values; SciPy has Benjamini-Hochberg only, and statsmodels is too large for these few lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Returns the p values corrected for that many comparisons (family-wise), in the order given; NaN stays NaN and counts for nothing.

    Raises:
        ValueError: a p value outside [0, 1].
    Source: Holm 1979.
    """
    p = np.asarray(p_values, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(p))
    if not ((p[known] >= 0) & (p[known] <= 1)).all():
        raise ValueError(f"p values must lie in [0, 1], got {np.nanmin(p)} to {np.nanmax(p)}")
    order = known[np.argsort(p[known], kind="stable")]
    corrected = np.full_like(p, np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(order.size, 0, -1)), 1.0)
    return corrected

"""Cohorts of a study: users to erase and users never to train on, drawn from the same range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from r2u_rec.errors import DataError

Codes = NDArray[np.int64]


def matched_halves(pool: Codes, values: NDArray[np.float64], n: int, *, rng: np.random.Generator) -> tuple[Codes, Codes]:
    """Returns two disjoint groups of n users of `pool` each, alike in every column of `values`.

    2n users are drawn at random, ordered along the first principal direction of their standardised values, and a coin decides
    in each neighbouring pair who goes where.

    Args:
        pool: (m,) user codes.
        values: (m, k) what the groups shall agree in: revocability and log history length, for one.
        n: users a group.

    Raises:
        DataError: the pool has fewer than 2n users.
    """
    if len(pool) < 2 * n:
        raise DataError(f"two groups of {n} users need a pool of {2 * n}, got {len(pool)}: ask for fewer users, or flag more")
    chosen = rng.choice(len(pool), size=2 * n, replace=False)
    x = values[chosen] - values[chosen].mean(0)
    x = x / np.maximum(x.std(0), 1e-12)
    direction = np.linalg.svd(x, full_matrices=False)[2][0]
    pairs = chosen[np.argsort(x @ direction, kind="stable")].reshape(n, 2)
    coin = rng.integers(0, 2, size=n)
    rows = np.arange(n)
    return np.sort(pool[pairs[rows, coin]]), np.sort(pool[pairs[rows, 1 - coin]])

"""Clusters of equal size by optimal transport: the units' mass is moved to the centroids at least cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_rec.errors import SettingsError
from r2u_rec.optional import needed
from r2u_rec.recsys.sharded.balanced import View, assigned, centroids_of, distances_to, spread_start


def equal_capacity(n: int, k: int) -> int:
    """Returns n / k, rounded up: the least that k clusters must hold."""
    return -(-n // k)


@dataclass(frozen=True)
class TransportClusters:
    """Alternates centroids and transport between uniform masses, 1/n a unit and 1/k a cluster, at squared Euclidean cost.

    Each unit belongs where most of its mass goes; what that leaves above the capacity is rounded greedily, the clearest first.

    Attributes:
        epsilon: entropic regularisation as a share of the mean cost (Sinkhorn in log space); 0 solves the transport exactly, which takes
            minutes from some ten thousand units on.
        iterations: at most so many; it stops when no unit changes its cluster.

    Raises:
        CapabilityError: when called, the extra "transport" is not installed.

    Source: Li et al. 2023, UltraRE, section 4.1; rounding to hard capacities is ours.
    """

    epsilon: float = 0.02
    iterations: int = 10

    def __post_init__(self) -> None:
        if not (self.epsilon >= 0 and math.isfinite(self.epsilon)):
            raise SettingsError(f"epsilon must be >= 0 and finite, got {self.epsilon}: 0 solves the transport exactly")
        if self.iterations < 1:
            raise SettingsError(f"iterations must be >= 1, got {self.iterations}")

    def __call__(self, views: list[View], k: int, capacity: int, rng: np.random.Generator) -> NDArray[np.int64]:
        n = len(views[0].of)
        if k > n:
            return np.arange(n)
        views = [View(np.asarray(view.table, dtype=np.float64), view.of) for view in views]
        centroids: Any = spread_start(views, k, rng)
        labels = np.full(n, -1, dtype=np.int64)
        for _ in range(self.iterations):
            before = labels
            labels = assigned(-plan(distances_to(views, centroids).astype(np.float64), self.epsilon), capacity)
            if np.array_equal(labels, before):
                break
            centroids = centroids_of(views, labels, centroids)
        return labels


def plan(costs: NDArray[np.float64], epsilon: float) -> NDArray[np.float64]:
    """Returns (n, k) the share of each unit's mass that goes to each cluster; rows sum to 1, columns to n / k."""
    ot = needed("ot", "a clustering by optimal transport")
    n, k = costs.shape
    units, clusters = np.full(n, 1 / n), np.full(k, 1 / k)
    scale = max(float(costs.mean()), 1e-300)
    if epsilon == 0:
        moved = ot.emd(units, clusters, costs / scale, numItermax=10**7)
    else:
        moved = ot.bregman.sinkhorn_log(units, clusters, costs / scale, epsilon, numItermax=500, stopThr=1e-6, warn=False)
    shares: NDArray[np.float64] = np.asarray(moved, dtype=np.float64) * n
    return shares

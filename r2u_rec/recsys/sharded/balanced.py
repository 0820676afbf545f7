"""Balanced clustering: each unit to a near centroid, no cluster above its capacity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from r2u_rec.errors import SettingsError


class View(NamedTuple):
    """Vectors of units that share rows: unit j has the vector table[of[j]], so that no vector is stored once a unit.

    Attributes:
        table: (m, d) vectors. of: (n,) the row of each unit.
    """

    table: NDArray[np.floating]
    of: NDArray[np.integer]


def assigned(distances: NDArray[np.floating], capacity: int) -> NDArray[np.int64]:
    """Returns (n,) clusters of n units: all pairs by ascending distance, each unit to the first cluster with room that it meets.

    Equal distances go by the lower unit, then the lower cluster. It never sorts the pairs: until a cluster is full each unit goes to its
    nearest open one, in the order of that distance; so at most k rounds of one argmin and one sort of the units not yet placed.

    Args:
        distances: (n, k), any finite costs.
        capacity: units that a cluster holds at most.

    Raises:
        SettingsError: k clusters of that capacity cannot hold n units.

    Source: Chen et al. 2022, Recommendation Unlearning (RecEraser), algorithm 1, lines 7 to 14.
    """
    n, k = distances.shape
    if capacity * k < n:
        raise SettingsError(f"{k} clusters of capacity {capacity} cannot hold {n} units: the capacity must be >= {-(-n // k)}")
    labels = np.full(n, -1, dtype=np.int64)
    room = np.full(k, capacity, dtype=np.int64)
    waiting = np.arange(n)
    open_clusters = np.arange(k)
    while waiting.size:
        costs = distances[np.ix_(waiting, open_clusters)] if len(open_clusters) < k or len(waiting) < n else distances
        nearest = costs.argmin(axis=1)
        order = np.argsort(costs[np.arange(len(waiting)), nearest], kind="stable")
        wanted = open_clusters[nearest[order]]  # in the order in which the units are placed
        full_at = len(order)
        for cluster in open_clusters:
            takers = np.flatnonzero(wanted == cluster)
            if len(takers) >= room[cluster]:
                full_at = min(full_at, int(takers[room[cluster] - 1]) + 1)
        labels[waiting[order[:full_at]]] = wanted[:full_at]
        room -= np.bincount(wanted[:full_at], minlength=k)
        waiting = np.sort(waiting[order[full_at:]])
        open_clusters = np.flatnonzero(room > 0)
    return labels


def distances_to(views: Sequence[View], centroids: Sequence[NDArray[np.floating]]) -> NDArray[np.float32]:
    """Returns (n, k) the product over the views of the squared distances to that view's (k, d) centroids."""
    product = np.ones((len(views[0].of), len(centroids[0])), dtype=np.float32)
    for (table, of), centres in zip(views, centroids, strict=True):
        squares = (table * table).sum(1)[:, None] - 2 * table @ centres.T + (centres * centres).sum(1)  # (m, k)
        product *= np.maximum(squares, 0).astype(np.float32)[of]
    return product


def centroids_of(views: Sequence[View], labels: NDArray[np.int64], before: Sequence[NDArray[np.floating]]) -> list[NDArray[np.float64]]:
    """Returns for each view the (k, d) mean vectors, dimension by dimension, of the units in each cluster; an empty one stays."""
    found = []
    for (table, of), old in zip(views, before, strict=True):
        k, m = len(old), len(table)
        counts = np.bincount(labels * m + of, minlength=k * m).reshape(k, m)  # units of each row in each cluster
        n = counts.sum(axis=1)
        found.append(np.where(n[:, None] > 0, counts @ table / np.maximum(n, 1)[:, None], old))
    return found


def spread_start(views: Sequence[View], k: int, rng: np.random.Generator, n_tries: int = 8) -> list[NDArray[np.float64]]:
    """Returns first centroids: units drawn in proportion to their distance from those drawn so far, the best of some tries each.

    Source: Arthur and Vassilvitskii 2007 (k-means++), greedy variant; the papers of the partitions draw k units uniformly, which here left
    two centroids in one of ten separate clusters in most trials.
    """
    n = len(views[0].of)
    chosen = [int(rng.integers(n))]
    nearest = _to_units(views, chosen)[:, 0].astype(np.float64)
    while len(chosen) < k:
        total = nearest.sum()
        tries = rng.choice(n, size=n_tries, p=nearest / total) if total > 0 else rng.integers(n, size=1)
        after = np.minimum(nearest[:, None], _to_units(views, tries))  # (n, n_tries)
        best = int(after.sum(axis=0).argmin())
        chosen.append(int(tries[best]))
        nearest = after[:, best]
    return [view.table[view.of[chosen]].astype(np.float64) for view in views]


def balanced_clusters(
    views: Sequence[View], k: int, capacity: int, rng: np.random.Generator, *, iterations: int = 50, tolerance: float = 1e-4
) -> NDArray[np.int64]:
    """Returns (n,) clusters of units, none larger than `capacity`: balanced assignment and mean vectors in turn.

    Memory is a few arrays of n x k float32, whatever the dimension of the vectors.

    Args:
        views: the vectors of the units, one view or more; distances of several are multiplied.
        iterations: at most so many; tolerance: stops when no centroid moves further than this share of the vectors' root mean square.

    Raises:
        SettingsError: no unit, iterations < 1, or too small a capacity.
    """
    if iterations < 1:
        raise SettingsError(f"iterations must be >= 1, got {iterations}")
    n = len(views[0].of)
    if n == 0:
        raise SettingsError("there are 0 units to cluster: check the records")
    if k > n:
        return np.arange(n)
    views = [View(np.asarray(view.table, dtype=np.float64), view.of) for view in views]
    limits = [tolerance * np.sqrt(np.square(view.table).sum(1).mean()) for view in views]
    centroids: Sequence[NDArray[np.floating]] = spread_start(views, k, rng)
    labels = np.zeros(n, dtype=np.int64)
    for _ in range(iterations):
        labels = assigned(distances_to(views, centroids), capacity)
        before, centroids = centroids, centroids_of(views, labels, centroids)
        moved = [np.linalg.norm(a - b, axis=1).max() for a, b in zip(centroids, before, strict=True)]
        if all(step <= limit for step, limit in zip(moved, limits, strict=True)):
            break
    return labels


def _to_units(views: Sequence[View], units: NDArray[np.integer] | list[int]) -> NDArray[np.float32]:
    """Returns (n, len(units)) distances of all units to some of them."""
    return distances_to(views, [view.table[view.of[units]] for view in views])

"""Balanced clusters against the plain greedy loop, and against clusters that are known by construction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r2u_rec.errors import SettingsError
from r2u_rec.recsys.sharded.balanced import View, assigned, balanced_clusters, centroids_of, distances_to


def greedy(distances: Any, capacity: int) -> list[int]:
    """All pairs by ascending distance, each unit to the first cluster with room."""
    n, k = distances.shape
    labels, room = [-1] * n, [capacity] * k
    for _, unit, cluster in sorted((distances[u, c], u, c) for u in range(n) for c in range(k)):
        if labels[unit] < 0 and room[cluster] > 0:
            labels[unit] = cluster
            room[cluster] -= 1
    return labels


@settings(deadline=None, max_examples=60)
@given(n=st.integers(1, 40), k=st.integers(1, 6), spare=st.integers(0, 5), levels=st.sampled_from([3, 10**6]), seed=st.integers(0, 10**6))
def test_assignment_is_that_of_the_greedy_loop_over_all_pairs_ties_included(n, k, spare, levels, seed):
    distances = np.random.default_rng(seed).integers(0, levels, (n, k)).astype(np.float32)
    capacity = -(-n // k) + spare
    labels = assigned(distances, capacity)
    assert labels.tolist() == greedy(distances, capacity)
    assert np.bincount(labels, minlength=k).max() <= capacity


def gaussians(rng: np.random.Generator, sizes: list[int], d: int = 8) -> tuple[Any, Any]:
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return 10 * rng.normal(size=(len(sizes), d))[truth] + rng.normal(size=(len(truth), d)), truth


def within(points: Any, labels: Any) -> float:
    """Sum of squared distances to the mean vector of the own cluster."""
    return sum(float(np.square(points[labels == c] - points[labels == c].mean(0)).sum()) for c in np.unique(labels))


@pytest.mark.parametrize("seed", range(5))
def test_ten_gaussian_clusters_are_found_nearly_as_well_as_their_truth_and_far_better_than_at_random(seed):
    rng = np.random.default_rng(seed)
    points, truth = gaussians(rng, [60] * 10)
    labels = balanced_clusters([View(points, np.arange(600))], 10, 72, rng)
    best, chance = within(points, truth), within(points, rng.permutation(truth))
    assert within(points, labels) <= 1.5 * best < 0.1 * chance
    assert np.bincount(labels).max() <= 72


def test_a_cluster_larger_than_the_capacity_gives_away_its_farthest_units():
    rng = np.random.default_rng(0)
    points, truth = gaussians(rng, [70, 30])
    labels = balanced_clusters([View(points, np.arange(100))], 2, 60, rng)
    assert sorted(np.bincount(labels)) == [40, 60]
    big = np.bincount(labels[truth == 0]).argmax()
    moved, stay = points[(truth == 0) & (labels != big)], points[(truth == 0) & (labels == big)]
    centre = stay.mean(0)
    assert np.square(moved - centre).sum(1).min() >= np.square(stay - centre).sum(1).max() * 0.9


def test_centroids_are_mean_vectors_dimension_by_dimension_and_an_empty_cluster_stays():
    rng = np.random.default_rng(0)
    table, of, labels = rng.normal(size=(5, 3)), rng.integers(0, 5, 20), rng.integers(0, 2, 20)
    (found,) = centroids_of([View(table, of)], labels, [np.full((3, 3), 7.0)])
    for cluster in (0, 1):
        np.testing.assert_allclose(found[cluster], table[of[labels == cluster]].mean(axis=0))
    assert found[2].tolist() == [7.0] * 3


def test_the_distance_of_pairs_is_the_product_of_both_squared_distances():
    rng = np.random.default_rng(0)
    tables, centres = [rng.normal(size=(4, 3)), rng.normal(size=(6, 3))], [rng.normal(size=(2, 3)) for _ in range(2)]
    of = [rng.integers(0, 4, 9), rng.integers(0, 6, 9)]
    squares = [np.square(t[o][:, None] - c).sum(2) for t, o, c in zip(tables, of, centres, strict=True)]
    wanted = squares[0] * squares[1]
    np.testing.assert_allclose(distances_to([View(t, o) for t, o in zip(tables, of, strict=True)], centres), wanted, rtol=1e-4)


def test_pairs_of_two_kinds_fall_into_their_blocks():
    rng = np.random.default_rng(1)
    (users, kind_u), (items, kind_i) = gaussians(rng, [10] * 3), gaussians(rng, [8] * 3)
    user, item = np.nonzero(kind_u[:, None] == kind_i)
    labels = balanced_clusters([View(users, user), View(items, item)], 3, 90, rng)
    for block in range(3):
        assert len(np.unique(labels[kind_u[user] == block])) == 1
    assert np.bincount(labels).tolist() == [80] * 3


def test_the_same_seed_gives_the_same_clusters_and_more_clusters_than_units_leave_some_empty():
    points = np.random.default_rng(0).normal(size=(50, 4))
    views = [View(points, np.arange(50))]
    first, second = (balanced_clusters(views, 4, 15, np.random.default_rng(3)) for _ in range(2))
    assert first.tolist() == second.tolist()
    assert balanced_clusters([View(points[:3], np.arange(3))], 5, 1, np.random.default_rng(0)).tolist() == [0, 1, 2]
    same = balanced_clusters([View(np.ones((12, 2)), np.arange(12))], 3, 5, np.random.default_rng(0))
    assert np.bincount(same, minlength=3).max() <= 5


def test_what_cannot_be_is_refused():
    with pytest.raises(SettingsError, match="2 clusters of capacity 4 cannot hold 9 units: the capacity must be >= 5"):
        assigned(np.zeros((9, 2)), 4)
    views = [View(np.zeros((0, 2)), np.zeros(0, dtype=int))]
    with pytest.raises(SettingsError, match="there are 0 units to cluster"):
        balanced_clusters(views, 2, 1, np.random.default_rng(0))
    with pytest.raises(SettingsError, match="iterations must be >= 1, got 0"):
        balanced_clusters(views, 2, 1, np.random.default_rng(0), iterations=0)

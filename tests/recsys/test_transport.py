"""Clusters by optimal transport: equal sizes, known truth, and the plan's own promises."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from test_balanced import gaussians, within

from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.recsys.sharded.balanced import View
from r2u_rec.recsys.sharded.transport import TransportClusters, equal_capacity, plan


@pytest.mark.parametrize("epsilon", [0.02, 0])
def test_ten_gaussian_clusters_of_equal_size_are_found(epsilon):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        points, truth = gaussians(rng, [20] * 10)
        labels = TransportClusters(epsilon)([View(points, np.arange(200))], 10, 20, rng)
        assert np.bincount(labels).tolist() == [20] * 10
        assert within(points, labels) <= 1.05 * within(points, truth)


@pytest.mark.parametrize("epsilon", [0.05, 0])
def test_clusters_of_unequal_truth_still_have_equal_size(epsilon):
    rng = np.random.default_rng(0)
    points, truth = gaussians(rng, [70, 20, 11])
    labels = TransportClusters(epsilon)([View(points, np.arange(101))], 3, equal_capacity(101, 3), rng)
    assert sorted(np.bincount(labels)) in ([33, 34, 34],)
    assert within(points, labels) < 0.8 * within(points, rng.permutation(labels))
    assert truth.size == 101


@pytest.mark.parametrize("epsilon", [0.1, 0])
def test_the_plan_moves_all_mass_of_every_unit_and_as_much_to_every_cluster(epsilon):
    moved = plan(np.random.default_rng(0).random((30, 4)), epsilon)
    np.testing.assert_allclose(moved.sum(1), 1, atol=1e-4)
    np.testing.assert_allclose(moved.sum(0), 30 / 4, atol=1e-4)
    assert moved.min() >= 0


def test_the_exact_plan_costs_no_more_than_any_rounding_and_the_regularised_one_comes_near():
    costs = np.random.default_rng(1).random((40, 4))
    exact, smooth = ((plan(costs, e) * costs).sum() for e in (0, 0.01))
    dealt = np.random.default_rng(2).permutation(np.arange(40) % 4)
    assert exact <= smooth + 1e-6
    assert smooth < exact * 1.2 < costs[np.arange(40), dealt].sum()


def test_more_clusters_than_units_leave_some_empty():
    assert TransportClusters()([View(np.eye(3), np.arange(3))], 5, 1, np.random.default_rng(0)).tolist() == [0, 1, 2]


def test_what_cannot_be_is_refused(monkeypatch):
    with pytest.raises(SettingsError, match="epsilon must be >= 0 and finite, got -1"):
        TransportClusters(-1)
    with pytest.raises(SettingsError, match="iterations must be >= 1, got 0"):
        TransportClusters(iterations=0)
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(CapabilityError, match=r"by optimal transport needs ot, which is not installed: pip install 'r2u-rec\[transport\]'"):
        plan(np.ones((2, 2)), 0.1)

"""Fusing layers, held to a least-squares solver and to the layers themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from r2u_rec.errors import SettingsError
from r2u_rec.unlearn.layers.fusion import Layer, fuse


def features(n: int, d: int, seed: int, span: slice = slice(None)) -> torch.Tensor:
    out = torch.zeros(n, d)
    out[:, span] = torch.from_numpy(np.random.default_rng(seed).normal(size=(n, d))).float()[:, span]
    return out


def linear(x: torch.Tensor, d_out: int, seed: int) -> Layer:
    delta = torch.from_numpy(np.random.default_rng(seed).normal(size=(d_out, x.shape[1]))).float()
    return Layer(delta, x.double().T @ x.double())


def table(counts: list[float], seed: int, d: int = 3) -> Layer:
    return Layer(torch.from_numpy(np.random.default_rng(seed).normal(size=(len(counts), d))).float(), torch.tensor(counts).double())


@pytest.mark.parametrize("layer", [linear(features(4, 6, 0), 3, 1), linear(features(0, 6, 0), 3, 1), table([0, 2, 5], 2)])
def test_one_layer_alone_comes_back_whatever_it_has_met(layer):
    found = fuse([layer])
    torch.testing.assert_close(found.delta, layer.delta, atol=1e-6, rtol=0)
    assert torch.equal(found.met, layer.met)


def test_two_layers_that_met_different_features_keep_all_their_outputs():
    one, two = features(9, 8, 0, slice(0, 3)), features(7, 8, 1, slice(2, 7))  # one shared coordinate, five and three of their own
    one[:, 2] = one[:, 0] - one[:, 1]  # of rank two: the spans share nothing
    a, b = linear(one, 4, 2), linear(two, 4, 3)
    fused = fuse([a, b]).delta
    torch.testing.assert_close(one @ fused.T, one @ a.delta.T, atol=1e-5, rtol=0)
    torch.testing.assert_close(two @ fused.T, two @ b.delta.T, atol=1e-5, rtol=0)


def test_two_tables_that_met_different_rows_keep_all_their_rows():
    a, b = table([3, 0, 1, 0], 0), table([0, 2, 0, 0], 1)
    fused = fuse([a, b])
    assert torch.equal(fused.delta[[0, 2]], a.delta[[0, 2]])
    assert torch.equal(fused.delta[1], b.delta[1])
    torch.testing.assert_close(fused.delta[3], (a.delta[3] + b.delta[3]) / 2)  # met by none


def test_overlapping_features_give_the_least_squares_solution():
    x, y = features(20, 5, 0), features(30, 5, 1)
    a, b = linear(x, 4, 2), linear(y, 4, 3)
    outputs = torch.cat([x @ a.delta.T, y @ b.delta.T])
    wanted = torch.linalg.lstsq(torch.cat([x, y]), outputs).solution.T
    torch.testing.assert_close(fuse([a, b]).delta, wanted, atol=1e-5, rtol=0)


def test_rows_met_by_both_are_weighted_by_how_often():
    a, b = table([3.0], 0), table([1.0], 1)
    torch.testing.assert_close(fuse([a, b]).delta, (3 * a.delta + b.delta) / 4)


def test_layers_that_met_nearly_the_same_features_do_not_blow_up():
    x = features(1, 6, 0)
    y = x + 1e-4 * features(1, 6, 1)
    a, b = linear(x, 4, 2), linear(y, 4, 3)
    assert fuse([a, b]).delta.norm() < 2 * (a.delta.norm() + b.delta.norm())


@pytest.mark.parametrize("kind", ["table", "linear"])
def test_fusing_one_by_one_equals_fusing_together(kind):
    if kind == "table":
        layers = [table([3, 0, 1, 0, 0], 0), table([0, 2, 1, 0, 0], 1), table([0, 0, 4, 0, 1], 2)]
    else:
        layers = [linear(features(2, 8, seed), 3, 10 + seed) for seed in range(3)]  # ranks that leave some of the space unmet
    step, whole = fuse([fuse(layers[:2]), layers[2]]), fuse(layers)
    torch.testing.assert_close(step.delta, whole.delta, atol=1e-5, rtol=0)
    torch.testing.assert_close(step.met, whole.met)
    assert step.n_fused == whole.n_fused == 3


def test_nothing_to_fuse_and_layers_of_different_weights_are_refused():
    with pytest.raises(SettingsError, match="0 layers to fuse"):
        fuse([])
    with pytest.raises(SettingsError, match=r"layers of shapes .* cannot be fused: they belong to different weights"):
        fuse([table([1.0, 2.0], 0), table([1.0], 0)])


def test_a_layer_counts_its_bytes():
    assert table([1.0, 2.0], 0).nbytes == 2 * 3 * 4 + 2 * 8

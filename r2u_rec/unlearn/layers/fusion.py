"""Fuses unlearning layers in closed form: one layer reproduces the outputs of several on the features that each met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from r2u_rec.core.stored import StoredParts, StoredSource
from r2u_rec.errors import SettingsError

SMALLEST_SHARE = 1e-3
"""Directions whose part in the features is a smaller share than this of the largest count as never met: layers that met nearly the same
features need weights that grow without bound, which change the outputs of every other feature."""


@dataclass(frozen=True)
class Layer:
    """What a trained layer adds to one weight, and which features it met.

    Attributes:
        delta: what is added, in the weight's own shape: (n_rows, d) of a table, (d_out, d_in) of a linear map.
        met: float64; (n_rows,) how often each row of a table was met, or (d_in, d_in) the sum of x x^T over the features x that
            a linear map met.
        n_fused: how many trained layers are in it.
    """

    stored_as: ClassVar[str] = "unlearning_layer"

    delta: Tensor
    met: Tensor
    n_fused: int = 1

    def parts(self) -> StoredParts:
        """Returns every field."""
        return StoredParts({"delta": self.delta, "met": self.met}, {"n_fused": self.n_fused})

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the layer that was written."""
        return cls(source.tensors["delta"], source.tensors["met"], source.values["n_fused"])

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return self.delta.numel() * self.delta.element_size() + self.met.numel() * self.met.element_size()


def fuse(layers: Sequence[Layer]) -> Layer:
    """Returns the layer whose outputs are nearest, in least squares, to those of each layer on the features which that one met.

    With W_i the map of layer i and X_i the features that it met, W minimises sum_i |X_i W - X_i W_i|^2:
    W = G^+ sum_i G_i W_i + (1 - G^+ G) mean_i W_i with G_i = X_i^T X_i and G their sum; a table is the case of one-hot features, a
    weighted mean row by row. What none met gets the mean, so that one layer alone comes back as it is. Layers whose features are linearly
    independent of each other's, and not nearly dependent (`SMALLEST_SHARE`), keep every output. Fused layers may be fused on, as if all
    had been fused together.

    Raises:
        SettingsError: no layers, or layers of different weights.

    Source: Chen and Yang 2023, "Unlearn What You Want to Forget: Efficient Unlearning for LLMs", section 3.3, there for features of which G
        has full rank; the pseudo-inverse and the mean are ours.
    """
    if not layers:
        raise SettingsError("there are 0 layers to fuse: train one first")
    shapes = {(tuple(layer.delta.shape), tuple(layer.met.shape)) for layer in layers}
    if len(shapes) > 1:
        raise SettingsError(f"layers of shapes {sorted(shapes)} cannot be fused: they belong to different weights")
    n = sum(layer.n_fused for layer in layers)
    deltas = [layer.delta.to(torch.float64) for layer in layers]
    mean = torch.zeros_like(deltas[0])
    for layer, delta in zip(layers, deltas, strict=True):
        mean += delta * (layer.n_fused / n)
    met = torch.stack([layer.met for layer in layers]).sum(0)
    if met.ndim == 1:
        total = sum((layer.met[:, None] * delta for layer, delta in zip(layers, deltas, strict=True)), torch.zeros_like(mean))
        delta = torch.where(met[:, None] > 0, total / met[:, None].clamp_min(torch.finfo(torch.float64).tiny), mean)
    else:
        total = sum((delta @ layer.met for layer, delta in zip(layers, deltas, strict=True)), torch.zeros_like(mean))
        inverse = torch.linalg.pinv(met, rtol=SMALLEST_SHARE, hermitian=True)  # (d_in, d_in)
        delta = mean + (total - mean @ met) @ inverse
    return Layer(delta.to(layers[0].delta.dtype), met, n)

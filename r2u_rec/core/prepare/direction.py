"""The inner step: its geometry and its length."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from r2u_rec.core.rowwise import touched_rows
from r2u_rec.errors import SettingsError

Geometry = Literal["gradient", "sign", "normalised", "random"]
GEOMETRIES = get_args(Geometry)


@dataclass(frozen=True)
class Planned:
    """An inner step as long as the unlearning planned at deployment.

    Attributes:
        steps: ascent steps planned.
        size: length of one of them (the unlearner's learning rate).
        factor: multiple of the planned distance; 1.5 worked best in prototypes.
    """

    steps: int
    size: float
    factor: float = 1.5

    @property
    def alpha(self) -> float:
        return self.factor * self.steps * self.size


def displaced_names(model: nn.Module, patterns: Sequence[str] | None) -> list[str]:
    """Returns the trainable parameters' names that match a shell pattern (all when None); SettingsError when none does."""
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    if patterns is None:
        return names
    chosen = [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]
    if not chosen:
        raise SettingsError(f"displace={list(patterns)} matches no trainable parameter: name some of {names}")
    return chosen


def shaped(gradient: Mapping[str, Tensor], geometry: Geometry, rng: np.random.Generator | None = None) -> dict[str, Tensor]:
    """Returns the ascent direction: the gradient, its sign (the geometry of Adam), the gradient at unit length, or random signs.

    Sparse gradients stay sparse; their repeated rows are summed first, so that the sign is that of the sum.

    Args:
        rng: what random signs are drawn from. They stand where the sign of the gradient is not 0, so that the move is as long as
            that of "sign" and its direction is random: a control.

    Raises:
        SettingsError: an unknown geometry, or random signs without a generator.
    """
    if geometry == "gradient":
        return dict(gradient)
    summed = {name: _summed(g) for name, g in gradient.items()}
    if geometry == "random":
        if rng is None:
            raise SettingsError("geometry='random' draws signs: give the step's rng")
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        return {name: _mapped(g, lambda v: torch.sign(v) * _signs(v, generator)) for name, g in summed.items()}
    if geometry == "sign":
        return {name: _mapped(g, torch.sign) for name, g in summed.items()}
    if geometry == "normalised":
        total = torch.stack([_values(g).square().sum() for g in summed.values()]).sum()
        length = total.clamp_min(torch.finfo(total.dtype).tiny).sqrt()  # clamped first: the root has no derivative at 0
        return {name: _mapped(g, lambda v: v / length) for name, g in summed.items()}
    raise SettingsError(f"geometry must be one of {', '.join(GEOMETRIES)}, got {geometry!r}")


def _signs(like: Tensor, generator: torch.Generator) -> Tensor:
    return (torch.randint(0, 2, like.shape, generator=generator) * 2 - 1).to(like)


def _summed(g: Tensor) -> Tensor:
    if not g.is_sparse:
        return g
    rows, values = touched_rows(g)
    return torch.sparse_coo_tensor(rows.unsqueeze(0), values, g.shape, is_coalesced=True, check_invariants=False)


def _values(g: Tensor) -> Tensor:
    return g._values() if g.is_sparse else g


def _mapped(g: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    if not g.is_sparse:
        return change(g)
    return torch.sparse_coo_tensor(g._indices(), change(g._values()), g.shape, is_coalesced=True, check_invariants=False)

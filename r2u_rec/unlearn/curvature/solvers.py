"""Solvers of (H + damping I) x = b that ask for products H v alone: conjugate gradients, and LiSSA's Neumann series."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from r2u_rec.errors import DivergenceError, SettingsError

Product = Callable[[Tensor], Tensor]
"""v (m,) -> H v (m,), of a symmetric H."""


class Solver(Protocol):
    """Solves (H + damping I) x = right, or raises DivergenceError: an unfinished solution is never returned."""

    def solve(self, product: Product, right: Tensor, damping: float) -> Tensor: ...


@dataclass(frozen=True)
class ConjugateGradient:
    """Conjugate gradients, for a positive definite H + damping I.

    Attributes:
        steps: at most so many products.
        tolerance: the norm of the residual over that of `right` at which the solution is returned.

    Source: Hestenes and Stiefel (1952); for influence functions Martens (2010) and Koh and Liang (2017), section 3.
    """

    steps: int = 500
    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        _check(self.steps, self.tolerance)

    def solve(self, product: Product, right: Tensor, damping: float) -> Tensor:
        """Returns x (m,) with |right - (H + damping I) x| <= tolerance |right|.

        Raises:
            DivergenceError: not so after `steps`; H + damping I is found not to be positive definite; or not finite.
        """
        x, residual = torch.zeros_like(right), right.clone()
        direction, wanted = right.clone(), self.tolerance * float(right.norm())
        square = float(residual @ residual)
        for done in range(self.steps):
            if math.sqrt(square) <= wanted:
                return x
            moved = _finite(product(direction), done) + damping * direction
            curvature = float(direction @ moved)
            if not curvature > 0:
                along = curvature / float(direction @ direction)
                raise DivergenceError(
                    f"conjugate gradients met the curvature {along:g} at step {done} with damping {damping:g}, it must be > 0: raise "
                    f"damping by more than {-along:g}, or let fewer tables move (a product of two tables is convex in each alone)"
                )
            length = square / curvature
            x = x + length * direction
            residual = residual - length * moved
            before, square = square, float(residual @ residual)
            direction = residual + (square / before) * direction
        if math.sqrt(square) <= wanted:
            return x
        raise DivergenceError(_unfinished("conjugate gradients", self.steps, math.sqrt(square), wanted, self.tolerance))


@dataclass(frozen=True)
class Neumann:
    """The Neumann series of LiSSA on the whole data: h <- right + h - (H + damping I) h / scale, and x = h / scale.

    It converges when every eigenvalue of H + damping I lies in (0, 2 scale), at the pace of the smallest over `scale`.

    Attributes:
        steps: at most so many products.
        tolerance: as in `ConjugateGradient`.
        scale: None finds it, as 1.2 times the largest eigenvalue that 20 products of a power iteration see.

    Source: Agarwal, Bullins and Hazan (2017), LiSSA, section 3; with `scale` and damping as Koh and Liang (2017) use it. Ours is not
        stochastic, and stops by its residual, where released code takes the last of a fixed number of terms whatever it is.
    """

    steps: int = 5000
    tolerance: float = 1e-3
    scale: float | None = None

    def __post_init__(self) -> None:
        _check(self.steps, self.tolerance)
        if self.scale is not None and not self.scale > 0:
            raise SettingsError(f"scale must be > 0 or None, got {self.scale}: it must exceed half the largest eigenvalue")

    def solve(self, product: Product, right: Tensor, damping: float) -> Tensor:
        """Returns x (m,) with |right - (H + damping I) x| <= tolerance |right|.

        Raises:
            DivergenceError: not so after `steps`, or the series diverges: an eigenvalue lies outside (0, 2 scale).
        """
        first = float(right.norm())
        if first == 0:
            return torch.zeros_like(right)
        scale = self.scale or 1.2 * (_largest(product, right) + damping)
        h, size = right.clone(), first
        for done in range(self.steps):
            residual = right - (_finite(product(h), done) + damping * h) / scale
            size = float(residual.norm())
            if size <= self.tolerance * first:
                return h / scale
            if not size < 1e3 * first:
                raise DivergenceError(
                    f"the Neumann series grows (residual {size:.3g} of {first:.3g} after {done} steps, scale {scale:g}, damping "
                    f"{damping:g}): every eigenvalue of H + damping I must lie in (0, 2 scale); raise scale if one is larger, damping if "
                    "one is negative"
                )
            h = h + residual
        raise DivergenceError(_unfinished("the Neumann series", self.steps, size, self.tolerance * first, self.tolerance))


def _largest(product: Product, start: Tensor, steps: int = 20) -> float:
    """Returns the largest size of an eigenvalue that a power iteration from `start` sees."""
    v, size = start / start.norm(), 0.0
    for done in range(steps):
        moved = _finite(product(v), done)
        size = float(moved.norm())
        if size == 0:
            return 0.0
        v = moved / size
    return size


def _check(steps: int, tolerance: float) -> None:
    if steps < 1:
        raise SettingsError(f"steps must be >= 1, got {steps}")
    if not 0 < tolerance < 1:
        raise SettingsError(
            f"tolerance must lie in (0, 1), got {tolerance}: it is the size of the residual over that of the right-hand side"
        )


def _finite(moved: Tensor, done: int) -> Tensor:
    if not torch.isfinite(moved).all():
        raise DivergenceError(
            f"a product with the Hessian is not finite at step {done}: the model has diverged, or its loss has no curvature there"
        )
    return moved


def _unfinished(what: str, steps: int, size: float, wanted: float, tolerance: float) -> str:
    return (
        f"{what} ended after {steps} steps with a residual of {size:.3g}, more than {wanted:.3g} (tolerance {tolerance:g}): allow more "
        "steps, raise damping, or accept a larger tolerance"
    )

"""The attacks of benchmarks/two_snapshots.py: each gives every item a score, higher for what an erased user had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import orthogonal_procrustes


@dataclass(frozen=True)
class Snapshots:
    """What an attacker may know.

    Attributes:
        before: (n_items, d) the old item table. moved: (n_items, d) how far each item moved, as `moves` gives it.
        unsolved: (n_items, d) the move with the common curvature multiplied back, nearly the gradient's direction.
        counts: (n_items,) how many users have each item, which any shop shows.
        own: (d,) the user's vector from before. together: (n, d) those of all who were erased.
    """

    before: Any
    moved: Any
    unsolved: Any
    counts: Any
    own: Any
    together: Any


def moves(before: Any, after: Any) -> Any:
    """Returns (n_items, d) after less before, rotated onto it first where that brings the tables much nearer (a new training)."""
    turn, _ = orthogonal_procrustes(after, before)
    as_is, turned = after - before, after @ turn - before
    return turned if np.linalg.norm(turned) < 0.5 * np.linalg.norm(as_is) else as_is


def _lengths(rows: Any) -> Any:
    return np.maximum(np.linalg.norm(rows, axis=1), 1e-300)


def against_own(s: Snapshots) -> Any:
    """An item that the user had moves against the user's vector."""
    return -s.moved @ s.own


def angle_to_own(s: Snapshots) -> Any:
    return -(s.moved @ s.own) / _lengths(s.moved)


def against_own_unsolved(s: Snapshots) -> Any:
    return -(s.unsolved @ s.own) / _lengths(s.unsolved)


def decoded(s: Snapshots) -> Any:
    """Explains each item's move by the vectors of all who were erased together, ridge regression; the user's own share."""
    return _decode(s, s.unsolved)


def decoded_angle(s: Snapshots) -> Any:
    return _decode(s, s.unsolved / _lengths(s.unsolved)[:, None])


def _decode(s: Snapshots, moves: Any) -> Any:
    gram = s.together @ s.together.T
    gram[np.diag_indices_from(gram)] *= 1.01
    return -np.linalg.solve(gram, s.together @ moves.T)[np.argmin(np.abs(s.together - s.own).sum(1))]


def gradient_length(s: Snapshots) -> Any:
    """How long the gradient was that moved each item: curvature grows with the item's count, and the move shrinks with it."""
    return _lengths(s.unsolved) * s.counts


ATTACKS: dict[tuple[str, str], Callable[[Snapshots], Any]] = {
    ("item counts alone", "count"): lambda s: s.counts,
    ("the old model alone", "old score"): lambda s: s.before @ s.own,
    ("both item tables", "length of the move"): lambda s: _lengths(s.moved),
    ("both item tables", "relative length"): lambda s: _lengths(s.moved) / _lengths(s.before),
    ("both item tables", "gradient length"): gradient_length,
    ("both item tables", "first principal direction"): lambda s: np.abs(s.moved @ np.linalg.svd(s.moved, full_matrices=False)[2][0]),
    ("and the user's old vector", "against own"): against_own,
    ("and the user's old vector", "angle to own"): angle_to_own,
    ("and the user's old vector", "unsolved angle to own"): against_own_unsolved,
    ("and the old vectors of all erased", "decoded"): decoded,
    ("and the old vectors of all erased", "decoded angle"): decoded_angle,
}


def items_by_gram(old: Any, new: Any) -> Any:
    """Returns (n_items,) how much each item's count fell, from `gram_diagonal` of two versions of EASE's weights B alone.

    I - B = P diag(P)^-1 with a symmetric P gives diag(P), and so the Gram matrix P^-1, up to one factor, which cancels
    against items that no erased user had: those that lost least.
    """
    return old * np.quantile(new / old, 0.99) - new


def gram_diagonal(b: Any) -> Any:
    """Returns diag(G) up to a factor: I - B = P D^-1, D = diag(P), so G = D^-1 (I - B)^-1."""
    m = np.eye(len(b)) - b
    r = int(np.argmax(np.abs(m).sum(0)))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = m[:, r] / m[r]  # D_i / D_r
    ratio = np.where(np.isfinite(ratio) & (ratio > 0), ratio, np.nan)
    d = np.where(np.isnan(ratio), np.nanmedian(ratio), ratio)
    return np.linalg.inv(m).diagonal() / d

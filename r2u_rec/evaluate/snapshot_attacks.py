"""Attacks on an erasure by an observer of the model before and after it: each scores every item, higher for erased ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes

Values = NDArray[np.float64]

NOTHING, COUNTS, OLD_TABLE, OLD_MODEL = "nothing", "item counts alone", "the old item table alone", "the old model alone"
TABLES, OWN_VECTOR, ALL_VECTORS = "both item tables", "and the user's old vector", "and the old vectors of all erased"
OLD_MATRIX, MATRICES = "the old weight matrix alone", "both weight matrices"
WITHOUT_SECOND = (NOTHING, COUNTS, OLD_TABLE, OLD_MODEL, OLD_MATRIX)
"""Knowledge of attackers without a second snapshot."""


@dataclass(frozen=True, eq=False)
class Snapshots:
    """What an attacker may know of one erasure.

    Attributes:
        before: (n_items, d) the old item table. moved: (n_items, d) how far each item moved, as `moves` gives it.
        counts: (n_items,) records of each item before, or None. own: (n, d) old vectors of those erased together, or None.
    """

    before: Values
    moved: Values
    counts: Values | None = None
    own: Values | None = None

    @cached_property
    def lengths(self) -> Values:
        """(n_items,) how far each item moved; a least positive number where it stayed, so that counts order those."""
        return _lengths(self.moved)


def moves(before: Values, after: Values) -> Values:
    """Returns (n_items, d) after less before, rotated onto it first where that brings the tables much nearer (a new training)."""
    turn, _ = orthogonal_procrustes(after, before)
    as_is, turned = after - before, after @ turn - before
    return np.asarray(turned if np.linalg.norm(turned) < 0.5 * np.linalg.norm(as_is) else as_is)


def length_times_count(s: Snapshots) -> Values | None:
    """Nearly how long the gradient was that moved each item: curvature grows with the item's count, and the move shrinks with it."""
    return None if s.counts is None else s.lengths * s.counts


def count_and_length(s: Snapshots) -> Values | None:
    """As `length_times_count`, the length counting half: better where so many are erased together that the moves mix."""
    return None if s.counts is None else np.sqrt(s.lengths) * s.counts


def relative_length(s: Snapshots) -> Values:
    return np.where(s.moved.any(axis=1), s.lengths / _lengths(s.before), 0.0)


def first_direction(s: Snapshots) -> Values:
    """How far each item moved along the direction in which most of the moving was done."""
    return np.asarray(np.abs(s.moved @ np.linalg.svd(s.moved, full_matrices=False)[2][0]))


OF_ANYBODY: dict[tuple[str, str], Callable[[Snapshots], Values | None]] = {
    (COUNTS, "count"): lambda s: s.counts,
    (OLD_TABLE, "length of the vector"): lambda s: _lengths(s.before),
    (TABLES, "length of the move"): lambda s: s.lengths,
    (TABLES, "relative length"): relative_length,
    (TABLES, "length times count"): length_times_count,
    (TABLES, "count and length"): count_and_length,
    (TABLES, "first principal direction"): first_direction,
}
"""Attacks with the same scores for all who were erased together; None where the counts are not known."""


def against_own(s: Snapshots, own: Values, decoder: Values) -> Values:
    """What the user had moves against the user's vector."""
    return np.asarray(-s.moved @ own)


def angle_to_own(s: Snapshots, own: Values, decoder: Values) -> Values:
    return np.asarray(-(s.moved @ own) / s.lengths)


def old_score_and_angle(s: Snapshots, own: Values, decoder: Values) -> Values:
    """Scores of the old model for the user, corrected by the change that disfavours the user."""
    return _standardised(s.before @ own) + 0.5 * _standardised(angle_to_own(s, own, decoder))


OF_ONE_USER: dict[tuple[str, str], Callable[[Snapshots, Values, Values], Values]] = {
    (OLD_MODEL, "old score"): lambda s, own, decoder: s.before @ own,
    (OWN_VECTOR, "against own"): against_own,
    (OWN_VECTOR, "angle to own"): angle_to_own,
    (OWN_VECTOR, "old score and angle"): old_score_and_angle,
    (ALL_VECTORS, "decoded"): lambda s, own, decoder: -s.moved @ decoder,
    (ALL_VECTORS, "decoded angle"): lambda s, own, decoder: -(s.moved @ decoder) / s.lengths,
}
"""Attacks by old vectors: (what is known, the user's vector, the user's row of `decoders`) -> scores."""


def decoders(own: Values) -> Values:
    """Returns (n, d): the product of row i and a move is the share of user i when the vectors `own` (n, d) explain it, by ridge."""
    gram = own @ own.T  # (n, n)
    at = np.diag_indices_from(gram)
    gram[at] = 1.01 * gram[at] + 1e-12 * max(gram.max(), 1e-200)  # the second for users whose vector is zero
    return np.asarray(np.linalg.solve(gram, own))


def items_by_gram(old: Values, new: Values) -> Values:
    """Returns (n_items,) how much each item's count fell, from `gram_diagonal` of two versions of EASE's weights B alone.

    The factor of each cancels against items that no erased user had: those that lost least.
    """
    return np.asarray(old * np.quantile(new / old, 0.99) - new)


def gram_diagonal(b: Values) -> Values:
    """Returns (n_items,) the diagonal of the Gram matrix G = X^T X + reg I up to one factor, from EASE's weights `b` alone.

    I - B = P D^-1 with a symmetric P = G^-1 and D = diag(P): entries across the diagonal of I - B give D up to a factor, and
    so G = D^-1 (I - B)^-1.
    """
    m = np.eye(len(b)) - b
    r = int(np.argmax(np.abs(m).sum(0)))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = m[:, r] / m[r]  # D_i / D_r
    ratio = np.where(np.isfinite(ratio) & (ratio > 0), ratio, np.nan)
    d = np.where(np.isnan(ratio), np.nanmedian(ratio), ratio)
    return np.asarray(np.linalg.inv(m).diagonal() / d)


def _lengths(rows: Values) -> Values:
    return np.asarray(np.maximum(np.linalg.norm(rows, axis=1), 1e-300))


def _standardised(scores: Values) -> Values:
    """Returns the scores with mean 0 and spread 1; zeros where all are equal."""
    centred = scores - scores.mean()
    return np.asarray(centred / max(float(centred.std()), 1e-300))

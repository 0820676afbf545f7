"""Drift: how far a model's recommendations are from those of retrained models, compared with the distance among these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.ranking import CHUNK_ELEMENTS, Scores, rank

Lists = NDArray[np.int64]
"""(m, k) item codes, best first, one row a user, as `rank` gives them; -1 = no item."""


@dataclass(frozen=True)
class ListDrift:
    """How much the top k of a model and of retrained ones have in common; means over users, all in [0, 1].

    Two trainings of one recipe never agree completely; a model that reaches the floor is as close as a retrained one.

    Attributes:
        overlap: the share of the k items that model and retrained one list both, mean over the retrained ones.
        floor: the same of two retrained ones, mean over all pairs.
        weighted, weighted_floor: the same, the head of the lists counting more: see `weighted_overlap`.
        k: length of the lists. n_users, n_references: that the means stand on.
    """

    overlap: float
    floor: float
    weighted: float
    weighted_floor: float
    k: int
    n_users: int
    n_references: int


@dataclass(frozen=True, eq=False)
class Floor:
    """The lists of retrained models and what they have in common; built once, and compared with any number of models.

    It keeps lists only, no model.

    Attributes:
        lists: one (m, k) for each retrained model.
        overlap, weighted: means over users and pairs, as in `ListDrift`.
    """

    lists: tuple[Lists, ...]
    overlap: float
    weighted: float

    @classmethod
    def of(cls, lists: Sequence[Lists]) -> Floor:
        """Returns the floor of at least two retrained models' lists for the same users, in the same order.

        Raises:
            EvidenceError: fewer than two.
            ValueError: lists of different shapes, or no user.
        """
        if len(lists) < 2:
            raise EvidenceError(f"a floor needs the lists of at least 2 retrained models, got {len(lists)}: retrain with another seed")
        pairs = list(combinations(lists, 2))
        return cls(tuple(lists), _mean(list_overlap, pairs), _mean(weighted_overlap, pairs))

    def drift(self, ranked: Lists) -> ListDrift:
        """Returns how far the lists `ranked` of a model stand from those of the retrained ones.

        Raises:
            ValueError: the lists have another shape.
        """
        pairs = [(ranked, reference) for reference in self.lists]
        overlap, weighted = _mean(list_overlap, pairs), _mean(weighted_overlap, pairs)
        return ListDrift(overlap, self.overlap, weighted, self.weighted, ranked.shape[1], len(ranked), len(self.lists))


def list_drift(model: Scores, references: Sequence[Scores], seen: sparse.csr_array, users: ArrayLike, k: int = 20) -> ListDrift:
    """Returns how far `model` stands from retrained ones in the top `k` of `users`.

    Scores are held for some four million (user, item) pairs at a time; what stays is k items a user and model.

    Args:
        model: anything with `scores(users) -> (m, n_items)`.
        references: at least two retrained models.
        seen: (n_users, n_items) CSR; nonzero = never listed. The same for all models.
        users: (m,) user codes that all models know.

    Raises:
        EvidenceError: fewer than two references.
        ValueError: no user, and as in `rank`.
    """
    return Floor.of([rank(reference, seen, users, k) for reference in references]).drift(rank(model, seen, users, k))


def list_overlap(a: Lists, b: Lists) -> NDArray[np.float64]:
    """Returns (m,) the share of items that two lists have in common, of the longer one's, in any order; 1 for two empty lists.

    Raises:
        ValueError: lists of different shapes.
    """
    both = np.sort(np.concatenate(_checked(a, b), axis=1), axis=1)  # an item of both lists stands twice in a row
    common = ((both[:, 1:] == both[:, :-1]) & (both[:, 1:] >= 0)).sum(axis=1)
    n = _lengths(a, b)
    return np.where(n > 0, common / np.maximum(n, 1), 1.0)


def weighted_overlap(a: Lists, b: Lists) -> NDArray[np.float64]:
    """Returns (m,) the overlap of the first d items of two lists, mean over d = 1..length: the head counts more than the tail.

    The length is that of the longer list; 1 for two empty lists.

    Raises:
        ValueError: lists of different shapes.
    Source: Fagin, Kumar and Sivakumar 2003, the intersection metric, as a likeness.
    """
    a, b = _checked(a, b)
    m, k = a.shape
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, k + 1))])  # (k + 1,)
    ranks = np.arange(k)
    later = harmonic[np.maximum(ranks[:, None], ranks)].ravel()  # (k * k,) an item of both counts from its later rank on
    n = _lengths(a, b)
    out, step = np.empty(m), max(1, CHUNK_ELEMENTS // (k * k))
    for start in range(0, m, step):
        rows = slice(start, start + step)
        same = ((a[rows, :, None] == b[rows, None, :]) & (a[rows, :, None] >= 0)).reshape(-1, k * k)
        out[rows] = harmonic[n[rows]] * same.sum(axis=1) - same @ later
    return np.where(n > 0, out / np.maximum(n, 1), 1.0)


def _checked(a: Lists, b: Lists) -> tuple[Lists, Lists]:
    if a.ndim != 2 or a.shape != b.shape:
        raise ValueError(f"lists have shapes {a.shape} and {b.shape}, expected (m, k) twice: rank the same users with the same k")
    return a, b


def _lengths(a: Lists, b: Lists) -> NDArray[np.int64]:
    return np.asarray(np.maximum((a >= 0).sum(axis=1), (b >= 0).sum(axis=1)))


def _mean(likeness: Callable[[Lists, Lists], NDArray[np.float64]], pairs: Sequence[tuple[Lists, Lists]]) -> float:
    if len(pairs[0][0]) == 0:
        raise ValueError("there are no lists to compare: name at least one user")
    return float(np.mean([likeness(a, b).mean() for a, b in pairs]))

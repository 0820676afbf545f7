"""Imprint by fold-in: residual evidence of a user in the shared parameters, after the user's own row and edges are removed.

A user whom the model has never seen is folded in from one half A of the history, and the other half B is ranked. A model
that was trained on that history ranks B better than one that was not: its item table remembers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from r2u_rec.data.chronology import ranked_matrix
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import CapabilityError
from r2u_rec.evaluate.metrics import ndcg_at_k
from r2u_rec.evaluate.ranking import CHUNK_ELEMENTS, hits_of, top_k
from r2u_rec.rng import stream

MIN_HISTORY = 4
"""Fewer interactions make halves that are too short to rank from."""

N_NEGATIVES = 10
"""Fixed negatives beside each history item in the own loss."""


class FoldsIn(Protocol):
    """A model that scores all items for unknown users, from their histories alone."""

    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]: ...


@runtime_checkable
class HasOrder(Protocol):
    """A model that reads histories in order: `ordered` True has the values of a history be ranks in time, not ones."""

    ordered: bool


@runtime_checkable
class HasOwnLoss(Protocol):
    """A model that knows the mean loss, as it is trained by, of each of (m, n_items) histories."""

    def own_loss(self, histories: sparse.csr_array) -> NDArray[np.float64]: ...


@dataclass(frozen=True, eq=False)
class FoldIn:
    """What a probe measured on one model; row i belongs to users[i].

    Attributes:
        users: (n,) int64 user codes.
        fa: (n,) AUC in [0, 1] of ranking B above all items outside A and B after folding A in, both ways round,
            averaged over the halvings.
        fi: (n,) NDCG@20 in [0, 1] of B, A masked, averaged in the same way.
        own_loss: (n,) mean softplus(negative - positive score) over the whole history and its fixed negatives, after
            folding in the whole history; >= 0, log 2 = no preference. Of a model with `own_loss` it is that one, in its own unit.
    """

    users: NDArray[np.int64]
    fa: NDArray[np.float64]
    fi: NDArray[np.float64]
    own_loss: NDArray[np.float64]


class FoldInProbe:
    """Random halves of given users' histories, drawn once, so that every model is measured on the same halves.

    A user's halves depend on `seed` and the user's own code and history only, not on who else is measured.

    Attributes:
        users: (n,) int64 codes of the users measured.
        histories: (n, n_items) CSR of ones, row i the history of users[i].
        n_skipped: users asked for but left out: fewer than four interactions, or no item outside the history.
        n_halves: random halvings a user.
    """

    def __init__(self, histories: InteractionLog | sparse.csr_array, users: ArrayLike, *, n_halves: int = 5, seed: int) -> None:
        """Draws the halves and the fixed negatives.

        Args:
            histories: the log, or (n_users, n_items) CSR, that holds the users' histories (from before any erasure); models that
                read in order need a log with times.
            users: user codes = rows of `histories`.
            n_halves: random halvings a user, at least 1; each is used both ways round.
            seed: of halves and negatives.

        Raises:
            ValueError: n_halves below 1, a repeated or unknown user, or nobody with four interactions.
        """
        if n_halves < 1:
            raise ValueError(f"n_halves must be at least 1, got {n_halves}")
        whole = histories.matrix() if isinstance(histories, InteractionLog) else sparse.csr_array(histories)
        asked = np.asarray(users, dtype=np.int64).ravel()
        if np.unique(asked).size != asked.size:
            raise ValueError(f"users must be unique, got {asked.size - np.unique(asked).size} repeats: name each user once")
        if asked.size and not 0 <= asked.min() <= asked.max() < whole.shape[0]:
            raise ValueError(f"users must lie in [0, {whole.shape[0]}), the rows of histories, got {asked.min()} to {asked.max()}")
        theirs = sparse.csr_array(whole[asked], dtype=np.float32)
        theirs.sum_duplicates()
        theirs.eliminate_zeros()
        lengths = np.diff(theirs.indptr)
        usable = (lengths >= MIN_HISTORY) & (lengths < whole.shape[1])
        if not usable.any():
            raise ValueError(
                f"none of the {asked.size} users has {MIN_HISTORY} interactions or more and an item outside them: "
                "the imprint cannot be measured, name users with longer histories"
            )
        self.users: NDArray[np.int64] = asked[usable]
        self.histories: sparse.csr_array = sparse.csr_array(theirs[usable])
        self.histories.data[:] = 1
        self.n_skipped = int((~usable).sum())
        ranked = isinstance(histories, InteractionLog) and histories.time is not None
        self._ranks = ranked_matrix(histories)[self.users].data if ranked else None  # the structure is that of `histories`
        self.n_halves = n_halves
        self._in_a, self._negatives = self._draw(seed)

    def __len__(self) -> int:
        return len(self.users)

    def _draw(self, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
        """Returns (n_halves, nnz) membership of half A, and (nnz, N_NEGATIVES) items outside each user's history."""
        indptr, indices = self.histories.indptr, self.histories.indices
        in_a = np.zeros((self.n_halves, indices.size), dtype=bool)
        negatives = np.empty((indices.size, N_NEGATIVES), dtype=np.int32)
        for row, user in enumerate(self.users):
            here = slice(indptr[row], indptr[row + 1])
            n = here.stop - here.start
            rng = stream(seed, "fold-in", int(user))
            order = np.argsort(rng.random((self.n_halves, n)), axis=1)
            in_a[:, here] = order < n // 2
            outside = np.setdiff1d(np.arange(self.histories.shape[1], dtype=np.int32), indices[here], assume_unique=True)
            negatives[here] = rng.choice(outside, size=(n, N_NEGATIVES))
        return in_a, negatives

    def halves(self) -> Iterator[tuple[sparse.csr_array, sparse.csr_array]]:
        """Yields (A, B), each (n, n_items) CSR of ones, twice for each halving: A folded in, then B folded in."""
        for in_a in self._in_a:
            a, b = self._masked(in_a), self._masked(~in_a)
            yield a, b
            yield b, a

    def _given(self, histories: sparse.csr_array, at: NDArray[np.bool_], model: FoldsIn) -> sparse.csr_array:
        """Returns `histories`, those of the places `at`, with the values that the model reads: ones, or ranks in time."""
        if not (isinstance(model, HasOrder) and model.ordered):
            return histories
        if self._ranks is None:
            raise CapabilityError(
                f"{type(model).__name__} reads histories in order, and this probe knows no times: make it from a log with times"
            )
        return sparse.csr_array((self._ranks[at], histories.indices, histories.indptr), shape=histories.shape)

    def _masked(self, chosen: NDArray[np.bool_]) -> sparse.csr_array:
        indptr = np.concatenate([[0], np.cumsum(chosen)])[self.histories.indptr]
        data = np.ones(int(indptr[-1]), dtype=np.float32)
        return sparse.csr_array((data, self.histories.indices[chosen], indptr), shape=self.histories.shape)

    def measure(self, model: FoldsIn) -> FoldIn:
        """Returns the evidence that `model` still holds of each user.

        Memory does not grow with users or halvings: scores are held for some four million (user, item) pairs at a time.

        Raises:
            CapabilityError: the model has no `fold_in`.
            ValueError: `fold_in` gives another shape, or values that are not finite.
        """
        if not hasattr(model, "fold_in"):
            raise CapabilityError(
                f"{type(model).__name__} cannot be probed: a model needs fold_in(histories) -> (m, n_items), scores from histories alone"
            )
        fa, fi, own_loss = (np.zeros(len(self)) for _ in range(3))
        step = max(1, CHUNK_ELEMENTS // self.histories.shape[1])
        turns = (at for in_a in self._in_a for at in (in_a, ~in_a))
        for (a, b), at in zip(self.halves(), turns, strict=True):
            given = self._given(a, at, model)
            for start in range(0, len(self), step):
                rows = slice(start, start + step)
                auc, ndcg = rank_hidden_half(_folded(model, given[rows]), a[rows], b[rows])
                fa[rows] += auc
                fi[rows] += ndcg
        whole = self._given(self.histories, np.ones(self.histories.nnz, dtype=bool), model)
        for start in range(0, len(self), step):
            rows = slice(start, start + step)
            if isinstance(model, HasOwnLoss):
                own_loss[rows] = model.own_loss(whole[rows])
            else:
                own_loss[rows] = self._own_loss(_folded(model, whole[rows]), start)
        return FoldIn(users=self.users, fa=fa / (2 * self.n_halves), fi=fi / (2 * self.n_halves), own_loss=own_loss)

    def _own_loss(self, scores: NDArray[Any], start: int) -> NDArray[np.float64]:
        indptr = self.histories.indptr[start : start + len(scores) + 1]
        rows = np.repeat(np.arange(len(scores)), np.diff(indptr))  # (nnz,)
        here = slice(indptr[0], indptr[-1])
        positive = scores[rows, self.histories.indices[here]].astype(np.float64)
        negative = scores[rows[:, None], self._negatives[here]].astype(np.float64)  # (nnz, N_NEGATIVES)
        losses = np.logaddexp(0.0, negative - positive[:, None]).mean(axis=1)
        return np.asarray(np.bincount(rows, weights=losses, minlength=len(scores)) / np.diff(indptr))


def _folded(model: FoldsIn, histories: sparse.csr_array) -> NDArray[Any]:
    scores = np.asarray(model.fold_in(histories))
    if scores.shape != histories.shape:
        raise ValueError(f"fold_in gave scores of shape {scores.shape}, expected {histories.shape}: one row a history, one column an item")
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).any(axis=1).sum())
        raise ValueError(
            f"fold_in gave scores that are not finite for {bad} of {len(scores)} users: the model has diverged, nothing can be measured"
        )
    return scores


def rank_hidden_half(scores: NDArray[Any], a: sparse.csr_array, b: sparse.csr_array, k: int = 20) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns AUC of B against all items outside A and B, and NDCG@k of B with A masked; (m,) each.

    Args:
        scores: (m, n_items) after folding A in; not changed.
        a, b: (m, n_items) CSR of disjoint, nonempty halves.
        k: cut-off of the NDCG; lists are shorter where there are fewer items.
    """
    m, n_items = scores.shape
    left = np.array(scores)
    left[np.repeat(np.arange(m), np.diff(a.indptr)), a.indices] = -np.inf
    hits = hits_of(top_k(left, min(k, n_items)), b)
    ndcg = ndcg_at_k(hits, np.diff(b.indptr), k)
    rows = np.repeat(np.arange(m), np.diff(b.indptr))
    hidden = left[rows, b.indices]
    left[rows, b.indices] = -np.inf
    left.sort(axis=1)  # the masked come first
    auc = np.empty(m)
    for row in range(m):
        mine = hidden[b.indptr[row] : b.indptr[row + 1]]
        others = left[row, n_items - (n_items - (a.indptr[row + 1] - a.indptr[row]) - mine.size) :]
        below, not_above = np.searchsorted(others, mine, "left"), np.searchsorted(others, mine, "right")
        auc[row] = (below + not_above).mean() / (2 * others.size)
    return auc, ndcg

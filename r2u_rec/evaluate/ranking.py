"""Full ranking over all items, and how good it is: for each user, on average, by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from r2u_rec.errors import CapabilityError
from r2u_rec.evaluate import metrics

CHUNK_ELEMENTS = 2**22
"""Scores held at a time: 16 MB of float32, whatever the number of items."""


class Scores(Protocol):
    """A model that scores all items for users it knows."""

    def scores(self, users: NDArray[np.int64]) -> NDArray[np.float32]: ...


@dataclass(frozen=True, eq=False)
class RankingResult:
    """Ranking quality of every user who has something to be found.

    Attributes:
        users: (n,) int64 codes of the users measured, in the order asked for.
        per_user: name such as "NDCG@20" -> (n,) float64 in [0, 1].
        n_left_out: users asked for who have no relevant item: they are not in `users` and in no mean.
    """

    users: NDArray[np.int64]
    per_user: dict[str, NDArray[np.float64]]
    n_left_out: int

    def mean(self, among: ArrayLike | None = None) -> dict[str, float]:
        """Returns the mean of each metric over all measured users, or over those `among` a set of user codes.

        Raises:
            ValueError: no user is left to take a mean over.
        """
        chosen = np.ones(len(self.users), dtype=bool) if among is None else np.isin(self.users, among)
        if not chosen.any():
            raise ValueError(
                f"none of the {len(self.users)} measured users is in the group: a mean over nobody does not exist, name other users "
                f"({self.n_left_out} without relevant items were left out)"
            )
        return {name: float(values[chosen].mean()) for name, values in self.per_user.items()}


def top_k(scores: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Returns (m, k) item codes of the k highest scores in each row, best first.

    Equal scores go by the lower item code, so that the list does not depend on library or chunk. Items scored -inf
    are never listed; where fewer than k remain the row ends in -1.

    Args:
        scores: (m, n_items) float, -inf = masked.
        k: 1..n_items.

    Raises:
        ValueError: k out of range, or a score is NaN.
    """
    n_items = scores.shape[1]
    if not 1 <= k <= n_items:
        raise ValueError(f"k must lie in [1, {n_items}], the number of items, got {k}")
    if np.isnan(scores).any():
        bad = np.flatnonzero(np.isnan(scores).any(axis=1))
        raise ValueError(f"scores hold NaN in {bad.size} of {len(scores)} rows, the first {bad[0]}: the model has diverged, train it anew")
    values, items = (t.numpy() for t in torch.topk(torch.from_numpy(np.ascontiguousarray(scores)), k, sorted=False))
    by_code = np.argsort(items, axis=1)
    items, values = np.take_along_axis(items, by_code, 1), np.take_along_axis(values, by_code, 1)
    by_score = np.argsort(-values, axis=1, kind="stable")
    items, values = np.take_along_axis(items, by_score, 1), np.take_along_axis(values, by_score, 1)  # (m, k)
    last = values[:, -1:]
    for row in np.flatnonzero(((scores >= last).sum(axis=1) > k) & np.isfinite(last[:, 0])):  # a tie goes past the end of the list
        tied = np.flatnonzero(scores[row] >= last[row])
        items[row] = tied[np.argsort(-scores[row, tied], kind="stable")[:k]]
    items[np.isneginf(values)] = -1
    return items


def rank(model: Scores, seen: sparse.csr_array, users: ArrayLike, k: int) -> NDArray[np.int64]:
    """Returns (m, k) the k best items of each user among all items that the user has not seen.

    Args:
        model: anything with `scores(users) -> (m, n_items)`.
        seen: (n_users, n_items) CSR; nonzero = masked. Give training, or training plus validation, and say which.
        users: (m,) user codes = rows of `seen`.
        k: length of the lists; -1 fills lists of users with fewer unseen items.

    Raises:
        CapabilityError: the model has no `scores`.
        ValueError: scores of another shape than (m, n_items), NaN scores, or k out of range.
    """
    if not hasattr(model, "scores"):
        raise CapabilityError(f"{type(model).__name__} cannot be ranked: a model needs scores(users) -> (m, n_items) to be evaluated")
    users = np.asarray(users, dtype=np.int64)
    n_items = seen.shape[1]
    out = np.empty((len(users), k), dtype=np.int64)
    step = max(1, CHUNK_ELEMENTS // n_items)
    for start in range(0, len(users), step):
        chunk = users[start : start + step]
        scores = np.array(model.scores(chunk))  # a copy: the mask below must not reach the model's own memory
        if scores.shape != (len(chunk), n_items):
            raise ValueError(
                f"the model's scores have shape {scores.shape}, expected {(len(chunk), n_items)}: one row a user, one column an item"
            )
        masked = sparse.csr_array(seen[chunk])
        scores[np.repeat(np.arange(len(chunk)), np.diff(masked.indptr)), masked.indices] = -np.inf
        out[start : start + step] = top_k(scores, k)
    return out


def hits_of(ranked: NDArray[np.int64], relevant: sparse.csr_array) -> NDArray[np.bool_]:
    """Returns (m, k) whether each ranked item is relevant; row i of `relevant` (m, n_items) belongs to row i of `ranked`."""
    m, n_items = relevant.shape
    rows = np.repeat(np.arange(m, dtype=np.int64), np.diff(relevant.indptr))
    wanted = np.sort(rows * n_items + relevant.indices)
    if wanted.size == 0:
        return np.zeros(ranked.shape, dtype=bool)
    keys = np.arange(m, dtype=np.int64)[:, None] * n_items + ranked
    at = np.minimum(np.searchsorted(wanted, keys), wanted.size - 1)
    return np.asarray((wanted[at] == keys) & (ranked >= 0))


def ranking_metrics(ranked: NDArray[np.int64], relevant: sparse.csr_array, users: ArrayLike, ks: Sequence[int]) -> RankingResult:
    """Returns Recall, NDCG, MRR, Hit and Precision at each K for every user with at least one relevant item.

    Args:
        ranked: (m, k) item codes, best first, as `rank` gives them; -1 = no item.
        relevant: (n_users, n_items) CSR; nonzero = to be found (the test items).
        users: (m,) the user of each row of `ranked`.
        ks: cut-offs, each at most k.

    Users without a relevant item are left out of every figure; `n_left_out` counts them.

    Raises:
        ValueError: rows and users differ in number, or a cut-off lies outside [1, k].
    """
    users = np.asarray(users, dtype=np.int64)
    if len(users) != len(ranked):
        raise ValueError(f"ranked has {len(ranked)} rows for {len(users)} users: give one list a user, in the same order")
    for k in ks:
        if not 1 <= k <= ranked.shape[1]:
            raise ValueError(f"cut-off {k} lies outside [1, {ranked.shape[1]}], the length of the lists: rank with a larger k")
    theirs = sparse.csr_array(relevant[users])
    theirs.eliminate_zeros()
    counts = np.diff(theirs.indptr).astype(np.int64)
    some = counts > 0
    hits, n_relevant = hits_of(ranked, theirs)[some], counts[some]
    per_user: dict[str, NDArray[np.float64]] = {}
    for k in ks:
        per_user[f"Recall@{k}"] = metrics.recall_at_k(hits, n_relevant, k)
        per_user[f"NDCG@{k}"] = metrics.ndcg_at_k(hits, n_relevant, k)
        per_user[f"MRR@{k}"] = metrics.mrr_at_k(hits, k)
        per_user[f"Hit@{k}"] = metrics.hit_at_k(hits, k)
        per_user[f"Precision@{k}"] = metrics.precision_at_k(hits, k)
    return RankingResult(users=users[some], per_user=per_user, n_left_out=int((~some).sum()))

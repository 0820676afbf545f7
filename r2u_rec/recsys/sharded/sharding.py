"""Recommenders in shards: all of a user's records in one part, and one ranking from shards whose vectors do not compare."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import rankdata
from torch import nn

from r2u_rec.core.stored import StoredParts, StoredSource, as_tensor
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.recsys.serving.fold_in import ridge_fold_in
from r2u_rec.unlearn.partition import hashed
from r2u_rec.unlearn.sharded import Aggregate

Combine = Literal["mean", "proportional", "own", "vote"]
COMBINES = ("mean", "proportional", "own", "vote")

SERVING = {"unseen_weight": 0.03, "reg": 10.0}
"""The ridge by which a shard answers for a history that it does not hold, chosen by the validation part of ml-100k (MF, 4 shards).
That of the models' own `fold_in` fits a history more closely, as a probe for memories should, and ranks worse."""


@dataclass(frozen=True)
class ByUser:
    """Deals users to parts with all their records, so that the erasure of a user touches one.

    Attributes:
        balanced: False deals by a keyed hash of the user's own key: a user's part depends on nobody else, and parts are even up to chance
            (k parts of n users differ by about sqrt(n / k)). True deals the heaviest users first, each to the part with the fewest
            records so far: even, but where a user goes depends on the others, so that forgetting is approximate.
    """

    balanced: bool = False

    @property
    def depends_on_data(self) -> bool:
        return self.balanced

    def __call__(self, records: InteractionLog, n_parts: int, rng: np.random.Generator) -> NDArray[np.int64]:
        keys = pd.util.hash_pandas_object(records.user_keys.keys, index=False).to_numpy()
        part = hashed(keys, n_parts, rng)  # (n_users,)
        if self.balanced:
            lots = [(0, p) for p in range(n_parts)]
            counts = records.user_counts
            for user in np.lexsort((keys, -counts)).tolist():
                n, lightest = lots[0]
                part[user] = lightest
                heapq.heapreplace(lots, (n + int(counts[user]), lightest))
        return part[records.user]


def served(combine: Combine = "mean", *, fold_all: bool = False) -> Aggregate:
    """Returns the aggregate that serves all shards as one `ShardedRecommender`, whose arguments these are."""
    _check(combine)
    return lambda task, models, parts, *, seed: ShardedRecommender(models, parts, combine, fold_all=fold_all)


class ShardedRecommender(nn.Module):
    """Scores an item by what all shards say of it.

    Vectors of different shards live in different spaces and are never mixed. Each shard's scores are standardised within the user, since
    their scale differs too, and then averaged. A shard that holds none of a user's records answers for the user's whole history by
    a ridge on its item table (`SERVING`), or by its own `fold_in` where it has no `tables`; shards without any record have no say.
    A user without a history scores 0 everywhere.

    Args:
        shards: models with `scores(users)` and `fold_in(histories)`, each attached to its part.
        parts: the records of each shard.
        combine: "mean"; "proportional", weighted by the records of a shard; "own", only the shards that hold records of the user, weighted
            by how many (unknown users get the mean); or "vote", the mean of ranks (Borda), equal scores sharing theirs.
        fold_all: fold every history into every shard, also those that have a vector of the user.

    Source: Bourtoule et al. 2021, Machine Unlearning, for mean, proportional and vote, there over classes.
    """

    stored_as: ClassVar[str] = "sharded_recommender"

    def __init__(
        self, shards: Sequence[nn.Module], parts: Sequence[InteractionLog], combine: Combine = "mean", *, fold_all: bool = False
    ) -> None:
        super().__init__()
        _check(combine)
        for shard in shards:
            missing = [name for name in ("scores", "fold_in") if not hasattr(shard, name)]
            if missing:
                raise CapabilityError(f"{type(shard).__name__} has no {' and no '.join(missing)}: shards of recommenders need both")
        self.shards = nn.ModuleList(shards)
        self.combine, self.fold_all = combine, fold_all
        self.counts = np.stack([part.user_counts for part in parts]).astype(np.int32)  # (n_shards, n_users) records of each user
        self.histories: sparse.csr_array = sum((part.matrix() for part in parts[1:]), start=parts[0].matrix())
        self.histories.data[:] = 1

    def parts(self) -> StoredParts:
        """Returns how shards are combined; the shards themselves are those of the memory beside the model."""
        shards = {str(i): shard for i, shard in enumerate(self.shards)}
        values = {"combine": self.combine, "fold_all": self.fold_all, "n_shards": len(shards)}
        return StoredParts({"counts": as_tensor(self.counts)}, values, shared=shards)

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the system that was written, on the histories of its records."""
        n, values = source.values["n_shards"], source.values
        system = cls([source.shared(str(i)) for i in range(n)], [source.records] * n, values["combine"], fold_all=values["fold_all"])
        system.counts = source.tensors["counts"].numpy()
        return system

    def rebuild(self, records: InteractionLog) -> None:
        """Sets the histories to those of `records`; shards stay on their own parts, which only training changes.

        Raises:
            ValueError: `records` count other users or items than the shards.
        """
        if (records.n_users, records.n_items) != self.histories.shape:
            raise ValueError(
                f"the records count {records.n_users} users and {records.n_items} items, the shards {self.histories.shape[0]} and "
                f"{self.histories.shape[1]}: use the log that they were made for, or one derived from it"
            )
        self.histories = records.matrix()
        self.counts = np.where(records.user_counts > 0, self.counts, 0).astype(np.int32)

    def forget_rows_(self, users: NDArray[Any]) -> None:
        """Empties the rows of the user codes in every shard."""
        shard: Any
        for shard in self.shards:
            shard.forget_rows_(users)

    def scores(self, users: NDArray[Any]) -> NDArray[np.float32]:
        """Returns (m, n_items) scores of every item for the user codes (m,); nothing is masked."""
        users = np.asarray(users, dtype=np.int64)
        return self._combined(self.histories[users], self.counts[:, users], users)

    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]:
        """Returns (m, n_items) scores for histories (m, n_items) of people that no shard need know, by the `fold_in` of each shard."""
        return self._combined(histories, np.zeros((len(self.shards), histories.shape[0]), dtype=np.int32))

    def _combined(
        self, histories: sparse.csr_array, counts: NDArray[np.int32], users: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Returns (m, n_items) for the rows of `histories`, given how many records (n_shards, m) each shard holds of the codes `users`."""
        total = np.zeros(histories.shape)
        shard: Any
        for shard, weight, held in zip(self.shards, self._weights(counts), counts, strict=True):
            at = np.flatnonzero(weight)
            if at.size == 0:
                continue
            known = held[at] > 0 if users is not None and not self.fold_all else np.zeros(len(at), dtype=bool)
            found = np.empty((len(at), histories.shape[1]))
            if users is not None and known.any():
                found[known] = shard.scores(users[at[known]])
            if not known.all():
                found[~known] = shard.fold_in(histories[at[~known]]) if users is None else _answer(shard, histories[at[~known]])
            total[at] += weight[at, None] * (_ranks(found) if self.combine == "vote" else _standardised(found))
        return total.astype(np.float32)

    def _weights(self, counts: NDArray[np.int32]) -> NDArray[np.float64]:
        """Returns (n_shards, m) what each shard's word counts in each row; sums to one over the shards."""
        sizes = self.counts.sum(axis=1)
        weights = np.repeat((sizes if self.combine == "proportional" else sizes > 0)[:, None], counts.shape[1], axis=1).astype(np.float64)
        if self.combine == "own":
            weights = np.where(counts.any(axis=0), counts, weights)
        shares: NDArray[np.float64] = weights / np.maximum(weights.sum(axis=0), 1)
        return shares


def _answer(shard: Any, histories: sparse.csr_array) -> NDArray[np.float32]:
    """Returns (m, n_items) scores of one shard for histories of users that it does not hold."""
    if hasattr(shard, "tables"):
        return ridge_fold_in(shard.tables()[1].detach(), histories, **SERVING)
    found: NDArray[np.float32] = shard.fold_in(histories)
    return found


def _standardised(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns each row with mean 0 and standard deviation 1; a row of equal scores becomes 0."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    scaled: NDArray[np.float64] = centred / np.where(spread > 1e-9 * np.abs(scores).max(axis=1, keepdims=True), spread, np.inf)
    return scaled


def _ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns each row's ranks in [-1, 1], the best 1, equal scores their mean; a row of equal scores becomes 0."""
    n = scores.shape[1]
    ranks: NDArray[np.float64] = (2 * rankdata(scores, axis=1) - n - 1) / max(n - 1, 1)
    return ranks


def _check(combine: str) -> None:
    if combine not in COMBINES:
        raise SettingsError(f"combine must be one of {', '.join(COMBINES)}, got {combine!r}")

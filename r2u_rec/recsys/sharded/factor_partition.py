"""Partitions by similarity: users, items or interactions whose vectors are near each other share a shard."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from r2u_rec.core.trainer import Trainer
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.recsys.sharded.balanced import View, balanced_clusters
from r2u_rec.recsys.tasks.ranking import RankingTask

Unit = Literal["user", "item", "interaction"]
UNITS = ("user", "item", "interaction")
Capacity = Callable[[int, int], int]
"""(n units, k clusters) -> units that a cluster holds at most."""


class Clusters(Protocol):
    """A way to cluster units by their vectors: (n,) labels 0..k-1, none more often than `capacity` times."""

    def __call__(self, views: list[View], k: int, capacity: int, rng: np.random.Generator) -> NDArray[np.int64]: ...


def slack_capacity(slack: float = 1.2) -> Capacity:
    """Returns the capacity slack * n / k, rounded up; SettingsError for a slack below 1.

    Source: RecEraser, whose default is 1.2.
    """
    if not slack >= 1:
        raise SettingsError(f"slack must be >= 1, got {slack}: smaller clusters cannot hold all units")
    return lambda n, k: math.ceil(slack * n / k - 1e-9)


PAPERS_CAPACITY = slack_capacity()


def against_own_items(task: Any) -> Any:
    """Returns the task whose uniform negatives are drawn among the items that have a record in the shard, for `Sharded.task_of_shard`.

    Shards of items or of interactions that are alike hold few of the items. Against uniform negatives, most of them items of other
    shards, such a shard learns which items are its own and little else. Its own items keep it a function of its own records. On ml-1m,
    5 shards, validation part, Recall@20 rises from .197 to .225 with items and from .153 to .190 with interactions. In a small catalogue it
    may hurt: a shard whose users have nearly all of its items has no negative left that tells anything.
    """
    return replace(task, negatives="present") if isinstance(task, RankingTask) and task.negatives == "uniform" else task


@dataclass(frozen=True)
class ByFactors:
    """Deals units of records by clusters of their vectors in a model that is trained for this alone and thrown away.

    A unit is a user (UBP: the erasure of a user touches one shard), an item (IBP) or an interaction (InBP: an erased user may touch all
    shards); its distance to a centroid is the squared distance of its vector, for an interaction the product of its user's and its
    item's. Nothing of the vectors is kept, only the shard of each record.

    Attributes:
        trainer, task: train the model of the vectors on the records that are dealt; it needs `tables()`.
        unit: what shares a shard.
        capacity: units that a shard holds at most; a hard bound.
        clusters: from vectors to shards; `balanced_clusters` unless another is given.

    Source: Chen et al. 2022, Recommendation Unlearning (RecEraser), sections 3.2.1 to 3.2.3. The vectors are those of any model that trains
        by gradient, there of WMF; centroids start by `spread_start`, there at random. Its released code averages centroids over
        all dimensions at once, which leaves one number a centroid; here each dimension has its own mean, as in the paper.
    """

    depends_on_data: ClassVar[bool] = True

    trainer: Trainer
    task: Any
    unit: Unit = "user"
    capacity: Capacity = PAPERS_CAPACITY
    clusters: Clusters = balanced_clusters

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise SettingsError(f"unit must be one of {', '.join(UNITS)}, got {self.unit!r}")

    def __call__(self, records: InteractionLog, n_parts: int, rng: np.random.Generator) -> NDArray[np.int64]:
        users, items = self._vectors(records, int(rng.integers(2**31)))
        if self.unit == "interaction":
            views = [View(users, records.user), View(items, records.item)]
            return self.clusters(views, n_parts, self.capacity(len(records), n_parts), rng)
        table, of = (users, records.user) if self.unit == "user" else (items, records.item)
        present, where = np.unique(of, return_inverse=True)  # without a record there is nothing to deal
        labels = self.clusters([View(table, present)], n_parts, self.capacity(len(present), n_parts), rng)
        dealt: NDArray[np.int64] = labels[where]
        return dealt

    def _vectors(self, records: InteractionLog, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Returns (n_users, d) and (n_items, d) of a model trained on `records`; CapabilityError when it has no tables."""
        model = self.trainer.train(self.task, records, seed=seed)
        if not hasattr(model, "tables"):
            raise CapabilityError(
                f"{type(model).__name__} has no tables(): a partition by vectors needs the user and item vectors of a model"
            )
        users, items = (table.numpy(force=True) for table in model.tables())  # type: ignore[operator]
        return users, items

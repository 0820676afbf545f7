"""RecEraser: similar records share a shard, and an attention that is learned anew after each erasure makes one model of the shards."""

from __future__ import annotations

from typing import Any

from r2u_rec.core.trainer import Trainer
from r2u_rec.recsys.sharded.attention import Attention
from r2u_rec.recsys.sharded.factor_partition import ByFactors, Unit, against_own_items, slack_capacity
from r2u_rec.recsys.sharded.shard_tables import Absent
from r2u_rec.unlearn.sharded import Aggregate, Sharded

ABSENT_BY: dict[Unit, Absent] = {"user": "fold", "item": "silent", "interaction": "initial"}
"""Vectors of users and items without records in a shard: each the best on validation (ml-100k, MF, 5 shards, seed 900)."""


def receraser(
    trainer: Trainer,
    task: Any,
    *,
    shards: int = 5,
    by: Unit = "user",
    pretrain: Trainer | None = None,
    slack: float = 1.2,
    slices: int = 1,
    own_items: bool = False,
    aggregate: Aggregate | None = None,
) -> Sharded:
    """Returns RecEraser for any model that trains by gradient and has `tables()`. Approximate.

    A request trains the shards that it touches again (one for a user with by="user", up to all with "item" and "interaction"), and the
    aggregation on all that remains. What stays of the erased records: where the others belong was decided with them, by clusters
    of vectors that were learned from all records. The vectors themselves are not kept, and shards that a request does not touch
    never saw its records.

    Args:
        trainer, task: of the shards; pretrain: of the vectors that the partition clusters, None for `trainer`.
        shards: number of shards; by: what shares a shard, "user" (UBP), "item" (IBP) or "interaction" (InBP).
        slack: a shard holds at most slack * n / shards units.
        slices: of each shard, with checkpoints, as in SISA; 1 in the paper.
        own_items: shards learn against the items that have a record in them, see `against_own_items`; for by="item" and "interaction" on
            large catalogues.
        aggregate: None for `Attention(absent=ABSENT_BY[by])`.

    Source: Chen et al. 2022, Recommendation Unlearning; deviations stand with `ByFactors`, `against_own_items` and `Attention`.
    """
    partition = ByFactors(pretrain or trainer, task, by, slack_capacity(slack))
    return Sharded(
        trainer,
        partition,
        aggregate or Attention(absent=ABSENT_BY[by]),
        shards,
        slices,
        task_of_shard=against_own_items if own_items else None,
    )

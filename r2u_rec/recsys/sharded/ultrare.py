"""UltraRE: clusters of equal size by optimal transport, and a simple combiner over the scores of the shards."""

from __future__ import annotations

from typing import Any

from r2u_rec.core.trainer import Trainer
from r2u_rec.recsys.sharded.factor_partition import ByFactors, Unit, against_own_items
from r2u_rec.recsys.sharded.score_weights import ScoreWeights
from r2u_rec.recsys.sharded.transport import TransportClusters, equal_capacity
from r2u_rec.unlearn.sharded import Aggregate, Sharded


def ultrare(
    trainer: Trainer,
    task: Any,
    *,
    shards: int = 5,
    by: Unit = "user",
    pretrain: Trainer | None = None,
    epsilon: float = 0.02,
    slices: int = 1,
    own_items: bool = False,
    aggregate: Aggregate | None = None,
) -> Sharded:
    """Returns UltraRE for any model that trains by gradient and has `tables()`. Approximate.

    What a request trains again and what stays of the erased records is as with `receraser`: only the clusters and the combiner differ.

    Args:
        trainer, task: of the shards; pretrain: of the vectors that are clustered, None for `trainer`.
        shards: number of shards, of equal size; by: what shares a shard.
        epsilon: of the transport, see `TransportClusters`.
        own_items: shards learn against the items that have a record in them, see `against_own_items`; for by="item" and "interaction" on
            large catalogues.
        aggregate: None for a logistic combiner, `ScoreWeights` with loss "bce" and free weights, learned on the records of all users.

    Source: Li et al. 2023, UltraRE: Enhancing RecEraser for Recommendation Unlearning via Error Decomposition.
    """
    partition = ByFactors(pretrain or trainer, task, by, equal_capacity, TransportClusters(epsilon))
    combiner = aggregate or ScoreWeights(loss="bce", nonnegative=False, sample_users=None)
    return Sharded(trainer, partition, combiner, shards, slices, task_of_shard=against_own_items if own_items else None)

"""GraphEraser for recommenders: communities or embedding clusters as shards, learned weights over their scores."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from r2u_rec.core.trainer import Trainer
from r2u_rec.errors import SettingsError
from r2u_rec.recsys.sharded.balanced import balanced_clusters
from r2u_rec.recsys.sharded.factor_partition import ByFactors
from r2u_rec.recsys.sharded.label_propagation import ByLabelPropagation, narrow_capacity
from r2u_rec.recsys.sharded.score_weights import ScoreWeights
from r2u_rec.unlearn.sharded import Aggregate, Sharded


def grapheraser(
    trainer: Trainer,
    task: Any,
    *,
    shards: int = 10,
    by: Literal["blpa", "bekm"] = "blpa",
    pretrain: Trainer | None = None,
    slices: int = 1,
    aggregate: Aggregate | None = None,
) -> Sharded:
    """Returns GraphEraser on the graph of who has what, for any model that trains by gradient and has `tables()`. Approximate.

    Users are dealt with all their records: a user's erasure trains one shard again, and the weights of the shards on what remains.
    What stays of the erased records: where the other users belong was decided with them.

    Args:
        trainer, task: of the shards; pretrain: of the embeddings that "bekm" clusters, None for `trainer`.
        shards: number of shards; by: "blpa", balanced label propagation, or "bekm", balanced k-means of user embeddings.
        aggregate: None for LBAggr, `ScoreWeights()`.

    Raises:
        SettingsError: another `by`.

    Source: Chen et al. 2022, Graph Unlearning. Its nodes are all of one kind, here edges are the records and belong where their user does.
    """
    if by not in ("blpa", "bekm"):
        raise SettingsError(f"by must be 'blpa' or 'bekm', got {by!r}")
    clusters = partial(balanced_clusters, iterations=20)
    partition = ByLabelPropagation() if by == "blpa" else ByFactors(pretrain or trainer, task, "user", narrow_capacity, clusters)
    return Sharded(trainer, partition, aggregate or ScoreWeights(penalty=0.01), shards=shards, slices=slices)

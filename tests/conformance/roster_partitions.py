"""The partition family: RecEraser, UltraRE and GraphEraser, and learned aggregation over a partition by hash, which is exact."""

from __future__ import annotations

from typing import Any

from roster import TASKS as KNOWN
from roster import TRAINERS

from r2u_rec.core.training import Training
from r2u_rec.recsys.sharded.attention import Attention
from r2u_rec.recsys.sharded.grapheraser import grapheraser
from r2u_rec.recsys.sharded.receraser import receraser
from r2u_rec.recsys.sharded.score_weights import ScoreWeights
from r2u_rec.recsys.sharded.sharding import ByUser
from r2u_rec.recsys.sharded.ultrare import ultrare
from r2u_rec.unlearn.sharded import Sharded

TASKS: dict[str, Any] = {}
TRAINER, TASK = TRAINERS["standard"], KNOWN["MF, BPR"]
ATTENTION = Attention(Training(epochs=4, batch_size=72, lr=0.03))
WEIGHTS = ScoreWeights(Training(epochs=3, batch_size=72, lr=0.02))
WEIGHTS_FREE = ScoreWeights(Training(epochs=3, batch_size=72, lr=0.02), "bce", nonnegative=False, sample_users=None)
METHODS = {
    "receraser, users": receraser(TRAINER, TASK, shards=2, slices=2, aggregate=ATTENTION),
    "receraser, items": receraser(TRAINER, TASK, shards=2, by="item", aggregate=ATTENTION),
    "receraser, interactions": receraser(TRAINER, TASK, shards=2, by="interaction", aggregate=ATTENTION),
    "attention over a hash": Sharded(TRAINER, ByUser(), ATTENTION, shards=2),
    "weights over a hash": Sharded(TRAINER, ByUser(), WEIGHTS, shards=2),
    "ultrare": ultrare(TRAINER, TASK, shards=2, epsilon=0.1, aggregate=WEIGHTS_FREE),
    "grapheraser, blpa": grapheraser(TRAINER, TASK, shards=2, aggregate=WEIGHTS),
    "grapheraser, bekm": grapheraser(TRAINER, TASK, shards=2, by="bekm", aggregate=WEIGHTS),
}
ON_GRAPHS = ("receraser, users", "attention over a hash", "grapheraser, blpa")
PAIRS = [(method, "MF, BPR") for method in METHODS] + [(method, "LightGCN") for method in ON_GRAPHS]

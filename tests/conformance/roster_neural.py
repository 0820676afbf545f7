"""Neural recommenders in the conformance suite: a transformer over sequences, an autoencoder, NeuMF."""

from __future__ import annotations

from roster import STRATEGIES

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.recsys.models.autoencoder import autoencoder
from r2u_rec.recsys.models.sasrec import sasrec
from r2u_rec.recsys.sharded.sharding import ByUser, served
from r2u_rec.recsys.tasks.history import HistoryTask, Polished
from r2u_rec.recsys.tasks.ranking import RankingTask, neumf
from r2u_rec.recsys.tasks.sequence import SequenceTask
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.retrain import Retrain
from r2u_rec.unlearn.sharded import Sharded

TASKS = {
    "SASRec": SequenceTask(sasrec(8, n_blocks=1, max_length=4, dropout=0.0), "softmax"),
    "autoencoder": HistoryTask(autoencoder(4, dropout=0.3)),
    "NeuMF": RankingTask(neumf(4, (8,)), "bce", n_negatives=2, reg=0.02),
}
TRAINER = GradientTrainer(Training(epochs=12, batch_size=72, lr=0.05))
PREPARED = GradientTrainer(Training(epochs=12, batch_size=72, lr=0.05), STRATEGIES["prepared"])
METHODS = {
    "neural + newton": PostHoc(TRAINER, BlockNewton(n_kept=4, tables=("item_*", "output_rows"))),
    "neural + ascent": PostHoc(TRAINER, GradientAscent(steps=3, lr=0.05)),
    "neural, prepared + newton": PostHoc(PREPARED, BlockNewton(damping=1.0, n_kept=4)),
    "neural, retrained": Retrain(TRAINER),
    "neural, sharded": Sharded(TRAINER, ByUser(), served(), shards=2, slices=2),
    "polished + newton": PostHoc(Polished(TRAINER, reg=0.2), BlockNewton(damping=0.2, n_kept=4, shares={"input_rows": 0.3})),
}
PAIRS = [("neural + newton", task) for task in TASKS]
PAIRS += [("neural + ascent", "SASRec"), ("neural, retrained", "SASRec"), ("neural, sharded", "SASRec"), ("neural + ascent", "autoencoder")]
PAIRS += [("neural, prepared + newton", "NeuMF"), ("neural, prepared + newton", "SASRec"), ("polished + newton", "autoencoder")]

"""Neural recommenders for the suite of recommenders: see `test_recommenders.py`."""

from __future__ import annotations

from typing import Any

from r2u_rec.core.protocols import Fitted
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.recsys.models.autoencoder import autoencoder
from r2u_rec.recsys.models.sasrec import sasrec
from r2u_rec.recsys.tasks.history import HistoryTask
from r2u_rec.recsys.tasks.ranking import RankingTask, neumf
from r2u_rec.recsys.tasks.sequence import SequenceTask

TRAINER = GradientTrainer(Training(epochs=12, batch_size=72, lr=0.04))


def trained(task: Any) -> Any:
    return lambda log, seed: Fitted(TRAINER.train(task, log, seed=seed), log)


MODELS = {
    "SASRec": trained(SequenceTask(sasrec(8, n_blocks=1, max_length=4, dropout=0.0), "softmax")),
    "autoencoder": trained(HistoryTask(autoencoder(4, dropout=0.3))),
    "NeuMF": trained(RankingTask(neumf(4, (8,)), "bce", n_negatives=2, reg=0.1)),
}

"""The standing factor models, and popularity, for the suite of recommenders: see `test_recommenders.py`."""

from __future__ import annotations

from typing import Any

from r2u_rec.core.protocols import Fitted
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.recsys.serving.popularity import Popularity
from r2u_rec.recsys.tasks.ranking import RankingTask, lightgcn, matrix_factorization

TRAINER = GradientTrainer(Training(epochs=12, batch_size=72, lr=0.1))


def trained(task: Any) -> Any:
    return lambda log, seed: Fitted(TRAINER.train(task, log, seed=seed), log)


MODELS = {
    "MF, BPR": trained(RankingTask(matrix_factorization(4), "bpr", reg=0.05)),
    "MF, BCE": trained(RankingTask(matrix_factorization(4), "bce", reg=0.05)),
    "LightGCN": trained(RankingTask(lightgcn(4, 2), "bpr")),
    "popularity": lambda log, seed: Fitted(Popularity.of(log).eval(), log),
}
IMPERSONAL = {"popularity"}
"""Those that answer everybody alike."""

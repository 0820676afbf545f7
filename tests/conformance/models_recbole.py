"""Trained models of recbole that answer strangers too (NeuMF cannot): name -> (log, seed) -> what training leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from r2u_rec.core.protocols import Fitted
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.recsys.recbole.task import recbole_task
from r2u_rec.unlearn.retrain import Retrain

SETTINGS: dict[str, dict[str, Any]] = {
    "BPR": {"embedding_size": 8},
    "LightGCN": {"embedding_size": 8, "n_layers": 2},
    "SGL": {"embedding_size": 8, "n_layers": 2},
    "MultiDAE": {"mlp_hidden_size": [16], "latent_dimension": 8, "dropout_prob": 0.2},
}


def fitted(name: str, log: InteractionLog, seed: int) -> Fitted:
    """Returns the model `name`, trained on `log` for a moment."""
    training = Training(epochs=15, batch_size=max(32, len(log) // 2), lr=0.05)
    return Retrain(GradientTrainer(training, progress=False)).fit(recbole_task(name, **SETTINGS[name]), log, seed=seed)


MODELS: dict[str, Callable[[InteractionLog, int], Fitted]] = {f"recbole {name}": partial(fitted, name) for name in SETTINGS}

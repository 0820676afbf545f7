"""Models of the library recbole in the conformance suite: with tables, with neither tables nor encoder, with a batch loss, an encoder."""

from __future__ import annotations

from typing import Any

import numpy as np
from roster import N_USERS

from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.protocols import Split
from r2u_rec.core.strategies import standard
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.recsys.recbole.task import recbole_task
from r2u_rec.recsys.sharded.sharding import ByUser, served
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.retrain import Retrain
from r2u_rec.unlearn.sharded import Sharded


def prepared(records: Any) -> Ready2Unlearn:
    """Prepares the people of the first half, whose withdrawal two at a time is simulated."""
    revocable = np.flatnonzero(records.user_counts[: N_USERS // 2])
    forget = records.ids_of_users(revocable)
    retain = np.setdiff1d(records.ids, forget)
    request = {"request": lambda rng: records.ids_of_users(rng.choice(revocable, 2, replace=False)), "n_forget": None, "n_retain": 64}
    bounded = {"share_weighted": True, "bound": "cap", "bound_level": 1.0, "epochs": 4}
    weights = {"lambda1": 1, "lambda3": 1, "alpha_unit": "record", "displace": ("*item_*",)}
    return Ready2Unlearn(Split(forget, retain, retain), Preparation(0.02, **request, **bounded, **weights))


TRAINING = Training(epochs=12, batch_size=72, lr=0.1)
TRAINER = GradientTrainer(TRAINING, lambda records: standard)
PREPARED = GradientTrainer(TRAINING, prepared)
SLOWER = GradientTrainer(Training(epochs=20, batch_size=72, lr=0.02))
ASCENT = GradientAscent(steps=4, lr=0.3, tables=("*item_*",))
METHODS = {
    "recbole retrain": Retrain(TRAINER),
    "recbole ascent": PostHoc(TRAINER, ASCENT),
    "recbole ascent, slower": PostHoc(SLOWER, GradientAscent(steps=2, lr=0.02)),
    "recbole prepared + ascent": PostHoc(PREPARED, ASCENT),
    "recbole newton": PostHoc(TRAINER, BlockNewton()),
    "sharded recbole": Sharded(TRAINER, ByUser(), served(), shards=2, slices=2),
}
TASKS = {
    "recbole BPR": recbole_task("BPR", embedding_size=4),
    "recbole LightGCN": recbole_task("LightGCN", embedding_size=4, n_layers=2),
    "recbole NeuMF": recbole_task("NeuMF", mf_embedding_size=4, mlp_embedding_size=4, mlp_hidden_size=[8, 4], dropout_prob=0.0),
    "recbole SGL": recbole_task("SGL", embedding_size=4, n_layers=2),
    "recbole MultiDAE": recbole_task("MultiDAE", mlp_hidden_size=[8], latent_dimension=4, dropout_prob=0.2),
}
PAIRS = [
    ("recbole retrain", "recbole BPR"),
    ("recbole prepared + ascent", "recbole BPR"),
    ("recbole newton", "recbole BPR"),
    ("sharded recbole", "recbole BPR"),
    ("recbole ascent", "recbole LightGCN"),
    ("recbole newton", "recbole LightGCN"),
    ("recbole ascent, slower", "recbole NeuMF"),
    ("recbole ascent, slower", "recbole SGL"),
    ("recbole ascent, slower", "recbole MultiDAE"),
    ("sharded recbole", "recbole MultiDAE"),
]

"""Federated training with roll-back, and unlearning layers on tables and on a transformer, in the conformance suite.

The tasks stand in the rosters of factor and of neural recommenders.
"""

from __future__ import annotations

from typing import Any

from roster import TRAINERS  # beside this file, as is the next
from roster_neural import TRAINER

from r2u_rec.recsys.federated.fru import Fru
from r2u_rec.recsys.federated.rounds import Federated
from r2u_rec.unlearn.layers.student_layers import UnlearningLayers
from r2u_rec.unlearn.tuned import Tuned

ROUNDS = Federated(rounds=25, client_share=0.5, local_epochs=4, lr=0.2, user_lr=0.1, pool_share=1.0)
LAYERS: dict[str, Any] = {"steps": 6, "rank": 2, "batch_size": 72}

TASKS: dict[str, Any] = {}
METHODS = {
    "fru": Fru(ROUNDS, calibration_share=0.5),
    "layers": Tuned(TRAINERS["standard"], UnlearningLayers(**LAYERS, tables=("item_embedding*",))),
    "layers, not kept": Tuned(TRAINERS["standard"], UnlearningLayers(**LAYERS, tables=("item_embedding*",), keep_layers=False)),
    "neural + layers": Tuned(TRAINER, UnlearningLayers(**LAYERS)),
}
PAIRS = [("fru", "MF, BPR"), ("fru", "MF, BCE"), *(("layers", task) for task in ("MF, BPR", "MF, BCE", "LightGCN"))]
PAIRS += [("layers, not kept", "MF, BPR"), ("neural + layers", "SASRec"), ("neural + layers", "NeuMF")]

"""Federated training with roll-back, and unlearning layers, in the conformance suite."""

from __future__ import annotations

from roster import TRAINERS, Watched  # beside this file

from r2u_rec.recsys.federated import Federated
from r2u_rec.recsys.fru import Fru
from r2u_rec.recsys.task import lightgcn, matrix_factorization
from r2u_rec.unlearn.tuned import Tuned
from r2u_rec.unlearn.unlearning_layers import UnlearningLayers

ROUNDS = Federated(rounds=25, client_share=0.5, local_epochs=4, lr=0.2, user_lr=0.1, pool_share=1.0)
LAYERS = UnlearningLayers(steps=6, lr=0.01, rank=2, batch_size=72, tables=("item_embedding*",))

TASKS = {
    "FRU, MF, BPR": Watched(matrix_factorization(4), "bpr", reg=0.02),
    "layers, MF, BPR": Watched(matrix_factorization(4), "bpr", reg=0.05),
    "layers, MF, BCE": Watched(matrix_factorization(4), "bce", reg=0.05),
    "layers, LightGCN": Watched(lightgcn(4, 2), "bpr"),
}
METHODS = {
    "fru": Fru(ROUNDS, calibration_share=0.5),
    "unlearning layers": Tuned(TRAINERS["standard"], LAYERS),
}
PAIRS = [("fru", "FRU, MF, BPR"), *(("unlearning layers", task) for task in TASKS if task.startswith("layers"))]

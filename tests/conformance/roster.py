"""Who takes the conformance suite: tasks, ways to train, ways to forget, and the log whose right answer is known.

Each file `roster_*.py` beside this one adds its own `METHODS`, `TASKS` and `PAIRS` (method, task) of names.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.protocols import Split
from r2u_rec.core.strategies import isolated, standard
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.sharded.sharding import ByUser, served
from r2u_rec.recsys.tasks.ranking import RankingTask, lightgcn, matrix_factorization
from r2u_rec.testing import checkerboard
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.partition import ByRecord
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.retrain import Retrain
from r2u_rec.unlearn.sharded import Sharded

LOG = checkerboard()
N_USERS, N_ITEMS = LOG.n_users, LOG.n_items


def prepared(records: InteractionLog) -> Ready2Unlearn:
    revocable = np.flatnonzero(records.user_counts[: N_USERS // 2])
    forget = records.ids_of_users(revocable)
    retain = np.setdiff1d(records.ids, forget)

    def request(rng: np.random.Generator) -> Any:
        return records.ids_of_users(rng.choice(revocable, 2, replace=False))

    settings = {"alpha_unit": "record", "displace": ("item_*",), "share_weighted": True, "bound": "cap", "bound_level": 1.0, "epochs": 4}
    return Ready2Unlearn(
        Split(forget, retain, retain), Preparation(0.05, request=request, n_forget=None, n_retain=64, lambda1=1, lambda3=1, **settings)
    )


TASKS = {
    "MF, BPR": RankingTask(matrix_factorization(4), "bpr", reg=0.05),
    "MF, BCE": RankingTask(matrix_factorization(4), "bce", reg=0.05),
    "LightGCN": RankingTask(lightgcn(4, 2), "bpr"),
    "none": None,
}
STRATEGIES = {
    "standard": lambda records: standard,
    "isolated": lambda records: isolated(records.ids_of_users(np.arange(N_USERS // 2)), ("item_*",)),
    "prepared": prepared,
}
TRAINERS = {name: GradientTrainer(Training(epochs=12, batch_size=72, lr=0.1), strategy) for name, strategy in STRATEGIES.items()}
UNLEARNERS = {"ascent": GradientAscent(steps=4, lr=0.3, tables=("item_*",)), "newton": BlockNewton()}
METHODS = {f"{t} + {u}": PostHoc(TRAINERS[t], UNLEARNERS[u]) for t in TRAINERS for u in UNLEARNERS} | {
    "retrain": Retrain(TRAINERS["standard"]),
    "sharded": Sharded(TRAINERS["standard"], ByUser(), served(), shards=2, slices=3),
    "sharded by record": Sharded(TRAINERS["standard"], ByRecord(), served("vote", fold_all=True), shards=2),
    "sharded, balanced": Sharded(TRAINERS["standard"], ByUser(balanced=True), served("own"), shards=2),
}
ONCE = ("sharded by record", "sharded, balanced")  # partitions, whatever the task
PAIRS = [(m, t) for t in TASKS if t != "none" for m in METHODS if m not in ONCE or t == "MF, BPR"] + [("ease", "none")]
METHODS["ease"] = Ease(reg=2.0)

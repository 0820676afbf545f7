"""Who takes the conformance suite: tasks, ways to train, ways to forget, and the log whose right answer is known.

The checkerboard: people of even and of odd number, each with things of their own parity alone. Record ids and keys are
values that nothing else in a `Fitted` can have by chance, so that a search of everything it holds finds what stayed behind.

Each file `roster_*.py` beside this one adds its own `METHODS`, `TASKS` and `PAIRS` (method, task) of names.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.protocols import Split
from r2u_rec.core.strategies import isolated, standard
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.sharded.sharding import ByUser, served
from r2u_rec.recsys.tasks.ranking import RankingTask, lightgcn, matrix_factorization
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.partition import ByRecord
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.retrain import Retrain
from r2u_rec.unlearn.sharded import Sharded

N_USERS, N_ITEMS = 24, 16


def checkerboard() -> InteractionLog:
    """Six of the eight things of the own parity for each person, met in an order of their own."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(N_USERS), 6)
    item = np.concatenate([2 * np.sort(rng.choice(N_ITEMS // 2, 6, replace=False)) + u % 2 for u in range(N_USERS)])
    keys = [Vocabulary(pd.Index([f"{kind}-{i}" for i in range(n)])) for kind, n in (("person", N_USERS), ("thing", N_ITEMS))]
    info = pd.DataFrame({"letter": [f"letter of person-{u}" for u in range(N_USERS)]})
    ids = 1_000_003 + 7 * np.arange(len(user), dtype=np.int64)
    time = 60 * rng.permutation(len(user)).astype(np.int64)
    return InteractionLog(ids, user.astype(np.int32), item.astype(np.int32), time, None, *keys, user_info=info)


LOG = checkerboard()


@dataclasses.dataclass(frozen=True)
class Watched(RankingTask):
    """The task as it is, which counts how often a model was attached, and opens locked records for that alone."""

    def attach(self, model: Any, records: Any) -> None:
        records = records.opened if isinstance(records, Locked) else records
        super().attach(model, records)
        model.__dict__["attached"] = model.__dict__.get("attached", 0) + 1


class Locked:
    """Records of which only the request and the ids are to be had."""

    def __init__(self, opened: InteractionLog) -> None:
        self.opened = opened

    @property
    def ids(self) -> Any:
        return self.opened.ids

    def keep(self, ids: Any) -> InteractionLog:
        return self.opened.keep(ids)

    def drop(self, ids: Any) -> Locked:
        return Locked(self.opened.drop(ids))

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"retained data was read: {name}")


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
    "MF, BPR": Watched(matrix_factorization(4), "bpr", reg=0.05),
    "MF, BCE": Watched(matrix_factorization(4), "bce", reg=0.05),
    "LightGCN": Watched(lightgcn(4, 2), "bpr"),
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

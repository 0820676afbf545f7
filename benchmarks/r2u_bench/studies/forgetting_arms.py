"""The ways to train in the study `forgetting`: each arm of forgetting.yaml as a trainer."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from r2u_bench.studies.forgetting_world import ExperimentSplit  # beside this file
from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.protocols import Split
from r2u_rec.core.strategies import isolated, phased, reweighted, standard
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization


def strategy(arm: str, s: dict[str, Any], world: ExperimentSplit) -> Any:
    """Returns records -> step of a training arm."""
    settings = dict(s["arms"][arm])
    if arm == "standard":
        return lambda records: standard
    if arm == "isolated":
        return lambda records: isolated(records.ids_of_users(world.revocable), ("item_*",))
    if arm == "reweighted":
        return lambda records: reweighted(records.ids_of_users(world.revocable), settings["weight"])
    if arm == "phased":
        return lambda records: phased(records.ids_of_users(world.revocable), settings["share"])
    prepare, n = s["prepare"], world.n_asking
    if "displace" in settings:
        settings["displace"] = tuple(settings["displace"])

    def make(records: InteractionLog) -> Ready2Unlearn:
        forget = records.ids_of_users(world.revocable)
        split = Split(forget, np.setdiff1d(records.ids, forget, assume_unique=True), forget[:0])

        def request(rng: np.random.Generator) -> Any:
            return records.ids_of_users(rng.choice(world.revocable, size=n, replace=False))

        return Ready2Unlearn(
            split,
            Preparation(
                **settings,
                request=None if arm.endswith("paper") else request,
                epochs=round(prepare["last_share"] * s["training"]["epochs"]),
                every=prepare["every"],
                n_forget=prepare["n_forget"],
                n_retain=prepare["n_retain"],
            ),
        )

    return make


def trained(arm: str, s: dict[str, Any], world: ExperimentSplit, records: InteractionLog, seed: int) -> tuple[Any, float]:
    """Returns a model of the arm and the processor seconds that training took, which other work on the machine does not stretch."""
    begun = time.process_time()
    model = GradientTrainer(Training(**s["training"]), strategy(arm, s, world)).train(task_of(s), records, seed=seed)
    return model, time.process_time() - begun


def task_of(s: dict[str, Any]) -> RankingTask:
    return RankingTask(matrix_factorization(s["task"]["embedding_dim"]), reg=s["task"]["reg"])

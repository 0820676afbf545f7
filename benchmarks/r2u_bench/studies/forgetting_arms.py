"""The ways to train in the study `forgetting`: each arm of forgetting.yaml as a trainer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from r2u_rec.core.training import Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.registered.arms.ready2unlearn import as_printed
from r2u_rec.registry import ARMS, MODELS, Recipe
from r2u_rec.study.context import FitContext, cohorts_of
from r2u_rec.study.study import Study


def context_of(arm: str, s: Mapping[str, Any], study: Study) -> FitContext:
    """Returns matrix factorisation as forgetting.yaml has it, trained by one of its arms.

    "ready2unlearn paper" draws x_f at random; all other names of prepared arms stand for requests of as many users as really ask.
    """
    spec, name = MODELS.get("mf"), arm if arm in ARMS else "ready2unlearn"
    if name == "ready2unlearn":
        prepare, share = s["prepare"], request_size(study) / len(study.revocable)
        own = s["arms"][arm] | {key: prepare[key] for key in ("last_share", "every", "n_forget", "n_retain")}
        settings: Any = as_printed(**own, request_share=None if arm.endswith("paper") else share)
    else:
        settings = ARMS.get(name).settings(**s["arms"][arm])
    recipe = Recipe(task_of(s), Training(**s["training"]))
    return FitContext(spec, spec.settings(), recipe, study.seed, ARMS.get(name), settings, **cohorts_of(study))


def request_size(study: Study) -> int:
    """Returns the number of users in a request; all have one size."""
    return study.largest_request


def trained(arm: str, s: Mapping[str, Any], study: Study, records: InteractionLog, seed: int) -> tuple[Any, float]:
    """Returns a model of the arm and the processor seconds that training took, which other work on the machine does not stretch."""
    begun = time.process_time()
    context = context_of(arm, s, study)
    return context.trainer().train(context.task, records, seed=seed), time.process_time() - begun


def task_of(s: Mapping[str, Any]) -> RankingTask:
    return RankingTask(matrix_factorization(s["task"]["embedding_dim"]), reg=s["task"]["reg"])

"""Who judges a request in the study `forgetting`, and the operators that carry it out: ascent to an equal imprint, the Newton step."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from r2u_bench.studies.forgetting_arms import request_size, task_of, trained  # beside this file
from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.evaluate.imprint import FoldInProbe
from r2u_rec.evaluate.length.canary_rule import CanaryRule, ShadowRule
from r2u_rec.evaluate.membership import auc, calibrated
from r2u_rec.evaluate.proof import ForgettingEvaluator
from r2u_rec.study.study import Study
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc

ASCENT = "ascent to AUC .55"
CANARIES, SHADOW_CANARIES = "Newton, canaries", "Newton, shadow canaries"


@dataclass
class RequestJudge:
    """Judges what is left of one request."""

    evaluator: ForgettingEvaluator
    request: str
    forget: FoldInProbe
    holdout: FoldInProbe
    reference: tuple[list[Any], list[Any]]
    users: Any

    def quick_auc(self, model: Any) -> float:
        """The calibrated AUC with fewer halvings, for the points of a curve."""
        f, h = (probe.measure(model).fa for probe in (self.forget, self.holdout))
        return auc(calibrated(f, self.reference[0]), calibrated(h, self.reference[1]))[0]


def judge_of(models: list[Any], base: Any, study: Study, request: str, s: dict[str, Any]) -> RequestJudge:
    """Returns what judges a request by models retrained without it; `base` is the model that remembers."""
    quick = study.probes(request, 1, seed=2)
    reference = [quick[0].measure(model).fa for model in models], [quick[1].measure(model).fa for model in models]
    evaluator = ForgettingEvaluator(models, *study.probes(request, s["n_halves"], seed=1), remembered=base)
    return RequestJudge(evaluator, request, *quick, reference, study.request(request).forget)


def ascended(
    arm: str, name: str, model: Any, s: dict[str, Any], study: Study, judge: RequestJudge, shadow: Shadow, seed: int
) -> dict[str, Any]:
    """Plain ascent, run until the imprint is gone; its quality where the imprint AUC crosses the target, interpolated."""
    target, points = s["ascent"]["target_auc"], []

    def stop(moved: Any, done: int, mean: float) -> bool:
        points.append((judge.quick_auc(moved), copy.deepcopy(moved), mean))
        del points[:-2]
        steps.append(done)
        return points[-1][0] <= target

    steps: list[int] = []
    ascent = GradientAscent(s["ascent"]["steps"], s["ascent_lr"], reduction="sum", tables=("item_*",), stop=stop)
    ids = study.records.ids_of_users(judge.users)
    begun = time.perf_counter()
    PostHoc(shadow, ascent).forget(task_of(s), Fitted(model, study.records), ids, seed=seed)
    row = row_of(arm, ASCENT, name, seed) | {"steps": steps[-1], "seconds": time.perf_counter() - begun}
    if points[-1][0] > target or len(points) < 2:
        return row | {"reached": False}
    (high, before, _), (low, after, loss) = points
    weight = (high - target) / (high - low)
    quality = (1 - weight) * study.value(before, judge.request) + weight * study.value(after, judge.request)
    return row | {"NDCG@20": quality, "auc": target, "forget_loss": loss, "reached": True}


def newton_steps(
    arm: str,
    model: Any,
    s: dict[str, Any],
    study: Study,
    judges: dict[str, RequestJudge],
    shadow: Shadow,
    seed: int,
    *,
    operators: Any = None,
) -> Iterator[dict[str, Any]]:
    """The Newton step under each rule for its length, or those named, for the requests of `judges`."""
    n, task = s["newton"], task_of(s)
    # Nobody by whom the outcome is judged is a canary: the shadow model must not have been spared those who will ask.
    canaries = CanaryRule(
        study.calibration_log, study.candidates, n_canaries=n["n_canaries"] or request_size(study), n_halves=s["n_halves"], seed=seed
    )
    for operator, rule in ((CANARIES, canaries), (SHADOW_CANARIES, ShadowRule(canaries, shadow))):
        if operators is not None and operator not in operators:
            continue
        unlearner = BlockNewton(rule, n["damping"], n["n_draws"])
        begun = time.perf_counter()
        memory = unlearner.remember(task, model, study.records, seed=seed)
        kept = {"length": memory.length, "release_seconds": time.perf_counter() - begun, "memory_mb": memory.nbytes / 1e6}
        for name, judge in judges.items():
            ids = study.records.ids_of_users(judge.users)
            begun = time.perf_counter()
            out = PostHoc(shadow, unlearner).forget(task, Fitted(model, study.records, memory), ids, seed=seed)
            seconds = time.perf_counter() - begun
            row = row_of(arm, operator, name, seed) | figures_of(judge.evaluator.judge(out.model)) | kept
            yield row | {
                "NDCG@20": study.value(out.model, judge.request),
                "seconds": seconds,
                "seconds_per_user": seconds / len(judge.users),
                "single_seconds": single_seconds(
                    PostHoc(shadow, unlearner), task, Fitted(model, study.records, memory), judge.users[:10], seed
                ),
            }


def single_seconds(method: Any, task: Any, fitted: Fitted, users: Any, seed: int) -> float:
    """Median seconds of a request of one user."""
    took = []
    for user in users:
        begun = time.perf_counter()
        method.forget(task, fitted, fitted.records.ids_of_users([user]), seed=seed)
        took.append(time.perf_counter() - begun)
    return float(np.median(took))


@dataclass
class Shadow:
    """The standard recipe, trained once for the same records: every arm's canaries are held against the same shadow model."""

    s: dict[str, Any]
    study: Study
    kept: tuple[int, Any] | None = None
    seconds: float = 0.0

    def train(self, task: Any, records: InteractionLog, *, seed: int) -> Any:
        if self.kept is None or self.kept[0] != seed:
            model, self.seconds = trained("standard", self.s, self.study, records, seed)
            self.kept = (seed, model)
        return self.kept[1]


def row_of(arm: str, operator: str, request: str, seed: int) -> dict[str, Any]:
    return {"model": "MF", "request": request, "arm": arm, "operator": operator, "seed": seed, "split": seed}


def figures_of(verdict: Any) -> dict[str, Any]:
    names = ("auc", "auc_se", "adaptive_auc", "tpr_at_1fpr", "own_loss_auc", "excess", "n_forget", "n_holdout")
    return {name: getattr(verdict, name) for name in names}

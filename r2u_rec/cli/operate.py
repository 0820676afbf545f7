"""One request carried out by one operator, with the forgetting curve on the way and the time it took."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from r2u_rec.cli import build
from r2u_rec.cli.study import Study
from r2u_rec.core.protocols import Fitted
from r2u_rec.evaluate.cost import measured
from r2u_rec.evaluate.proof import ForgettingEvaluator
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.post_hoc import PostHoc

CURVE_SHARES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False)
class Outcome:
    """A model after its request.

    Attributes:
        seconds: wall time of the request, the measuring on the way taken off.
        curve: `step`, `auc`, `retained` from the model as trained to the last step.
        about: further columns of the row.
    """

    model: Any
    seconds: float
    curve: Sequence[dict[str, Any]]
    about: dict[str, Any]


def newton(study: Study, task: Any, fitted: Fitted, prover: ForgettingEvaluator) -> Outcome:
    """Returns the outcome of the down-dated block Newton step; its curve shows parts of the step."""
    s = study.settings
    unlearner = build.unlearner(s, "newton", study.cohorts)
    assert isinstance(unlearner, BlockNewton)
    method = PostHoc(build.trainer(s, "standard", study.cohorts.revocable), unlearner)
    memory, preparing = measured(lambda: unlearner.remember(task, fitted.model, fitted.records, seed=s.seed))
    fitted = replace(fitted, memory=memory)
    after, cost = measured(lambda: method.forget(task, fitted, study.request, seed=s.seed))
    models = [(0.0, _deleted(study, task, fitted.model))]
    for share in CURVE_SHARES:
        part = replace(fitted, memory=replace(memory, length=share * memory.length))
        models.append((share, method.forget(task, part, study.request, seed=s.seed).model))
    curve = [_point(study, prover, share, model) for share, model in [*models, (1.0, after.model)]]
    return Outcome(after.model, cost.seconds, curve, {"length": memory.length, "keeping_seconds": preparing.seconds})


def ascent(study: Study, task: Any, fitted: Fitted, prover: ForgettingEvaluator) -> Outcome:
    """Returns the outcome of gradient ascent, stopped where the imprint is down to `evaluate.stop_auc`.

    That stop is judged with the retrained references, which a deployment does not have: it puts methods side by side at
    equal imprint, and flatters ascent.
    """
    s = study.settings
    curve: list[dict[str, Any]] = []
    watching = 0.0

    def stop(model: Any, done: int, forget_loss: float) -> bool:
        nonlocal watching
        begun = time.perf_counter()
        curve.append(_point(study, prover, done, _deleted(study, task, model)))
        watching += time.perf_counter() - begun
        return s.evaluate.stop_auc is not None and curve[-1]["auc"] <= s.evaluate.stop_auc

    method = PostHoc(build.trainer(s, "standard", study.cohorts.revocable), replace(build.climb(s), stop=stop))
    after, cost = measured(lambda: method.forget(task, fitted, study.request, seed=s.seed))
    if len(curve) == s.forget.steps:  # never stopped: the last step is not on the curve yet
        curve.append(_point(study, prover, s.forget.steps, after.model))
    return Outcome(after.model, cost.seconds - watching, curve, {"steps": curve[-1]["step"]})


OPERATORS: Mapping[str, Callable[[Study, Any, Fitted, ForgettingEvaluator], Outcome]] = {"newton": newton, "ascent": ascent}
"""What edits a trained model, by the name in `evaluate.operators`."""


def _deleted(study: Study, task: Any, model: Any) -> Any:
    copied = copy.deepcopy(model)
    task.attach(copied, study.left)
    return copied


def _point(study: Study, prover: ForgettingEvaluator, step: float, model: Any) -> dict[str, Any]:
    """Returns one point of the forgetting curve."""
    return {"step": step, "auc": prover.judge(model).auc, "retained": study.quality(model).mean()[study.quality_name]}

"""One request carried out by one method, with the forgetting curve on the way and the time it took."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from r2u_rec.core.protocols import Fitted, Method
from r2u_rec.evaluate.cost import measured
from r2u_rec.study.judge import RequestJudge, rows_deleted
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.tuned import Tuned

CURVE_SHARES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False)
class RequestOutcome:
    """A model after its request.

    Attributes:
        seconds: wall time of the request, the measuring on the way taken off.
        curve: `step`, `auc`, `retained` from the model as trained to the last step; empty for methods that have no way to be halfway.
        about: further columns of the row.
    """

    model: Any
    seconds: float
    curve: Sequence[dict[str, Any]]
    about: dict[str, Any]


def carried_out(judge: RequestJudge, method: Method, task: Any, model: Any, *, stop_auc: float | None) -> RequestOutcome:
    """Returns the outcome of a method on the trained model, or on a fit of its own where the method does not edit a model.

    Args:
        stop_auc: gradient ascent stops once the imprint AUC is no higher; None: never. That stop is judged with the retrained references,
            which a deployment does not have: it puts methods side by side at equal imprint, and flatters ascent.
    """
    study, seed = judge.study, judge.study.seed
    ids = study.request_ids(judge.request)
    if isinstance(method, PostHoc):
        if isinstance(method.unlearner, GradientAscent):
            return _climbed(judge, method, method.unlearner, task, Fitted(model, study.records), stop_auc)
        memory, keeping = measured(lambda: method.unlearner.remember(task, model, study.records, seed=seed))
        fitted = Fitted(model, study.records, memory)
    elif isinstance(method, Tuned):
        fitted, keeping = Fitted(model, study.records), None
    else:
        fitted, keeping = method.fit(task, study.records, seed=seed), None
    after, cost = measured(lambda: method.forget(task, fitted, ids, seed=seed))
    about = {} if keeping is None else {"keeping_seconds": keeping.seconds}
    length = getattr(fitted.memory, "length", None)
    if length is None:
        return RequestOutcome(after.model, cost.seconds, (), about)
    models = [(0.0, rows_deleted(study, judge.request, task, model))]
    for share in CURVE_SHARES:
        part = replace(fitted, memory=replace(fitted.memory, length=share * length))
        models.append((share, method.forget(task, part, ids, seed=seed).model))
    curve = [judge.point(share, moved) for share, moved in [*models, (1.0, after.model)]]
    return RequestOutcome(after.model, cost.seconds, curve, {"length": length, **about})


def _climbed(
    judge: RequestJudge, method: PostHoc, ascent: GradientAscent, task: Any, fitted: Fitted, stop_auc: float | None
) -> RequestOutcome:
    """Returns the outcome of gradient ascent, with a point of the curve at each step."""
    study = judge.study
    curve: list[dict[str, Any]] = []
    watching = 0.0

    def stop(model: Any, done: int, forget_loss: float) -> bool:
        nonlocal watching
        begun = time.perf_counter()
        curve.append(judge.point(done, rows_deleted(study, judge.request, task, model)))
        watching += time.perf_counter() - begun
        return stop_auc is not None and curve[-1]["auc"] <= stop_auc

    watched = replace(method, unlearner=replace(ascent, stop=stop))
    after, cost = measured(lambda: watched.forget(task, fitted, study.request_ids(judge.request), seed=study.seed))
    if len(curve) == ascent.steps:  # never stopped: the last step is not on the curve yet
        curve.append(judge.point(ascent.steps, after.model))
    return RequestOutcome(after.model, cost.seconds - watching, curve, {"steps": curve[-1]["step"]})

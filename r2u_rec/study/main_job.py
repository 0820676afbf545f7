"""The main job: train, forget, and hold every figure against retrained models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from r2u_rec.core.protocols import Method
from r2u_rec.core.training import History
from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.groups import halves_by_activity
from r2u_rec.evaluate.ranking import RankingResult
from r2u_rec.registry.tables import ARMS, METHODS
from r2u_rec.study.context import FitContext, cohorts_of
from r2u_rec.study.exact_rows import exact_rows
from r2u_rec.study.judge import RequestJudge, judge_of, retrained_references, rows_deleted
from r2u_rec.study.measurements import Measurements, Row, verdict_figures
from r2u_rec.study.outcome import carried_out
from r2u_rec.study.study import Study

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class MainJob:
    """What is compared on one request.

    Attributes:
        study: the split and the users. request: name of the request.
        context: of the model, without cohorts and arm; None: closed forms alone are compared.
        arms: way to train -> its settings, None for the defaults; names of `registry.ARMS`.
        methods: way to forget -> its settings, None for the defaults; names of `registry.METHODS`.
        closed_forms: name -> method that fits and erases exactly, held against fitting anew.
        n_references: retrained models, two or more. n_halves: random halves of each history.
        stop_auc: gradient ascent stops once the imprint is no higher; None: never.
    """

    study: Study
    request: str
    context: FitContext | None = None
    arms: Mapping[str, Any] = field(default_factory=dict)
    methods: Mapping[str, Any] = field(default_factory=dict)
    closed_forms: Mapping[str, Method] = field(default_factory=dict)
    n_references: int = 5
    n_halves: int = 5
    stop_auc: float | None = 0.55


def run_main_job(job: MainJob, *, say: Say = lambda line: None) -> Measurements:
    """Trains the references without the request and each arm with it, forgets by each method, and judges every outcome.

    Args:
        say: hears one line a stage.

    Raises:
        EvidenceError: too few references, nobody who was never trained on, or the evaluator cannot see what is remembered.
        SettingsError: an unknown arm or method, or one that does not fit the model.
    """
    study, asked = job.study, job.study.request(job.request)
    share = len(study.request_ids(job.request)) / len(study.records)
    say(f"{len(study.records)} interactions of {int((study.records.user_counts > 0).sum())} users to train on")
    say(f"{len(asked.forget)} users ({share:.1%} of the interactions) will be erased, {len(asked.holdout)} like them are never trained on")
    found = Measurements()
    if job.context is not None:
        _trained_rows(job, replace(job.context, seed=study.seed, **cohorts_of(study)), found, say)
    for name, method in job.closed_forms.items():
        say(f"{name}: fit, erase, fit again without the erased")
        found.rows.extend(exact_rows(study, job.request, name, method))
    return found


def _trained_rows(job: MainJob, context: FitContext, found: Measurements, say: Say) -> None:
    study, request, task = job.study, job.request, context.task
    if len(study.request(request).holdout) == 0:
        raise EvidenceError("evaluate needs users that were never trained on, and none are held out: hold some out (revocability.holdout)")
    references = []
    trainings = retrained_references(study, request, task, context.standard_trainer(), job.n_references)
    for i in range(job.n_references):
        say(f"retrained reference {i + 1} of {job.n_references}")
        references.append(reference := next(trainings))
        found.rows.append(
            {"model": context.spec.name, "arm": "standard", "operator": "retrained", "seed": reference.seed, "exact": True}
            | {"seconds": reference.seconds}
            | reference.quality.mean()
        )
        found.costs.append({"method": "retrained", "seconds": reference.seconds, "seed": reference.seed})
    trained: dict[str, Any] = {}
    for arm in job.arms:
        say(f"train: {arm}")
        trained[arm] = _train(job, context, arm, found, trained.get("standard"))
    say("self-test of the evaluator")
    first = next(iter(trained.values()))
    judge = judge_of(study, request, references, remembered=rows_deleted(study, request, task, first), n_halves=job.n_halves)
    for row, verdict in zip(found.rows, judge.evaluator.evidence.references, strict=True):
        row.update(verdict_figures(verdict))
    for arm, model in trained.items():
        names = {"model": context.spec.name, "arm": arm, "operator": "none", "seed": study.seed, "exact": False}
        before = _judged(judge, rows_deleted(study, request, task, model), names, {}, found)
        for method in job.methods:
            say(f"{arm}: forget by {method}")
            _forget(job, context, judge, arm, method, model, before, found)


def _train(job: MainJob, context: FitContext, arm: str, found: Measurements, standard: Any) -> Any:
    """Returns the model of an arm on everyone who is trained on; `standard` is what its quality may be held to."""
    study, spec = job.study, ARMS.get(arm)
    settings = spec.settings() if job.arms[arm] is None else job.arms[arm]
    if standard is not None and getattr(settings, "most_loss", None) is not None and settings.reference is None:
        settings = replace(settings, reference=study.stable_quality(standard))

    def keep(history: History) -> None:
        for row in history.epochs:
            point = {"epoch": int(row["epoch"]), "loss": row["loss"], "validation": row.get("validation")}
            found.training.append({"arm": arm, "seed": study.seed, **point})

    own = replace(context, arm=spec, arm_settings=settings, validate=study.stable_quality, on_history=keep)
    return own.trainer().train(context.task, study.records, seed=study.seed)


def _forget(
    job: MainJob,
    context: FitContext,
    judge: RequestJudge,
    arm: str,
    name: str,
    model: Any,
    before: RankingResult,
    found: Measurements,
) -> None:
    study, spec, title = job.study, METHODS.get(name), f"{arm}: {name}"
    method = spec.build(context, spec.settings() if job.methods[name] is None else job.methods[name])
    task = context.task if spec.own_task is None else spec.own_task(context, job.methods[name])
    outcome = carried_out(judge, method, task, model, stop_auc=job.stop_auc)
    found.curves.extend({"model": context.spec.name, "method": title, "seed": study.seed, **point} for point in outcome.curve)
    found.costs.append({"method": title, "seconds": outcome.seconds, "seed": study.seed})
    cost = {"seconds": outcome.seconds, "seconds_per_user": outcome.seconds / len(study.request(job.request).forget)}
    names = {"model": context.spec.name, "arm": arm, "operator": name, "seed": study.seed, "exact": method.exact}
    after = _judged(judge, outcome.model, names, cost | outcome.about, found)
    halves = halves_by_activity(study.records.user_counts, after.users)
    for group, users in zip(("active half", "less active half"), halves, strict=True):
        values = {when: quality.mean(users)[study.quality_name] for when, quality in (("before", before), ("after", after))}
        values["retrained"] = sum(r.quality.mean(users)[study.quality_name] for r in judge.references) / len(judge.references)
        found.groups.append({"method": title, "group": group, "n_users": len(users), "seed": study.seed, **values})


def _judged(judge: RequestJudge, model: Any, names: Row, about: Row, found: Measurements) -> RankingResult:
    """Notes the row of an outcome and returns its ranking quality."""
    quality = judge.quality(model)
    found.rows.append(names | quality.mean() | verdict_figures(judge.verdict(model)) | about)
    return quality

"""Factor models in the main job: references, training arms, operators, each outcome judged against the references."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from r2u_rec.cli import build
from r2u_rec.cli.notes import Notes, figures
from r2u_rec.cli.operate import OPERATORS
from r2u_rec.cli.study import Study
from r2u_rec.core.protocols import Fitted
from r2u_rec.core.training import History
from r2u_rec.evaluate.cost import measured
from r2u_rec.evaluate.groups import halves_by_activity
from r2u_rec.evaluate.proof import ForgettingEvaluator
from r2u_rec.evaluate.ranking import RankingResult
from r2u_rec.recsys.serving.popularity import Popularity

REFERENCE_SEEDS = 1000
"""Seeds of the references start this far above the run's own."""

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class EvaluationContext:
    """Everything that an outcome is held against."""

    study: Study
    task: Any
    prover: ForgettingEvaluator
    references: Sequence[RankingResult]
    notes: Notes


def factor_rows(study: Study, notes: Notes, say: Say) -> None:
    """Trains references and arms, forgets by every operator, and notes what each came to.

    Raises:
        EvidenceError: fewer than two references, or the evaluator fails its self-test.
    """
    s = study.settings
    task = build.task(s.model)
    references = [_reference(study, task, i, notes, say) for i in range(s.evaluate.n_references)]
    trained: dict[str, Any] = {}
    for arm in s.evaluate.arms:
        trained[arm] = _train(study, task, arm, notes, say, trained.get("standard"))
    say("self-test of the evaluator")
    forget, holdout = study.probes()
    remembered = _only_deleted(study, task, trained[s.evaluate.arms[0]])
    prover = ForgettingEvaluator(
        [m for m, _ in references], forget, holdout, remembered=remembered, popularity=Popularity.of(study.left), seed=s.seed
    )
    for row, verdict in zip(notes.rows, prover.evidence.references, strict=True):
        row.update(figures(verdict))
    court = EvaluationContext(study, task, prover, [quality for _, quality in references], notes)
    for arm, model in trained.items():
        deleted = _only_deleted(study, task, model)
        before = _judge(court, arm, "none", deleted, {})
        for operator in s.evaluate.operators:
            say(f"{arm}: forget by {operator}")
            _forget(court, arm, operator, model, before)


def _reference(study: Study, task: Any, i: int, notes: Notes, say: Say) -> tuple[Any, RankingResult]:
    """Returns a model trained by the standard recipe without the request, and its ranking quality."""
    s, seed = study.settings, study.settings.seed + REFERENCE_SEEDS + i
    say(f"retrained reference {i + 1} of {s.evaluate.n_references}")
    trainer = build.trainer(s, "standard", study.cohorts.revocable)
    model, cost = measured(lambda: trainer.train(task, study.left, seed=seed))
    quality = study.quality(model)
    notes.rows.append(
        {"model": s.model.name, "arm": "standard", "operator": "retrained", "seed": seed, "exact": True, "seconds": cost.seconds}
        | quality.mean()
    )
    notes.costs.append({"method": "retrained", "seconds": cost.seconds, "seed": seed})
    return model, quality


def _train(study: Study, task: Any, arm: str, notes: Notes, say: Say, standard: Any) -> Any:
    """Returns the model of a training arm on everyone who is trained on; `standard` is what its quality may be held to."""
    s = study.settings
    if s.prepare.most_loss is not None and s.prepare.reference is None and standard is not None:
        s = replace(s, prepare=replace(s.prepare, reference=study.validation_quality(standard)))
    say(f"train: {arm}")

    def keep(history: History) -> None:
        for row in history.epochs:
            point = {"epoch": int(row["epoch"]), "loss": row["loss"], "validation": row.get("validation")}
            notes.training.append({"arm": arm, "seed": s.seed, **point})

    trainer = build.trainer(s, arm, study.cohorts.revocable, validate=study.validation_quality, on_history=keep)
    return trainer.train(task, study.records, seed=s.seed)


def _only_deleted(study: Study, task: Any, model: Any) -> Any:
    """Returns a copy without the rows and edges of the erased users, nothing else changed."""
    deleted = copy.deepcopy(model)
    task.attach(deleted, study.left)
    return deleted


def _forget(court: EvaluationContext, arm: str, operator: str, model: Any, before: RankingResult) -> None:
    study, method = court.study, f"{arm}: {operator}"
    s = study.settings
    outcome = OPERATORS[operator](study, court.task, Fitted(model, study.records), court.prover)
    court.notes.curves.extend({"model": s.model.name, "method": method, "seed": s.seed, **point} for point in outcome.curve)
    court.notes.costs.append({"method": method, "seconds": outcome.seconds, "seed": s.seed})
    cost = {"seconds": outcome.seconds, "seconds_per_user": outcome.seconds / len(study.cohorts.forget)}
    after = _judge(court, arm, operator, outcome.model, cost | outcome.about)
    halves = halves_by_activity(study.left.user_counts, after.users)
    for group, users in zip(("active half", "less active half"), halves, strict=True):
        name = study.quality_name
        values = {"before": before.mean(users)[name], "after": after.mean(users)[name]}
        values["retrained"] = sum(r.mean(users)[name] for r in court.references) / len(court.references)
        court.notes.groups.append({"method": method, "group": group, "n_users": len(users), "seed": s.seed, **values})


def _judge(court: EvaluationContext, arm: str, operator: str, model: Any, about: dict[str, Any]) -> RankingResult:
    """Notes the row of an outcome and returns its ranking quality."""
    s = court.study.settings
    quality = court.study.quality(model)
    names = {"model": s.model.name, "arm": arm, "operator": operator, "seed": s.seed, "exact": False}
    court.notes.rows.append(names | quality.mean() | figures(court.prover.judge(model)) | about)
    return quality

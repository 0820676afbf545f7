"""compare: several methods on one model, the same requests and the same retrained references for all."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import nn

from r2u_rec.api.answers import whole
from r2u_rec.api.choices import MethodChoice, method_choice, with_choice
from r2u_rec.api.constructors import model as model_named
from r2u_rec.api.proofs.audit import data_of
from r2u_rec.api.proofs.report import ForgettingReport
from r2u_rec.api.recommender import Recommender
from r2u_rec.api.threads import torch_threads
from r2u_rec.config.plan import Plan
from r2u_rec.core.trainer import Trainer
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.split import random_per_user
from r2u_rec.errors import SettingsError
from r2u_rec.evaluate.cost import measured
from r2u_rec.report.results import RunResult
from r2u_rec.revocability.scorers.exposure import uniqueness
from r2u_rec.study.context import FitContext, cohorts_of
from r2u_rec.study.judge import REFERENCE_SEEDS, Reference, RequestJudge, judge_of, rows_deleted
from r2u_rec.study.kinds import KINDS, every_kind, request_name
from r2u_rec.study.measurements import verdict_figures
from r2u_rec.study.request import hash_of
from r2u_rec.study.study import Study
from r2u_rec.suggest import unknown

FALLBACK_LENGTH = 1.0
"""Of an edit that forgets at no length: it is then measured as it was published."""


def compare(
    methods: Sequence[str | MethodChoice],
    model: str | Recommender = "mf",
    data: str | InteractionLog = "ml-100k",
    *,
    seeds: int | Iterable[int] = 3,
    requests: Sequence[str] = ("random", "core"),
    request_share: float = 0.05,
    references: int = 3,
    calibration_share: float = 0.06,
    n_halves: int = 2,
    say: Callable[[str], None] = lambda line: None,
) -> ForgettingReport:
    """Returns what each method leaves of the users who ask, what it costs those who stay, and how long it takes.

    One study a seed: the log is split, every kind of user asks, and users like them are never trained on. All methods are judged by the
    same retrained models. An edit whose settings name no length takes the method's own; length="canaries" sets it by calibration users.

    Args:
        methods: names, or `r2u.Method(name, ...)`.
        model: name of a model with its defaults, or one such as `r2u.MF(embedding_dim=32)`; its method and seed are not used.
        data: name of a data set, or a log; without times, "revocable" are the users with the rarest items.
        seeds: how many, from 0; or the seeds.
        requests: kinds of users who ask: "random", "core" (the most active), "edge" (the least), "revocable", "not flagged".
        request_share: of the users with 8 interactions or more, in (0, .1].
        references: retrained models a request and seed, at least two.
        calibration_share: of these users, never trained on, to set the length of edits by.
        n_halves: random halves of each history by which a user is looked for.
        say: hears one line a stage.

    Raises:
        SettingsError: an unknown method, request or data set, the nearest is suggested; a method that does not fit the model.
        EvidenceError: the attacks cannot tell what is remembered.
    """
    made = model_named(model) if isinstance(model, str) else model
    choices = [method_choice(each) for each in methods]
    if not choices or len({repr(each) for each in choices}) < len(choices):
        raise SettingsError(f"methods must name one or more methods, each once, got {[repr(each) for each in choices]}")
    plans = {_label(each): with_choice(made.plan, each) for each in choices}
    for kind in requests:
        if kind not in KINDS:
            raise SettingsError(unknown("request", kind, KINDS))
    numbers = list(range(whole(seeds, "seeds"))) if isinstance(seeds, int) else [whole(each, "seeds", 0) for each in seeds]
    whole(references, "references", 2)
    log, name = _log(data)
    rows: list[dict[str, Any]] = []
    hashes: dict[str, str] = {}
    for seed in numbers:
        parts = random_per_user(log, seed=seed)
        scores = uniqueness(parts.train) if log.time is None else None  # the usual scorer needs times
        study = every_kind(parts, seed=seed, shares=(request_share,), calibration_share=calibration_share, scores=scores)
        hashes |= {f"{part}, seed {seed}": value for part, value in study.part_hashes.items()}
        with torch_threads(made.plan.threads):
            rows += _rows(study, plans, [request_name(kind, request_share) for kind in requests], references, n_halves, say)
    settings = {
        "model": {"name": made.plan.spec.name, **asdict(made.plan.model)},
        "training": dict(made.plan.loop),
        "methods": {label: {"name": plan.method.name, **asdict(plan.method_settings)} for label, plan in plans.items()},
        "compare": {"requests": list(requests), "request_share": request_share, "references": references, "n_halves": n_halves},
    }
    return ForgettingReport(
        RunResult(
            name="compare",
            question=f"Which method makes {made.plan.spec.class_name} forget, and what does it cost those who stay?",
            command=f"r2u.compare({[each.name for each in choices]!r}, seeds={numbers!r})",
            settings=settings,
            data=data_of(log, name),
            split_hashes=hashes,
            seeds=numbers,
            rows=rows,
            quality="NDCG@20",
        )
    )


@dataclass(eq=False)
class SharedTrainings:
    """Models that several methods train alike are trained once: by way to train, seed and records. Lives for one study."""

    models: dict[tuple[str, int, str], nn.Module] = field(default_factory=dict)

    def around(self, trainer: Trainer, way: str) -> Trainer:
        """Returns the trainer that looks here first."""
        return _Shared(trainer, way, self.models)


@dataclass(frozen=True, eq=False)
class _Shared:
    trainer: Trainer
    way: str
    models: dict[tuple[str, int, str], nn.Module]

    def train(self, task: Any, records: Any, *, seed: int) -> nn.Module:
        """Returns a model of the caller's own, trained now or before."""
        key = (self.way, seed, hash_of(records.ids))
        if key not in self.models:
            self.models[key] = self.trainer.train(task, records, seed=seed)
        return copy.deepcopy(self.models[key])


def _rows(
    study: Study, plans: Mapping[str, Plan], requests: Sequence[str], n_references: int, n_halves: int, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    shared, first = SharedTrainings(), next(iter(plans.values()))
    context = _context(first, study, shared, n_halves)
    released = context.trainer().train(context.task, study.records, seed=study.seed)
    base = {"model": first.spec.name, "arm": first.arm.name, "seed": study.seed, "split": f"seed {study.seed}"}
    rows: list[dict[str, Any]] = []
    judges: dict[str, RequestJudge] = {}
    for request in requests:
        say(f"seed {study.seed}, {request}: {n_references} retrained references")
        found = list(_references(study, request, context, n_references))
        judge = judges[request] = judge_of(
            study, request, found, remembered=rows_deleted(study, request, context.task, released), n_halves=n_halves
        )
        for reference, verdict in zip(found, judge.evaluator.evidence.references, strict=True):
            names = {**base, "seed": reference.seed, "request": request, "operator": "retrained", "exact": True}
            rows.append(names | {"seconds": reference.seconds} | reference.quality.mean() | verdict_figures(verdict))
    for label, plan in plans.items():
        say(f"seed {study.seed}: {label}")
        own = _context(plan, study, shared, n_halves)
        method, task = plan.build(own), own.task
        if plan.method.own_task is not None:
            task = plan.method.own_task(own, plan.method_settings)
        fitted = method.fit(task, study.records, seed=study.seed)
        for request, judge in judges.items():
            ids, seed = study.request_ids(request), REFERENCE_SEEDS * (1 + study.seed) + 500  # never the seed of a reference
            after, cost = measured(lambda: method.forget(task, fitted, ids, seed=seed))  # noqa: B023
            names = {**base, "request": request, "operator": label, "exact": method.exact}
            rows.append(names | {"seconds": cost.seconds} | judge.quality(after.model).mean() | verdict_figures(judge.verdict(after.model)))
    return rows


def _references(study: Study, request: str, context: FitContext, n: int) -> Iterable[Reference]:
    left, trainer = study.left(request), context.standard_trainer()
    for number in range(n):
        seed = REFERENCE_SEEDS * (1 + study.seed) + number
        model, cost = measured(lambda: trainer.train(context.task, left, seed=seed))  # noqa: B023
        yield Reference(model, seed, study.quality(model, request), cost.seconds)


def _context(plan: Plan, study: Study, shared: SharedTrainings, n_halves: int) -> FitContext:
    return plan.context(
        **cohorts_of(study),
        n_canaries=study.largest_request,
        n_halves=n_halves,
        fallback_length=FALLBACK_LENGTH,
        progress=False,
        wrap=shared.around,
    )


def _label(choice: MethodChoice) -> str:
    given = " ".join(f"{name}={value}" for name, value in choice.settings.items())
    return f"{choice.name} {given}".rstrip()


def _log(data: str | InteractionLog) -> tuple[InteractionLog, str]:
    if isinstance(data, InteractionLog):
        return data, "log"
    from r2u_rec.data.catalogue.names import load_dataset

    return load_dataset(data), data

"""The main job from settings: what is read, drawn and compared, and the result that a run folder holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from r2u_rec.cli import build, sources
from r2u_rec.cli.model_settings import CLOSED_FORMS
from r2u_rec.cli.settings import PrepareSettings, Settings
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.registry import ARMS, METHODS, MODELS, Recipe
from r2u_rec.report.results import RunResult
from r2u_rec.revocability.scoring import revocable_users
from r2u_rec.study.context import FitContext
from r2u_rec.study.flagged import FLAGGED, flagged_request
from r2u_rec.study.judge import REFERENCE_SEEDS
from r2u_rec.study.main_job import MainJob, run_main_job
from r2u_rec.study.request import hash_of
from r2u_rec.study.study import Study

OPERATORS = ("newton", "ascent")
ARM_FIELDS = {
    "isolated": {"isolate": "isolate"},
    "reweighted": {"weight": "weight"},
    "phased": {"share": "phase_share"},
    "noisy": {"sigma": "sigma"},
    "clipped": {"max_norm": "clip_norm"},
    "private": {"max_norm": "private_norm", "noise_multiplier": "private_noise"},
}
"""Way to train -> its settings and the key under `prepare` that says each."""


def run_job(s: Settings, folder: Path, *, say: Callable[[str], None] = lambda line: None) -> RunResult:
    """Returns everything that one run of the main job measured.

    Args:
        folder: where the result will stand; names the run.
        say: hears one line a stage.

    Raises:
        EvidenceError: too few references, or the evaluator cannot see what is remembered.
        SettingsError, DataError: as the settings and the data demand.
    """
    if not s.evaluate.arms or not s.evaluate.operators:
        raise SettingsError("evaluate.arms and evaluate.operators must each name one or more, got none: see r2u run --help")
    unknown = [name for name in s.evaluate.operators if name not in OPERATORS]
    if unknown:
        raise SettingsError(
            f"evaluate.operators may name {' and '.join(OPERATORS)}, got {unknown[0]}: retraining is measured by evaluate.n_references"
        )
    closed = s.model.name in CLOSED_FORMS
    if not closed and not s.revocability.holdout:
        raise SettingsError("evaluate needs users that were never trained on, and revocability.holdout is false: set it to true")
    log = sources.read(s.data)
    study = drawn_study(s, log)
    exact = dict.fromkeys(([s.model.name] if closed else []) + (["ease"] if s.evaluate.with_ease else []))
    job = MainJob(
        study,
        FLAGGED,
        None if closed else context_of(s),
        {arm: arm_settings(arm, s.prepare) for arm in s.evaluate.arms},
        {name: method_settings(name, s) for name in s.evaluate.operators},
        {name: build.closed_form(s.model, name) for name in exact},
        s.evaluate.n_references,
        s.evaluate.n_halves,
        s.evaluate.stop_auc,
    )
    measured = run_main_job(job, say=say)
    n_erased = len(study.request(FLAGGED).forget)
    return RunResult(
        name=folder.name,
        question=f"What does {s.model.name} still know of {n_erased} erased users, and what does erasing them cost those who stay?",
        command=f"r2u run --repeat {folder.name}",
        settings=asdict(s),
        data={
            "name": Path(s.data.path).name if s.data.path else s.data.name,
            "n_users": log.n_users,
            "n_items": log.n_items,
            "n_interactions": sum(len(part) for part in (study.parts.train, study.parts.validation, study.parts.test)),
            "sha256": hashlib.sha256(np.stack([log.user, log.item]).tobytes()).hexdigest()[:16],
        },
        split_hashes=study.part_hashes | {"request": hash_of(study.request_ids(FLAGGED))},
        seeds=[s.seed] + [s.seed + REFERENCE_SEEDS + i for i in range(s.evaluate.n_references)],
        quality=study.quality_name,
        **vars(measured),
    )


def drawn_study(s: Settings, log: InteractionLog) -> Study:
    """Splits, scores and draws the cohorts."""
    parts, r = sources.split(log, s.data, seed=s.seed), s.revocability
    scores = sources.scores(parts.train, r, seed=s.seed)
    revocable = revocable_users(parts.train, scores, r, seed=s.seed)
    shares = {"request_share": r.request_share, "calibration_share": r.calibration_share, "holdout": r.holdout}
    return flagged_request(parts, scores, revocable, ks=s.evaluate.ks, seed=s.seed, **shares)  # type: ignore[arg-type]


def context_of(s: Settings) -> FitContext:
    """Returns the model of the settings and how it is trained."""
    spec, task = MODELS.get(s.model.name), build.task(s.model)
    assert task is not None
    return FitContext(spec, spec.settings(), Recipe(task, build.training(s.training)), s.seed)


def arm_settings(arm: str, p: PrepareSettings) -> Any:
    """Returns the settings of a way to train."""
    kind = ARMS.get(arm).settings
    names = ARM_FIELDS.get(arm, {f.name: f.name for f in fields(kind)} if fields(kind) else {})
    return kind(**{name: getattr(p, key) for name, key in names.items()})


def method_settings(name: str, s: Settings) -> Any:
    """Returns the settings of an edit; what `forget` has no key for keeps the method's own default."""
    kind = METHODS.get(name).settings
    names = [f.name for f in fields(kind) if hasattr(s.forget, f.name) and (name, f.name) != ("newton", "tables")]  # tables: of ascent
    return kind(**{each: getattr(s.forget, each) for each in names})

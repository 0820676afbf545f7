"""The whole proof from settings: what is read, drawn and compared, and the result that a run folder holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from r2u_rec.api.runs import study_of
from r2u_rec.api.threads import torch_threads
from r2u_rec.config import sources
from r2u_rec.config.settings import Settings
from r2u_rec.errors import SettingsError
from r2u_rec.registry.tables import ARMS, METHODS, MODELS
from r2u_rec.report.results import RunResult
from r2u_rec.study.flagged import FLAGGED
from r2u_rec.study.judge import REFERENCE_SEEDS
from r2u_rec.study.main_job import MainJob, run_main_job
from r2u_rec.study.request import hash_of


def check_proof(s: Settings) -> None:
    """Refuses settings of a proof that cannot be meant, before anything is read.

    Raises:
        SettingsError: nothing to compare, an unknown name, too few references, nobody held out, or what does not fit the model.
    """
    e, spec = s.evaluate, MODELS.get(s.model.name)
    if not e.arms or not e.methods:
        raise SettingsError("evaluate.arms and evaluate.methods must each name one or more, got none: see r2u run --help evaluate")
    if not e.ks or min(e.ks) < 1:
        raise SettingsError(f"evaluate.ks must name cut-offs >= 1, got {list(e.ks)}")
    if spec.closed_form is not None:
        return
    if e.n_references < 2:
        raise SettingsError(f"evaluate.n_references must be >= 2, got {e.n_references}: one retrained model has no spread")
    if not s.revocability.holdout:
        raise SettingsError("a proof needs users that were never trained on, and revocability.holdout is false: set it to true")
    for arm in e.arms:
        ARMS.get(arm)
    for method in e.methods:
        if METHODS.get(method).family == "reference" and method == "retrain":
            raise SettingsError("evaluate.methods names retrain, and retraining is measured by evaluate.n_references: leave it out")
        s.plan(arm="standard", method=method)


def stages(s: Settings) -> int:
    """Returns how many lines `run_proof` says, by which progress is told."""
    e, closed = s.evaluate, MODELS.get(s.model.name).closed_form is not None
    steps = 0 if closed else e.n_references + len(e.arms) + 1 + len(e.arms) * len(e.methods)
    return 2 + steps + len(_closed_forms(s))


def _closed_forms(s: Settings) -> list[str]:
    own = [s.model.name] if MODELS.get(s.model.name).closed_form is not None else []
    return list(dict.fromkeys(own + (["ease"] if s.evaluate.with_ease else [])))


def run_proof(s: Settings, folder: Path, *, say: Callable[[str], None] = lambda line: None) -> RunResult:
    """Returns everything that the proof measured.

    Args:
        folder: where the result will stand; names the run.
        say: hears one line a stage.

    Raises:
        EvidenceError: too few references, or the evaluator cannot see what is remembered.
        SettingsError, DataError: as the settings and the data demand.
    """
    check_proof(s)
    spec, e = MODELS.get(s.model.name), s.evaluate
    log = sources.read(s.data)
    if max(e.ks) > log.n_items:
        raise SettingsError(f"evaluate.ks names {max(e.ks)}, and there are {log.n_items} items: cut-offs must lie in [1, {log.n_items}]")
    study = study_of(s, log)
    trained = spec.closed_form is None
    forms = {}
    for name in _closed_forms(s):
        form, own = MODELS.get(name), s.model.settings if name == s.model.name else replace(MODELS.get(name).settings(), reg=e.ease_reg)
        assert form.closed_form is not None
        forms[name] = form.closed_form(own)
    job = MainJob(
        study,
        FLAGGED,
        s.plan(arm="standard", method="retrain").context() if trained else None,
        {arm: s.prepare.arms.get(arm) for arm in e.arms},
        {method: s.plan(arm="standard", method=method).method_settings for method in e.methods} if trained else {},
        forms,
        e.n_references,
        e.n_halves,
        e.stop_auc,
    )
    with torch_threads(s.training.threads):
        measured = run_main_job(job, say=say)
    n_erased = len(study.request(FLAGGED).forget)
    return RunResult(
        name=folder.name,
        question=f"What does {s.model.name} still know of {n_erased} erased users, and what does erasing them cost those who stay?",
        command=f"r2u run --repeat {folder.name}",
        settings=s.flat(),
        data={
            "name": Path(s.data.path).name if s.data.path else s.data.name,
            "n_users": log.n_users,
            "n_items": log.n_items,
            "n_interactions": sum(len(part) for part in (study.parts.train, study.parts.validation, study.parts.test)),
            "sha256": hashlib.sha256(np.stack([log.user, log.item]).tobytes()).hexdigest()[:16],
        },
        split_hashes=study.part_hashes | {"request": hash_of(study.request_ids(FLAGGED))},
        seeds=[s.seed] + [s.seed + REFERENCE_SEEDS + i for i in range(e.n_references)],
        quality=study.quality_name,
        **vars(measured),
    )

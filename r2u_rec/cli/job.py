"""The main job: train, forget, and hold every figure against retrained models."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from r2u_rec.cli.closed_form_rows import closed_form_rows
from r2u_rec.cli.factor_rows import REFERENCE_SEEDS, factor_rows
from r2u_rec.cli.model_settings import CLOSED_FORMS
from r2u_rec.cli.notes import Notes
from r2u_rec.cli.operate import OPERATORS
from r2u_rec.cli.settings import Settings
from r2u_rec.cli.study import prepare_study
from r2u_rec.errors import SettingsError
from r2u_rec.report.results import RunResult


def run_job(s: Settings, folder: Path, *, say: Callable[[str], None] = lambda line: None) -> RunResult:
    """Returns everything that one run of the main job measured.

    Reads, scores and splits; holds users out; trains the references without the request and each arm with it; forgets by
    each operator; judges every outcome against the references, after the evaluator's self-test.

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
    study = prepare_study(s)
    n_erased, n_held = len(study.cohorts.forget), len(study.cohorts.holdout)
    share = len(study.request) / len(study.records)
    say(f"{len(study.records)} interactions of {len(study.retained) + n_erased} users to train on")
    say(f"{n_erased} users ({share:.1%} of the interactions) will be erased, {n_held} like them are never trained on")
    notes = Notes()
    if not closed:
        factor_rows(study, notes, say)
    for name in dict.fromkeys(([s.model.name] if closed else []) + (["ease"] if s.evaluate.with_ease else [])):
        say(f"{name}: fit, erase, fit again without the erased")
        closed_form_rows(study, name, notes)
    log = study.parts.train
    return RunResult(
        name=folder.name,
        question=f"What does {s.model.name} still know of {n_erased} erased users, and what does erasing them cost those who stay?",
        command=f"r2u run --repeat {folder.name}",
        settings=asdict(s),
        data={
            "name": Path(s.data.path).name if s.data.path else s.data.name,
            "n_users": log.n_users,
            "n_items": log.n_items,
            "n_interactions": sum(len(part) for part in (log, study.parts.validation, study.parts.test)),
            "sha256": study.data_hash,
        },
        split_hashes=study.split_hashes,
        seeds=[s.seed] + [s.seed + REFERENCE_SEEDS + i for i in range(s.evaluate.n_references)],
        quality=study.quality_name,
        **vars(notes),
    )

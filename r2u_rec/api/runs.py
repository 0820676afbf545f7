"""Run folders: a trained model with the settings that made it, and, where something was held out, the study that it is measured by."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from r2u_rec.api.choices import PrepareChoice
from r2u_rec.api.loading import load
from r2u_rec.api.recommender import Recommender
from r2u_rec.api.saving import about, put_model
from r2u_rec.api.scoring import UserScores
from r2u_rec.api.threads import torch_threads
from r2u_rec.api.training import Trained, train
from r2u_rec.config import sources
from r2u_rec.config.files import read_settings, settings_of_run, write_settings
from r2u_rec.config.parse import settings_from_mapping
from r2u_rec.config.plan import Plan
from r2u_rec.config.settings import Settings
from r2u_rec.core.stored import Json
from r2u_rec.core.training import History
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.registry.tables import ARMS
from r2u_rec.revocability.scoring import revocable_users, scored
from r2u_rec.storage import written_whole
from r2u_rec.study.context import cohorts_of
from r2u_rec.study.flagged import flagged_request
from r2u_rec.study.study import Study

STUDY, HISTORY = "study", "history.json"


def holds_out(s: Settings) -> bool:
    """Returns whether the settings keep test interactions or users out of training, to measure by."""
    return s.data.split != "none" or s.revocability.holdout


def study_of(s: Settings, log: InteractionLog) -> Study:
    """Returns the study that the settings draw: split, revocable users, who asks, and who is never trained on."""
    r = s.revocability
    parts = sources.split_log(log, s.data, seed=s.seed)
    scores = sources.scores(parts.train, r, seed=s.seed)
    revocable = revocable_users(parts.train, scores, r, seed=s.seed)
    return flagged_request(
        parts,
        scores,
        revocable,
        request_share=r.request_share,
        calibration_share=r.calibration_share,
        holdout=r.holdout,
        ks=s.evaluate.ks,
        seed=s.seed,
    )


def preparation_of(s: Settings, log: InteractionLog) -> PrepareChoice | None:
    """Returns how the settings prepare a model that is trained on everyone in `log`."""
    if s.prepare.arm == "standard":
        return None
    r, own = s.revocability, vars(s.prepare.arms.get(s.prepare.arm) or ARMS.get(s.prepare.arm).settings())
    if not ARMS.get(s.prepare.arm).reads_revocable:
        return PrepareChoice(s.prepare.arm, **own)
    if r.policy == "explicit":
        return PrepareChoice(s.prepare.arm, revocable=list(r.users), **own)
    scores = UserScores.of(log, scored(log, r, seed=s.seed).ruled.scores, r)
    return PrepareChoice(s.prepare.arm, revocable=scores, share=r.share, policy=r.policy, value=r.value, **own)


def train_run(s: Settings, log: InteractionLog, out: Path) -> tuple[Recommender, Study | None]:
    """Trains as the settings say and writes the run folder, whole or not at all; returns the model and what it is measured by, if anything.

    Raises:
        SettingsError, DataError: as the settings and the data demand.
    """
    epochs: list[dict[str, Any]] = []
    with written_whole(out, about=_about(s.plan()), verb="train") as part:
        if holds_out(s):
            study = study_of(s, log)
            model = _fit_on_study(s, study, epochs)
            study.to_folder(part / STUDY)
        else:
            study = None
            model = _fit_on_everyone(s, log, epochs)
        _write(part, model, s)
        (part / HISTORY).write_text(json.dumps(epochs, indent=1) + "\n", encoding="utf-8")
    return model, study


def _fit_on_everyone(s: Settings, log: InteractionLog, epochs: list[dict[str, Any]]) -> Recommender:
    """Returns the model trained on everyone in `log`, but calibration users where the settings ask for them."""
    share = s.revocability.calibration_share
    model = Recommender(s.plan(), prepare=preparation_of(s, log), calibration_share=share)

    def keep(history: History) -> None:
        epochs.extend(history.epochs)

    model._trained = train(model.plan, log, prepare=model.prepare, calibration_share=share, on_history=keep)
    return model


def _fit_on_study(s: Settings, study: Study, epochs: list[dict[str, Any]]) -> Recommender:
    """Returns the model trained on those whom the study trains on, watched by users who are not revocable."""
    plan = s.plan()
    watched = plan.spec.training is not None and len(study.stable_users) > 0
    ready = s.prepare.arms.get(s.prepare.arm)
    if not watched and (getattr(ready, "most_loss", None) is not None or s.training.patience is not None):
        raise SettingsError(
            "prepare.ready2unlearn.most_loss and training.patience go by the validation quality of users who are not revocable, and there "
            "are none: raise data.shares, or let fewer users be revocable"
        )
    context = plan.context(
        **cohorts_of(study),
        validate=study.stable_quality if watched else None,
        on_history=lambda history: epochs.extend(history.epochs),
    )
    with torch_threads(plan.threads):
        fitted = plan.build(context).fit(context.task, study.records, seed=s.seed)
    fitted.model.eval()
    model = Recommender(plan)
    model._trained = Trained(fitted, study.revocable, (plan.method.name, plan.method_settings))
    return model


def read_run(folder: Path) -> tuple[Recommender, Settings]:
    """Returns the model of a run folder and its settings.

    Raises:
        DataError: the folder is no run folder, or a file is not the one that was written.
    """
    s = settings_from_mapping(read_settings(settings_of_run(folder)), where=str(folder))
    return load(folder), s


def write_forgotten(after: Recommender, s: Settings, source: Path, out: Path, ids: Any) -> None:
    """Writes the run folder of a model that has forgotten the records `ids`; what it is measured by loses them too."""
    with written_whole(out, about=_about(s.plan()), verb="forget", parent=source) as part:
        if (source / STUDY).is_dir():
            Study.from_folder(source / STUDY).without(ids).to_folder(part / STUDY)
        _write(part, after, s)


def study_in(folder: Path) -> Study:
    """Returns what a run is measured by; DataError when its training held nothing out."""
    if not (folder / STUDY).is_dir():
        raise DataError(
            f"{folder} was trained on everyone and holds no test interactions: train with --data.split random, or measure with r2u run"
        )
    return Study.from_folder(folder / STUDY)


def _write(part: Path, model: Recommender, s: Settings) -> None:
    put_model(model, part)
    write_settings(s, part)


def _about(plan: Plan) -> dict[str, Json]:
    return about(Recommender(plan))

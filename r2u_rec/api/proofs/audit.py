"""audit: one model, one request, and the proof of what is left of it, held against retrained models."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_rec.api.answers import whole
from r2u_rec.api.proofs.report import ForgettingReport
from r2u_rec.api.recommender import Recommender
from r2u_rec.api.scoring import UserScores
from r2u_rec.api.threads import torch_threads
from r2u_rec.api.training import revocable_codes
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.split import Parts, random_per_user
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.report.results import RunResult
from r2u_rec.rng import stream
from r2u_rec.study.flagged import FLAGGED, flagged_request
from r2u_rec.study.judge import REFERENCE_SEEDS
from r2u_rec.study.main_job import MainJob, run_main_job
from r2u_rec.study.request import StudyRequest, hash_of
from r2u_rec.study.study import Study

Codes = NDArray[np.int64]
NAMED = "named"


def audit(
    model: Recommender,
    log: InteractionLog,
    *,
    forget: float | Iterable[Any] = 0.05,
    references: int = 3,
    seed: int = 0,
    shares: tuple[float, float, float] = (0.8, 0.1, 0.1),
    calibration_share: float = 0.05,
    ks: Iterable[int] = (20,),
    n_halves: int = 5,
    say: Callable[[str], None] = lambda line: None,
) -> ForgettingReport:
    """Returns what the model still shows of users after it has forgotten them, held against models retrained without them.

    Splits the log, keeps users out of training who are like those who ask, trains the references without the request and the model with
    it, forgets by the model's method, and judges the outcome by attacks that must first show that they can tell.

    Args:
        model: trained or not; it is trained anew on this split by its own settings, and is itself not changed.
        log: all interactions.
        forget: share of the users who ask, drawn among those who may withdraw where the model is prepared for them; or the users' keys.
        references: retrained models, at least two.
        seed: of the split, the users, and the training.
        shares: of training, validation and test interactions.
        calibration_share: of the users, kept out of training to set the length of an edit where its settings ask for that.
        ks: cut-offs of ranked lists; those above the number of items are refused.
        n_halves: random halves of each history by which a user is looked for.
        say: hears one line a stage.

    Returns:
        A proof with `rows`, `verdict`, `summary()` and `to_html(path)`.

    Raises:
        EvidenceError: the attacks cannot tell what is remembered, or there are too few users or references.
        SettingsError, DataError: a share or cut-off out of range; an unknown key; too few users.
    """
    if not isinstance(model, Recommender):
        raise TypeError(f"audit takes a model such as r2u.MF(), got {type(model).__name__}")
    if not isinstance(log, InteractionLog):
        raise TypeError(f"audit takes an InteractionLog, got {type(log).__name__}: make one with r2u.read_interactions(source)")
    references, cut_offs = whole(references, "references", 2), tuple(whole(k, "ks") for k in ks)
    if not cut_offs or max(cut_offs) > log.n_items:
        raise SettingsError(f"ks must name cut-offs in [1, {log.n_items}], the number of items, got {list(cut_offs)}")
    plan = model.plan
    parts = random_per_user(log, shares, seed=seed)
    study, request = audited_study(model, parts, forget, calibration_share=calibration_share, ks=cut_offs, seed=seed)
    closed = plan.spec.closed_form is not None
    job = MainJob(
        study,
        request,
        None if closed else plan.context(progress=model.progress),
        {} if closed else {plan.arm.name: plan.arm_settings},
        {} if closed else {plan.method.name: plan.method_settings},
        {plan.spec.name: plan.spec.closed_form(plan.model)} if plan.spec.closed_form is not None else {},
        references,
        n_halves,
        None,
    )
    with torch_threads(plan.threads):
        measured = run_main_job(job, say=say)
    n_asked = len(study.request(request).forget)
    return ForgettingReport(
        RunResult(
            name="audit",
            question=f"What does {plan.spec.class_name} still know of {n_asked} erased users, and what does erasing cost those who stay?",
            command=f"r2u.audit(model, log, references={references}, seed={seed})",
            settings={
                "model": {"name": plan.spec.name, **asdict(plan.model)},
                "training": dict(plan.loop),
                "prepare": {"arm": plan.arm.name, **asdict(plan.arm_settings)},
                "forget": {"method": plan.method.name, **asdict(plan.method_settings)},
                "audit": {"shares": list(shares), "calibration_share": calibration_share, "ks": list(cut_offs), "n_halves": n_halves},
                "seed": seed,
            },
            data=data_of(log),
            split_hashes=study.part_hashes | {"request": hash_of(study.request_ids(request))},
            seeds=[seed] + [seed + REFERENCE_SEEDS + i for i in range(references)],
            quality=study.quality_name,
            **vars(measured),
        )
    )


def data_of(log: InteractionLog, name: str = "log") -> dict[str, Any]:
    """Returns what a report says of its data."""
    pairs = np.stack([log.user, log.item])
    return {"name": name, "n_users": log.n_users, "n_items": log.n_items, "n_interactions": len(log), "sha256": hash_of(pairs)}


def audited_study(
    model: Recommender, parts: Parts, forget: float | Iterable[Any], *, calibration_share: float, ks: tuple[int, ...], seed: int
) -> tuple[Study, str]:
    """Returns the study in which users ask, and the name of their request.

    Raises:
        SettingsError: a share out of range. DataError: unknown keys; too few users to compare with.
    """
    train = parts.train
    prepared = revocable_codes(train, model.prepare, seed=seed)
    everyone = np.flatnonzero(train.user_counts > 0)
    revocable = prepared if len(prepared) else everyone
    if isinstance(forget, float):
        if not 0 < forget < 0.5:
            raise SettingsError(f"forget must be a share of the users in (0, 0.5), or keys, got {forget}")
        scores = _scores(model, train)
        study = flagged_request(parts, scores, revocable, request_share=forget, calibration_share=calibration_share, ks=ks, seed=seed)
        return study if len(prepared) else replace(study, revocable=prepared), FLAGGED  # by who is not revocable a training is watched
    codes = np.unique(train.user_keys.known_codes(forget, "user"))
    return _named(parts, codes, revocable, prepared, calibration_share, ks, seed), NAMED


def _scores(model: Recommender, train: InteractionLog) -> NDArray[np.float64]:
    """Returns (n_users,) the scores that the model is prepared by; 0 for everyone where it is prepared by none."""
    scores = np.zeros(train.n_users)
    if model.prepare is not None and isinstance(model.prepare.revocable, UserScores):
        frame = model.prepare.revocable.frame
        codes = train.user_keys.codes(frame["user"])
        scores[codes[codes >= 0]] = frame["score"].to_numpy()[codes >= 0]
    return scores


def _named(
    parts: Parts, asked: Codes, revocable: Codes, prepared: Codes, calibration_share: float, ks: tuple[int, ...], seed: int
) -> Study:
    """Returns the study in which the users named ask; for each, one with as long a history is never trained on."""
    train = parts.train
    if gone := np.flatnonzero(train.user_counts[asked] == 0).tolist():
        raise DataError(f"{len(gone)} of the {len(asked)} users named have no training interactions: leave them out")
    if not 0 <= calibration_share < 1:
        raise SettingsError(f"calibration_share must lie in [0, 1), got {calibration_share}")
    others = np.setdiff1d(np.flatnonzero(train.user_counts > 0), asked)
    n_calibration = round(calibration_share * (len(others) + len(asked)))
    if len(others) <= len(asked) + n_calibration:
        raise DataError(
            f"{len(asked)} users ask, as many like them and {n_calibration} calibration users are kept out of training, and there are "
            f"{len(others)} others: name fewer, or lower calibration_share"
        )
    holdout = nearest_histories(train, asked, others, seed=seed)
    left = np.setdiff1d(others, holdout)
    calibration = np.sort(stream(seed, "calibration").choice(left, size=n_calibration, replace=False))
    return Study(
        seed=seed,
        parts=parts,
        records=train.drop(train.ids_of_users(np.concatenate([holdout, calibration]))),
        requests={NAMED: StudyRequest(NAMED, asked, holdout)},
        revocable=np.setdiff1d(prepared, np.concatenate([holdout, calibration])),
        calibration_users=calibration,
        candidates=np.setdiff1d(revocable, np.concatenate([asked, holdout, calibration])),
        ks=ks,
    )


def nearest_histories(train: InteractionLog, asked: Codes, others: Codes, *, seed: int) -> Codes:
    """Returns for each of `asked` one of `others`, each once, so that histories are as long; ties are broken at random."""
    mixed = stream(seed, "counterparts").permutation(others)
    order = mixed[np.argsort(train.user_counts[mixed], kind="stable")]
    counts, free = train.user_counts[order], np.ones(len(order), dtype=bool)
    chosen = []
    for user in asked[np.argsort(-train.user_counts[asked], kind="stable")]:
        at = np.flatnonzero(free)
        best = at[np.abs(np.log1p(counts[at]) - np.log1p(train.user_counts[user])).argmin()]
        free[best] = False
        chosen.append(order[best])
    return np.sort(np.array(chosen, dtype=np.int64))

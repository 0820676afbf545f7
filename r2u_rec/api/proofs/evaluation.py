"""A stored run measured: its ranking quality, and, against retrained references, what was forgotten. Nothing is read from the source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from r2u_rec.api.recommender import Recommender
from r2u_rec.api.runs import read_run, study_in
from r2u_rec.config.settings import Settings
from r2u_rec.core.protocols import Fitted
from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.groups import coverage, item_group_metrics, popular_items
from r2u_rec.evaluate.proof import ForgettingEvaluator
from r2u_rec.recsys.serving.popularity import Popularity
from r2u_rec.storage.manifest import read_manifest
from r2u_rec.study.flagged import FLAGGED
from r2u_rec.study.measurements import verdict_figures
from r2u_rec.study.quality import ranked_lists
from r2u_rec.study.request import StudyRequest
from r2u_rec.study.study import Study

ERASED = "erased"


def evaluate_run(s: Settings, folder: Path, *, before: Path | None = None, references: Sequence[Path] = ()) -> list[dict[str, Any]]:
    """Returns the rows of a table: the run and, when given, the retrained references and the run before with its rows deleted.

    Users, test interactions and never-trained users are those that training stored; the source is not read again.

    Raises:
        DataError: a folder is no run folder, or its training held nothing out.
        EvidenceError: a reference was not retrained on the very records that the run stands on, or the self-test failed.
    """
    study = study_in(folder)
    model, _ = read_run(folder)
    fitted = model.trained.fitted
    names = {"model": s.model.name, "arm": s.prepare.arm, "operator": _method(folder), "seed": s.seed}
    row = names | _quality(s, study, fitted)
    if before is None:
        return [row]
    retrained = [_reference(path, fitted) for path in references]
    released, _ = read_run(before)
    asked = _erased(study_in(before), released, fitted)
    prover = ForgettingEvaluator(
        [_folding(r.trained.fitted) for r in retrained],
        *asked.probes(ERASED, s.evaluate.n_halves),
        remembered=_only_deleted(released, fitted),
        popularity=Popularity.of(fitted.records),
        seed=s.seed,
    )
    exact = bool(read_manifest(folder).about.get("exact", False))
    rows = [row | {"exact": exact} | verdict_figures(prover.judge(_folding(fitted)))]
    rows.append(names | {"operator": "none"} | verdict_figures(prover.evidence.remembered))
    for i, (reference, verdict) in enumerate(zip(retrained, prover.evidence.references, strict=True)):
        rows.append(names | {"operator": "retrained", "seed": i} | _quality(s, study, reference.trained.fitted) | verdict_figures(verdict))
    return rows


def _erased(study: Study, released: Recommender, after: Fitted) -> Study:
    """Returns the study of the run before with the request that was carried out.

    Raises:
        EvidenceError: nobody was erased as a whole, or nobody was kept out of training to compare with.
    """
    gone = np.flatnonzero((released.log.user_counts > 0) & (after.records.user_counts == 0))
    holdout = study.requests[FLAGGED].holdout if FLAGGED in study.requests else gone[:0]
    if not len(gone) or not len(holdout):
        what = "no user was erased as a whole" if not len(gone) else "no users were kept out of training to compare with"
        raise EvidenceError(f"{what}: a proof needs both, train with --revocability.holdout true and forget users")
    return study.with_request(StudyRequest(ERASED, gone, holdout))


def _folding(fitted: Fitted) -> Any:
    """Returns the model, of which the evaluator refuses one that folds nobody in."""
    return fitted.model


def _method(folder: Path) -> str:
    manifest = read_manifest(folder)
    return str(manifest.about.get("method", "none")) if manifest.verb == "forget" else "none"


def _quality(s: Settings, study: Study, fitted: Fitted) -> dict[str, float]:
    """Returns the ranking metrics of the users who are in the run, by group of items too, and the coverage of their lists."""
    users, k = np.flatnonzero(fitted.records.user_counts > 0), max(s.evaluate.ks)
    ranked = ranked_lists(fitted.model, study.parts, users, k)
    quality = study.quality(fitted.model, users=users, ks=s.evaluate.ks)
    found = quality.mean() | {"coverage": coverage(ranked, study.parts.train.n_items)}
    groups = item_group_metrics(ranked, study.parts.test.matrix(), users, (k,), popular_items(fitted.records.item_counts))
    return found | {f"NDCG@{k}, {name}": each.mean()[f"NDCG@{k}"] for name, each in groups.items() if len(each.users)}


def _reference(folder: Path, fitted: Fitted) -> Recommender:
    if _method(folder) != "retrain":
        raise EvidenceError(
            f"{folder} is no retrained reference, it was made by {_method(folder)}: use r2u forget --forget.method retrain --seed N"
        )
    reference, _ = read_run(folder)
    if not np.array_equal(reference.log.ids, fitted.records.ids):
        raise EvidenceError(
            f"{folder} does not stand on the {len(fitted.records)} records of the run, but on {len(reference.log)}: carry out "
            "the same request"
        )
    return reference


def _only_deleted(released: Recommender, after: Fitted) -> Any:
    """Returns the model from before the erasure, with only rows and edges of the erased users gone."""
    model = released.trained.fitted.model
    released.plan.context().task.attach(model, after.records)
    return model

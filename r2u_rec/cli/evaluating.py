"""A stored run measured: against the data it was trained on, and against retrained references."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from r2u_rec.cli import build, sources
from r2u_rec.cli.job import drawn_study
from r2u_rec.cli.settings import Settings
from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError, EvidenceError
from r2u_rec.evaluate.groups import coverage, item_group_metrics, popular_items
from r2u_rec.evaluate.proof import ForgettingEvaluator
from r2u_rec.evaluate.ranking import ranking_metrics
from r2u_rec.recsys.serving.popularity import Popularity
from r2u_rec.storage import load, read_manifest
from r2u_rec.study.flagged import FLAGGED
from r2u_rec.study.measurements import verdict_figures
from r2u_rec.study.quality import ranked_lists
from r2u_rec.study.request import StudyRequest
from r2u_rec.study.study import Study


def evaluate_run(s: Settings, folder: Path, *, before: Path | None = None, references: Sequence[Path] = ()) -> list[dict[str, Any]]:
    """Returns the rows of a table: the run and, when given, the retrained references and the run before with its rows deleted.

    Raises:
        DataError: the data is not the one the run was trained on.
        EvidenceError: a reference was not retrained on the very records that the run stands on, or the self-test failed.
    """
    log = sources.read(s.data)
    study = drawn_study(s, log)
    fitted = _loaded(s, folder)
    _same_codes(fitted.records, log, folder)
    names = {"model": s.model.name, "arm": s.prepare.arm, "operator": _operator(folder), "seed": s.seed}
    row = names | _quality(study, fitted)
    if before is None:
        return [row]
    retrained = [_reference(s, path, fitted) for path in references]
    released = _loaded(s, before)
    forget = np.flatnonzero((released.records.user_counts > 0) & (fitted.records.user_counts == 0))
    study = study.with_request(StudyRequest("erased", forget, study.request(FLAGGED).holdout))
    prover = ForgettingEvaluator(
        [r.model for r in retrained],
        *study.probes("erased", s.evaluate.n_halves),
        remembered=_only_deleted(s, released, fitted.records),
        popularity=Popularity.of(fitted.records),
        seed=s.seed,
    )
    exact = bool(read_manifest(folder).about.get("exact", False))
    rows = [row | {"exact": exact} | verdict_figures(prover.judge(fitted.model))]
    rows.append(names | {"operator": "none"} | verdict_figures(prover.evidence.remembered))
    for i, (reference, verdict) in enumerate(zip(retrained, prover.evidence.references, strict=True)):
        rows.append(names | {"operator": "retrained", "seed": i} | _quality(study, reference) | verdict_figures(verdict))
    return rows


def _loaded(s: Settings, folder: Path) -> Fitted:
    return load(folder, build.task(s.model), expected={"model": s.model.name})


def _operator(folder: Path) -> str:
    return str(read_manifest(folder).about.get("operator", "none"))


def _quality(study: Study, fitted: Fitted) -> dict[str, float]:
    """Returns the ranking metrics of the users who are in the run, by group of items too, and the coverage of their lists.

    Training and validation items are masked; popular items are those that hold four fifths of the training interactions.
    """
    parts, k = study.parts, max(study.ks)
    users, test = np.flatnonzero(fitted.records.user_counts > 0), parts.test.matrix()
    ranked = ranked_lists(fitted.model, parts, users, k)
    found = ranking_metrics(ranked, test, users, study.ks).mean() | {"coverage": coverage(ranked, parts.train.n_items)}
    groups = item_group_metrics(ranked, test, users, (k,), popular_items(fitted.records.item_counts))
    return found | {f"NDCG@{k}, {name}": each.mean()[f"NDCG@{k}"] for name, each in groups.items() if len(each.users)}


def _reference(s: Settings, folder: Path, fitted: Fitted) -> Fitted:
    reference = _loaded(s, folder)
    if _operator(folder) != "retrain":
        raise EvidenceError(
            f"{folder} is no retrained reference, it was made by {_operator(folder)}: use r2u forget --forget.operator retrain"
        )
    if not np.array_equal(reference.records.ids, fitted.records.ids):
        raise EvidenceError(
            f"{folder} does not stand on the {len(fitted.records)} records of the run, but on {len(reference.records)}: "
            "carry out the same request"
        )
    return reference


def _only_deleted(s: Settings, released: Fitted, left: InteractionLog) -> Any:
    """Returns the model from before the erasure, with only rows and edges of the erased users gone."""
    task = build.task(s.model)
    if task is None:
        released.model.rebuild(left)
    else:
        task.attach(released.model, left)
    return released.model


def _same_codes(stored: InteractionLog, log: InteractionLog, folder: Path) -> None:
    """Refuses data whose users or items are numbered otherwise than when the run was trained."""
    known = np.ones(len(stored.user_keys), dtype=bool)
    known[list(stored.user_keys.empty)] = False
    same = len(stored.user_keys) == log.n_users and stored.item_keys.keys.equals(log.item_keys.keys)
    if same and (stored.user_keys.keys[known] == log.user_keys.keys[known]).all():
        return
    raise DataError(
        f"the data is not the one that {folder} was trained on ({log.n_users} users, {log.n_items} items): check data.* and the file"
    )

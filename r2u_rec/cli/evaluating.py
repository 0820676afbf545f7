"""A stored run measured: against the data it was trained on, and against retrained references."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from r2u_rec.cli import build, sources
from r2u_rec.cli.cohorts import draw_cohorts
from r2u_rec.cli.notes import figures
from r2u_rec.cli.settings import Settings
from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.split import Parts
from r2u_rec.errors import DataError, EvidenceError
from r2u_rec.evaluate.groups import coverage, item_group_metrics, popular_items
from r2u_rec.evaluate.imprint import FoldInProbe
from r2u_rec.evaluate.proof import ForgettingEvaluator
from r2u_rec.evaluate.ranking import rank, ranking_metrics
from r2u_rec.recsys.serving.popularity import Popularity
from r2u_rec.storage.fitted import load_fitted, read_manifest


def evaluate_run(s: Settings, folder: Path, *, before: Path | None = None, references: Sequence[Path] = ()) -> list[dict[str, Any]]:
    """Returns the rows of a table: the run and, when given, the retrained references and the run before with its rows deleted.

    Raises:
        DataError: the data is not the one the run was trained on.
        EvidenceError: a reference was not retrained on the very records that the run stands on, or the self-test failed.
    """
    log = sources.read(s.data)
    parts = sources.split(log, s.data, seed=s.seed)
    fitted = load_fitted(folder, s.model)
    _same_codes(fitted.records, log, folder)
    names = {"model": s.model.name, "arm": s.prepare.arm, "operator": _operator(folder), "seed": s.seed}
    row = names | _quality(s, parts, fitted)
    if before is None:
        return [row]
    retrained = [_reference(s, path, fitted) for path in references]
    released = load_fitted(before, s.model)
    train = parts.train
    forget = np.flatnonzero((released.records.user_counts > 0) & (fitted.records.user_counts == 0))
    holdout = draw_cohorts(train, sources.scores(train, s.revocability, seed=s.seed), s.revocability, seed=s.seed).holdout
    probes = [FoldInProbe(train, users, n_halves=s.evaluate.n_halves, seed=s.seed) for users in (forget, holdout)]
    prover = ForgettingEvaluator(
        [r.model for r in retrained],
        *probes,
        remembered=_only_deleted(s, released, fitted.records),
        popularity=Popularity.of(fitted.records),
        seed=s.seed,
    )
    exact = bool(read_manifest(folder)["about"].get("exact", False))
    rows = [row | {"exact": exact} | figures(prover.judge(fitted.model))]
    rows.append(names | {"operator": "none"} | figures(prover.evidence.remembered))
    for i, (reference, verdict) in enumerate(zip(retrained, prover.evidence.references, strict=True)):
        rows.append(names | {"operator": "retrained", "seed": i} | _quality(s, parts, reference) | figures(verdict))
    return rows


def _operator(folder: Path) -> str:
    return str(read_manifest(folder)["about"].get("operator", "none"))


def _quality(s: Settings, parts: Parts, fitted: Fitted) -> dict[str, float]:
    """Returns the ranking metrics of the users who are in the run, by group of items too, and the coverage of their lists.

    Training and validation items are masked; popular items are those that hold four fifths of the training interactions.
    """
    users, k, test = np.flatnonzero(fitted.records.user_counts > 0), max(s.evaluate.ks), parts.test.matrix()
    ranked = rank(fitted.model, parts.train.matrix() + parts.validation.matrix(), users, k)
    found = ranking_metrics(ranked, test, users, s.evaluate.ks).mean() | {"coverage": coverage(ranked, parts.train.n_items)}
    groups = item_group_metrics(ranked, test, users, (k,), popular_items(fitted.records.item_counts))
    return found | {f"NDCG@{k}, {name}": each.mean()[f"NDCG@{k}"] for name, each in groups.items() if len(each.users)}


def _reference(s: Settings, folder: Path, fitted: Fitted) -> Fitted:
    reference = load_fitted(folder, s.model)
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

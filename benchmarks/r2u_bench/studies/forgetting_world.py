"""Who plays which part in the study `forgetting`: a split, two requests, their never-trained counterparts, strangers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from r2u_rec.data import Parts, load_dataset, random_per_user
from r2u_rec.data.log import InteractionLog
from r2u_rec.evaluate.ranking import rank, ranking_metrics
from r2u_rec.revocability.governance.matching import matched_halves
from r2u_rec.revocability.scorers.blend import blend
from r2u_rec.rng import stream

MIN_HISTORY = 8


@dataclass
class ExperimentSplit:
    """A split, who plays which part, and what is trained on."""

    histories: InteractionLog
    records: InteractionLog
    seen: Any
    test: Any
    test_users: Any
    revocable: Any
    calibration_users: InteractionLog
    requests: dict[str, tuple[Any, Any]]

    @property
    def n_asking(self) -> int:
        """Users in a request."""
        return len(next(iter(self.requests.values()))[0])

    def quality(self, model: Any, without: Any) -> float:
        """NDCG@20 on the test part of the users trained on, less `without`."""
        users = np.setdiff1d(self.test_users, without)
        return float(ranking_metrics(rank(model, self.seen, users, 20), self.test, users, (20,)).mean()["NDCG@20"])


def build_world(dataset: str, seed: int, s: dict[str, Any], part: str = "test", *, split: Any = random_per_user) -> ExperimentSplit:
    """Draws split and cohorts; part "validation" is for choosing settings, `split` (log, seed=) -> parts."""
    log = load_dataset(dataset)
    parts = split(log, seed=seed)
    train = parts.train
    scores = blend(
        train, categories="class" if "class" in (train.item_info.columns if train.item_info is not None else []) else None, seed=seed
    )
    eligible_users = np.flatnonzero(train.user_counts >= MIN_HISTORY)
    order = eligible_users[np.argsort(-scores[eligible_users], kind="stable")]
    half = len(order) // 2
    alike = np.stack([np.nan_to_num(scores), np.log1p(train.user_counts)], axis=1)
    n = round(s["request_share"] * log.n_users)
    requests = {}
    for name, pool in (("flagged", np.sort(order[:half])), ("not flagged", np.sort(order[half:]))):
        requests[name] = matched_halves(pool, alike[pool], n, rng=stream(seed, "cohorts", name))
    holdout = np.concatenate([h for _, h in requests.values()])
    left = np.setdiff1d(np.sort(order[:half]), np.concatenate([holdout, requests["flagged"][0]]))
    calibration_users = np.sort(stream(seed, "strangers").choice(left, size=round(s["strangers_share"] * log.n_users), replace=False))
    apart = np.union1d(holdout, calibration_users)
    revocable = np.setdiff1d(np.sort(order[:half]), apart)
    return world_of(parts, part, apart=apart, calibration_users=calibration_users, revocable=revocable, requests=requests)


def world_of(
    parts: Parts, part: str, *, apart: Any, calibration_users: Any, revocable: Any, requests: dict[str, tuple[Any, Any]]
) -> ExperimentSplit:
    """Returns the world in which the users `apart` are never trained on, judged on the test or the validation part."""
    train = parts.train
    records = train.drop(train.ids_of_users(apart))
    judged = parts.test if part == "test" else parts.validation
    seen = train.matrix() + parts.validation.matrix() if part == "test" else train.matrix()
    users = np.intersect1d(np.unique(records.user), np.unique(judged.user))
    return ExperimentSplit(
        train, records, seen, judged.matrix(), users, revocable, train.keep(train.ids_of_users(calibration_users)), requests
    )


def hash_of(log: InteractionLog) -> str:
    """Returns 16 hex digits of the sha256 over the record ids."""
    return hashlib.sha256(log.ids.tobytes()).hexdigest()[:16]

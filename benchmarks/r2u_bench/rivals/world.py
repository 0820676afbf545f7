"""One seed of the benchmark: a split, the requests, who is never trained on, and how quality and imprint are measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from r2u_rec.data import Parts, load_dataset, random_per_user, read_log
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.evaluate.groups import halves_by_activity
from r2u_rec.evaluate.imprint import FoldInProbe
from r2u_rec.evaluate.ranking import RankingResult, rank, ranking_metrics
from r2u_rec.revocability.governance.matching import matched_halves
from r2u_rec.revocability.scorers.blend import blend
from r2u_rec.rng import stream
from r2u_rec.suggest import unknown

Codes = NDArray[np.int64]

KINDS = ("random", "core", "edge", "revocable", "not flagged")
"""Who asks: anybody, the most active, the least active, users whom the scorer flags, and users whom it does not."""

MIN_HISTORY = 8
K = 20


@dataclass(frozen=True, eq=False)
class Request:
    """Who asks together, and users like them who were never trained on.

    Attributes:
        forget, holdout: (n_f,) and (n_h,) user codes, ascending.
    """

    name: str
    forget: Codes
    holdout: Codes


@dataclass(frozen=True, eq=False)
class ExperimentSplit:
    """A split and who plays which part.

    Attributes:
        parts: training, validation and test part. records: the training part of those who are trained on.
        revocable: whom a model may prepare for: trained users in the upper half by score.
        strangers: log of users never trained on, by whom the length of an edit is set.
        candidates: trained users who never ask, of whom canaries are drawn.
        requests: by name, such as "core 5 %".
    """

    seed: int
    parts: Parts
    records: InteractionLog
    revocable: Codes
    calibration_users: InteractionLog
    candidates: Codes
    requests: Mapping[str, Request]

    def left(self, request: str) -> InteractionLog:
        """Returns what remains after the request."""
        return self.records.drop(self.records.ids_of_users(self.requests[request].forget))

    @cached_property
    def seen(self) -> Any:
        return self.parts.train.matrix() + self.parts.validation.matrix()

    def quality(self, model: Any, request: str | None, part: str = "test") -> RankingResult:
        """Returns the ranking quality at 20 of all trained users but those of the request; full ranking.

        Training items are masked, and validation items too on the test part.
        """
        judged = getattr(self.parts, part)
        users = np.flatnonzero((self.records.user_counts > 0) & (judged.user_counts > 0))
        if request is not None:
            users = np.setdiff1d(users, self.requests[request].forget)
        seen = self.seen if part == "test" else self.parts.train.matrix()
        return ranking_metrics(rank(model, seen, users, K), judged.matrix(), users, (K,))

    def activity(self, quality: RankingResult) -> dict[str, float]:
        """Returns NDCG@20 of the more and of the less active half of the users measured."""
        halves = halves_by_activity(self.records.user_counts, quality.users)
        return {f"NDCG@{K} {name}": quality.mean(users)[f"NDCG@{K}"] for name, users in zip(("active", "inactive"), halves, strict=True)}

    def probes(self, request: str, n_halves: int) -> tuple[FoldInProbe, FoldInProbe]:
        """Returns the probes of those who ask and of those never trained on."""
        asked = self.requests[request]
        forget, holdout = (
            FoldInProbe(self.parts.train, users, n_halves=n_halves, seed=self.seed) for users in (asked.forget, asked.holdout)
        )
        return forget, holdout

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Name of each part and request -> 16 hex digits of the sha256 of its record ids or user codes."""
        parts = {"train": self.parts.train.ids, "validation": self.parts.validation.ids, "test": self.parts.test.ids}
        parts |= {"trained": self.records.ids} | {name: request.forget for name, request in self.requests.items()}
        return {name: hashlib.sha256(np.ascontiguousarray(ids, dtype=np.int64).tobytes()).hexdigest()[:16] for name, ids in parts.items()}


def request_name(kind: str, share: float) -> str:
    """Returns the name of a request, such as "core 5 %"."""
    return f"{kind} {100 * share:g} %"


@lru_cache(maxsize=2)
def build_world(data: str, seed: int, shares: tuple[float, ...] = (0.01, 0.05), calibration_share: float = 0.06) -> ExperimentSplit:
    """Returns the world of one seed of a data set, by its name or as a file of one's own; see `world_of`."""
    log = read_log(data) if Path(data).is_file() else load_dataset(data)
    return world_of(random_per_user(log, seed=seed), seed, shares=shares, calibration_share=calibration_share)


def world_of(parts: Parts, seed: int, *, shares: tuple[float, ...], calibration_share: float) -> ExperimentSplit:
    """Returns the world of one split.

    Users are held out of training in four groups, each drawn together with those who ask and matched with them in score and length of
    history: of the most active, of the least active, and among the others of the flagged and of the not flagged. The counterpart of
    a random request is matched out of all of them. A smaller request is a random part of the largest of its kind.

    Args:
        shares: sizes of requests as shares of all users, each in (0, .1]; every kind comes in every size.
        strangers_share: of all users, never trained on either, apart from those by whom an outcome is judged.

    Raises:
        SettingsError: a share out of range. DataError: too few users with histories long enough.
    """
    if not shares or not all(0 < share <= 0.1 for share in shares):
        raise SettingsError(f"request shares must lie in (0, .1], got {list(shares)}: a fifth of the users is held out for each of .05")
    if not 0 < calibration_share < 0.3:
        raise SettingsError(f"strangers_share must lie in (0, .3), got {calibration_share}")
    train = parts.train
    categories = "class" if train.item_info is not None and "class" in train.item_info.columns else None
    scores = np.nan_to_num(blend(train, categories=categories, seed=seed))
    eligible_users = np.flatnonzero(train.user_counts >= MIN_HISTORY)
    n_users, alike = len(eligible_users), np.stack([scores, np.log1p(train.user_counts)], axis=1)
    n = max(1, round(max(shares) * n_users))
    if n_users < 12 * n + round(calibration_share * n_users):
        raise DataError(f"{n_users} users with {MIN_HISTORY} interactions are too few for requests of {n}: lower shares or strangers_share")
    by_count = eligible_users[np.lexsort((eligible_users, train.user_counts[eligible_users]))]
    middle = np.sort(by_count[2 * n : -2 * n])
    flagged = scores >= np.median(scores[eligible_users])
    pools = {
        "core": by_count[-2 * n :],
        "edge": by_count[: 2 * n],
        "revocable": middle[flagged[middle]],
        "not flagged": middle[~flagged[middle]],
    }
    pairs = {kind: matched_halves(np.sort(pool), alike[np.sort(pool)], n, rng=stream(seed, "rivals", kind)) for kind, pool in pools.items()}
    held = np.sort(np.concatenate([holdout for _, holdout in pairs.values()]))
    anybody = np.sort(stream(seed, "rivals", "random").choice(np.setdiff1d(eligible_users, held), size=n, replace=False))
    pairs["random"] = (anybody, _matched(anybody, held, alike))
    asked = np.unique(np.concatenate([forget for forget, _ in pairs.values()]))
    others = np.setdiff1d(eligible_users, np.concatenate([held, asked]))
    calibration_users = np.sort(stream(seed, "rivals", "strangers").choice(others, size=round(calibration_share * n_users), replace=False))
    apart = np.concatenate([held, calibration_users])
    records = train.drop(train.ids_of_users(apart))
    trained = np.flatnonzero(records.user_counts)
    requests = {}
    for kind in KINDS:
        forget, holdout = pairs[kind]
        order = stream(seed, "rivals", kind, "smaller").permutation(forget)
        for share in shares:
            name = request_name(kind, share)
            requests[name] = Request(name, np.sort(order[: max(1, round(share * n_users))]), holdout)
    return ExperimentSplit(
        seed=seed,
        parts=parts,
        records=records,
        revocable=trained[flagged[trained]],
        calibration_users=train.keep(train.ids_of_users(calibration_users)),
        candidates=np.setdiff1d(others, calibration_users),
        requests=requests,
    )


def _matched(asked: Codes, pool: Codes, alike: NDArray[np.float64]) -> Codes:
    """Returns one user of `pool` for each of `asked`, so that the pairs are as alike as can be in all columns together."""
    scaled = alike / np.maximum(alike.std(axis=0), 1e-12)
    distance = np.linalg.norm(scaled[asked][:, None] - scaled[pool][None], axis=2)
    return np.sort(pool[linear_sum_assignment(distance)[1]])


def requests_of(names: Sequence[str] | None, shares: Sequence[float]) -> list[str]:
    """Returns the names asked for in the benchmark's order; all for None.

    Raises:
        SettingsError: a name that there is not.
    """
    every = [request_name(kind, share) for share in sorted(shares, reverse=True) for kind in KINDS]
    missing = [name for name in names or () if name not in every]
    if missing:
        raise SettingsError(unknown("request", missing[0], every))
    return [name for name in every if names is None or name in names]

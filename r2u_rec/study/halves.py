"""Draws studies in which those ask whom a scorer flags, and those whom it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from r2u_rec.data.split import Parts
from r2u_rec.revocability.governance.matching import matched_halves
from r2u_rec.revocability.scorers.blend import blend
from r2u_rec.rng import stream
from r2u_rec.study.flagged import FLAGGED
from r2u_rec.study.kinds import MIN_REQUEST_HISTORY, categories_of
from r2u_rec.study.quality import Part
from r2u_rec.study.request import Codes, StudyRequest
from r2u_rec.study.study import Study

NOT_FLAGGED = "not flagged"
ANYONE = "anyone"


def flagged_and_not(parts: Parts, *, request_share: float, calibration_share: float, seed: int, part: Part = "test") -> Study:
    """Returns the study with two requests, from the upper and from the lower half by revocability, each with matched counterparts.

    Revocable are the trained users of the upper half; canaries may be drawn from those of them who do not ask.

    Args:
        request_share, calibration_share: of all users of the log.

    Raises:
        DataError: a half has too few users with histories long enough.
    """
    train = parts.train
    scores = blend(train, categories=categories_of(parts), seed=seed)
    eligible_users = np.flatnonzero(train.user_counts >= MIN_REQUEST_HISTORY)
    order = eligible_users[np.argsort(-scores[eligible_users], kind="stable")]
    half = len(order) // 2
    upper, lower = np.sort(order[:half]), np.sort(order[half:])
    alike = np.stack([np.nan_to_num(scores), np.log1p(train.user_counts)], axis=1)
    n = round(request_share * train.n_users)
    requests = {}
    for name, pool in ((FLAGGED, upper), (NOT_FLAGGED, lower)):
        requests[name] = StudyRequest(name, *matched_halves(pool, alike[pool], n, rng=stream(seed, "cohorts", name)))
    holdout = np.concatenate([request.holdout for request in requests.values()])
    asked = requests[FLAGGED].forget
    others = np.setdiff1d(upper, np.concatenate([holdout, asked]))
    calibration_users = np.sort(stream(seed, "strangers").choice(others, size=round(calibration_share * train.n_users), replace=False))
    apart = np.union1d(holdout, calibration_users)
    revocable = np.setdiff1d(upper, apart)
    return Study(
        seed=seed,
        parts=parts,
        records=train.drop(train.ids_of_users(apart)),
        requests=requests,
        revocable=revocable,
        calibration_users=calibration_users,
        candidates=np.setdiff1d(revocable, asked),
        part=part,
        scores=scores,
    )


@dataclass(frozen=True, eq=False)
class HalvesStudy:
    """A study without a revocable set of its own, and the halves that scorers flag.

    Attributes:
        study: its requests are `top` and `lower` of each scorer, and `ANYONE`; revocable are all who are trained on.
        halves: scorer -> codes of the users trained on whom it flags.
    """

    study: Study
    halves: Mapping[str, Codes]

    @property
    def everyone(self) -> Codes:
        """Codes of the users trained on."""
        return self.study.revocable

    def prepared_for(self, scorer: str) -> Study:
        """Returns the study whose revocable users are those whom a scorer flags; everyone for a name that is no scorer's."""
        return replace(self.study, revocable=self.halves.get(scorer, self.everyone))

    def canaries_of(self, request: str) -> Study:
        """Returns the study whose canaries are drawn from the half that asks, but from nobody who asks."""
        half = self.halves.get(request.removeprefix(top("")), self.everyone)
        return replace(self.study, revocable=half, candidates=np.setdiff1d(half, self.study.request(request).forget))


def top(scorer: str) -> str:
    """Returns the name of the request from users whom the scorer flags."""
    return f"top half by {scorer}"


def lower(scorer: str) -> str:
    """Returns the name of the request from users whom it does not flag."""
    return f"lower half by {scorer}"


def halves_by_scorer(
    parts: Parts,
    flagged: Mapping[str, Codes],
    *,
    never_trained_share: float,
    calibration_share: float,
    request_share: float,
    seed: int,
    part: Part = "test",
) -> HalvesStudy:
    """Returns the study in which the halves of several scorers ask in turn.

    Who is never trained on is drawn from everyone at random, and so is who asks within a half: those asking and the never-trained
    users of the same half differ in nothing but chance.

    Args:
        flagged: scorer -> codes of the users whom it flags.
        never_trained_share, calibration_share, request_share: of all users of the log.
    """
    train = parts.train
    n_users = train.n_users
    mixed = stream(seed, "never trained").permutation(np.flatnonzero(train.user_counts))
    n_never, n_calibration = round(never_trained_share * n_users), round(calibration_share * n_users)
    never, calibration_users, everyone = (np.sort(who) for who in np.split(mixed, [n_never, n_never + n_calibration]))
    pools: dict[str, tuple[Codes, Codes]] = {}
    for name, best in flagged.items():
        pools[top(name)] = np.intersect1d(best, everyone), np.intersect1d(best, never)
        pools[lower(name)] = np.setdiff1d(everyone, best), np.setdiff1d(never, best)
    pools[ANYONE] = everyone, never
    n = round(request_share * n_users)
    requests = {}
    for name, (pool, holdout) in pools.items():
        asked = np.sort(stream(seed, "who asks", name).choice(pool, size=n, replace=False))
        requests[name] = StudyRequest(name, asked, holdout)
    study = Study(
        seed=seed,
        parts=parts,
        records=train.drop(train.ids_of_users(np.union1d(never, calibration_users))),
        requests=requests,
        revocable=everyone,
        calibration_users=calibration_users,
        part=part,
    )
    return HalvesStudy(study, {name: np.intersect1d(best, everyone) for name, best in flagged.items()})

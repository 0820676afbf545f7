"""Draws a study in which every kind of user asks, in several sizes of request."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from r2u_rec.data.split import Parts
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability.governance.matching import matched_halves
from r2u_rec.revocability.scorers.blend import blend
from r2u_rec.rng import stream
from r2u_rec.study.request import Codes, StudyRequest
from r2u_rec.study.study import Study

KINDS = ("random", "core", "edge", "revocable", "not flagged")
"""Who asks: anybody, the most active, the least active, users whom the scorer flags, and users whom it does not."""

MIN_REQUEST_HISTORY = 8
"""Users with fewer training records neither ask nor are held out; twice what a probe needs (`evaluate.imprint.MIN_HISTORY`)."""


def request_name(kind: str, share: float) -> str:
    """Returns the name of a request, such as "core 5 %"."""
    return f"{kind} {100 * share:g} %"


def every_kind(
    parts: Parts, *, shares: Sequence[float], calibration_share: float, seed: int, scores: NDArray[np.float64] | None = None
) -> Study:
    """Returns the study of one split in which each of `KINDS` asks in each size.

    Users are held out of training in four groups, each drawn together with those who ask and matched with them in score and length of
    history: of the most active, of the least active, and among the others of the flagged and of the not flagged. The counterpart of
    a random request is matched out of all of them. A smaller request is a random part of the largest of its kind. Revocable are the
    trained users in the upper half by score.

    Args:
        shares: sizes of requests as shares of all users, each in (0, .1]; every kind comes in every size.
        calibration_share: of all users, never trained on either, apart from those by whom an outcome is judged.
        scores: (n_users,) how likely each is to withdraw; None: those of the scorer blend, which needs times.

    Raises:
        SettingsError: a share out of range. DataError: too few users with histories long enough.
    """
    if not shares or not all(0 < share <= 0.1 for share in shares):
        raise SettingsError(f"request shares must lie in (0, .1], got {list(shares)}: a fifth of the users is held out for each of .05")
    if not 0 < calibration_share < 0.3:
        raise SettingsError(f"calibration_share must lie in (0, .3), got {calibration_share}")
    train = parts.train
    scores = np.nan_to_num(blend(train, categories=categories_of(parts), seed=seed) if scores is None else scores)
    eligible_users = np.flatnonzero(train.user_counts >= MIN_REQUEST_HISTORY)
    n_users, alike = len(eligible_users), np.stack([scores, np.log1p(train.user_counts)], axis=1)
    n = max(1, round(max(shares) * n_users))
    if n_users < 12 * n + round(calibration_share * n_users):
        raise DataError(
            f"{n_users} users with {MIN_REQUEST_HISTORY} interactions are too few for requests of {n}: lower shares or calibration_share"
        )
    by_count = eligible_users[np.lexsort((eligible_users, train.user_counts[eligible_users]))]
    middle = np.sort(by_count[2 * n : -2 * n])
    flagged = scores >= np.median(scores[eligible_users])
    pools = {
        "core": np.sort(by_count[-2 * n :]),
        "edge": np.sort(by_count[: 2 * n]),
        "revocable": middle[flagged[middle]],
        "not flagged": middle[~flagged[middle]],
    }
    pairs = {kind: matched_halves(pool, alike[pool], n, rng=stream(seed, "rivals", kind)) for kind, pool in pools.items()}
    held = np.sort(np.concatenate([holdout for _, holdout in pairs.values()]))
    anybody = np.sort(stream(seed, "rivals", "random").choice(np.setdiff1d(eligible_users, held), size=n, replace=False))
    pairs["random"] = (anybody, _matched(anybody, held, alike))
    asked = np.unique(np.concatenate([forget for forget, _ in pairs.values()]))
    others = np.setdiff1d(eligible_users, np.concatenate([held, asked]))
    calibration_users = np.sort(stream(seed, "rivals", "strangers").choice(others, size=round(calibration_share * n_users), replace=False))
    records = train.drop(train.ids_of_users(np.concatenate([held, calibration_users])))
    trained = np.flatnonzero(records.user_counts)
    requests = {}
    for kind in KINDS:
        forget, holdout = pairs[kind]
        order = stream(seed, "rivals", kind, "smaller").permutation(forget)
        for share in shares:
            name = request_name(kind, share)
            requests[name] = StudyRequest(name, np.sort(order[: max(1, round(share * n_users))]), holdout)
    return Study(
        seed=seed,
        parts=parts,
        records=records,
        requests=requests,
        revocable=trained[flagged[trained]],
        calibration_users=calibration_users,
        candidates=np.setdiff1d(others, calibration_users),
        scores=scores,
    )


def categories_of(parts: Parts) -> str | None:
    """Returns the column of the item information that scorers take as categories, "class"; None when there is none."""
    info = parts.train.item_info
    return "class" if info is not None and "class" in info.columns else None


def _matched(asked: Codes, pool: Codes, alike: NDArray[np.float64]) -> Codes:
    """Returns one user of `pool` for each of `asked`, so that the pairs are as alike as can be in all columns together."""
    scaled = alike / np.maximum(alike.std(axis=0), 1e-12)
    distance = np.linalg.norm(scaled[asked][:, None] - scaled[pool][None], axis=2)
    return np.sort(pool[linear_sum_assignment(distance)[1]])

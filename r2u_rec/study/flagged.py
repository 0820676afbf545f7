"""Draws a study with one request, from the revocable users."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from r2u_rec.data.split import Parts
from r2u_rec.errors import SettingsError
from r2u_rec.revocability.governance.matching import matched_halves
from r2u_rec.rng import stream
from r2u_rec.study.request import Codes, StudyRequest
from r2u_rec.study.study import Study

FLAGGED = "flagged"
"""Name of the request from revocable users."""


def flagged_request(
    parts: Parts,
    scores: NDArray[np.float64],
    revocable: Codes,
    *,
    request_share: float,
    calibration_share: float,
    holdout: bool = True,
    ks: Sequence[int] = (20,),
    seed: int,
) -> Study:
    """Returns the study in which revocable users ask; their counterparts are matched in revocability and length of history.

    Args:
        scores: (n_users,) how likely each is to withdraw; NaN counts as 0.
        revocable: codes of the revocable users.
        request_share: of all users with records, who ask; as many are never trained on.
        calibration_share: of all users with records, never trained on either, by whom the length of an edit is set.
        holdout: False: the counterparts are trained on and judged by nobody.

    Raises:
        SettingsError: a share is out of range, or leaves too few revocable users for the calibration users.
        DataError: too few revocable users for the groups asked for.
    """
    for name, share in (("request_share", request_share), ("calibration_share", calibration_share)):
        if not 0 <= share < 1:
            raise SettingsError(f"revocability.{name} must lie in [0, 1), got {share}")
    train = parts.train
    n_users = int((train.user_counts > 0).sum())
    n = max(1, round(request_share * n_users))
    rng = stream(seed, "cohorts")
    alike = np.stack([scores, np.log(np.maximum(train.user_counts, 1))], axis=1)
    forget, counterparts = matched_halves(revocable, np.nan_to_num(alike[revocable]), n, rng=rng)
    others = np.setdiff1d(revocable, np.concatenate([forget, counterparts]))
    wanted = round(calibration_share * n_users)
    if wanted > len(others):
        raise SettingsError(
            f"revocability.calibration_share={calibration_share} asks for {wanted} of the {len(others)} revocable users that are left: "
            "lower it, request_share, or raise share"
        )
    calibration_users = np.sort(rng.choice(others, size=wanted, replace=False))
    held = counterparts if holdout else counterparts[:0]
    apart = train.ids_of_users(np.concatenate([held, calibration_users]))
    return Study(
        seed=seed,
        parts=parts,
        records=train.drop(apart) if len(apart) else train,
        requests={FLAGGED: StudyRequest(FLAGGED, forget, held)},
        revocable=revocable,
        calibration_users=calibration_users,
        candidates=np.setdiff1d(revocable, forget),
        ks=tuple(ks),
        scores=scores,
    )

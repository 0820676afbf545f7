"""Who plays which part in a run: revocable users, those who ask to be forgotten, and those who are never trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.revocability.governance.matching import matched_halves
from r2u_rec.revocability.scoring import revocable_users
from r2u_rec.revocability.settings import RevocabilitySettings
from r2u_rec.rng import stream

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cohorts:
    """User codes, ascending; the last three are disjoint.

    Attributes:
        scores: (n_users,) how likely each is to withdraw.
        revocable: whom a model prepares for.
        forget: F, who asks to be forgotten.
        holdout: H, never trained on, drawn like F: who F is told apart from.
        calibration_users: never trained on either, kept apart from H to set the length of the Newton step.
        histories: the whole training part, everyone included.
    """

    scores: NDArray[np.float64]
    revocable: Codes
    forget: Codes
    holdout: Codes
    calibration_users: Codes
    histories: InteractionLog

    @property
    def records(self) -> InteractionLog:
        """The records of everyone who is trained on."""
        apart = self.histories.ids_of_users(np.concatenate([self.holdout, self.calibration_users]))
        return self.histories.drop(apart) if len(apart) else self.histories


def draw_cohorts(log: InteractionLog, scores: NDArray[np.float64], r: RevocabilitySettings, *, seed: int) -> Cohorts:
    """Returns who plays which part; F and H are matched in revocability and length of history.

    F and H have the same size, `request_share` of all users with records; H is empty without
    `holdout`, and its users are trained on.

    Raises:
        SettingsError: a share is out of range.
        DataError: too few revocable users for the groups asked for.
    """
    for name in ("request_share", "calibration_share"):
        if not 0 <= getattr(r, name) < 1:
            raise SettingsError(f"revocability.{name} must lie in [0, 1), got {getattr(r, name)}")
    revocable = revocable_users(log, scores, r, seed=seed)
    n_users = int((log.user_counts > 0).sum())
    n = max(1, round(r.request_share * n_users))
    rng = stream(seed, "cohorts")
    alike = np.stack([scores, np.log(np.maximum(log.user_counts, 1))], axis=1)
    forget, holdout = matched_halves(revocable, np.nan_to_num(alike[revocable]), n, rng=rng)
    left = np.setdiff1d(revocable, np.concatenate([forget, holdout]))
    wanted = round(r.calibration_share * n_users)
    if wanted > len(left):
        raise SettingsError(
            f"revocability.calibration_share={r.calibration_share} asks for {wanted} of the {len(left)} revocable users that are left: "
            "lower it, request_share, or raise share"
        )
    calibration_users = np.sort(rng.choice(left, size=wanted, replace=False))
    return Cohorts(scores, revocable, forget, holdout if r.holdout else holdout[:0], calibration_users, log)

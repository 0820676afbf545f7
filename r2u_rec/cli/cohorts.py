"""Who plays which part in a run: revocable users, those who ask to be forgotten, and those who are never trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.split import Parts
from r2u_rec.revocability.scoring import revocable_users
from r2u_rec.revocability.settings import RevocabilitySettings
from r2u_rec.study.flagged import FLAGGED, flagged_request

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
    revocable = revocable_users(log, scores, r, seed=seed)
    none = log.take(slice(0, 0))
    shares = {"request_share": r.request_share, "calibration_share": r.calibration_share, "holdout": r.holdout}
    study = flagged_request(Parts(log, none, none), scores, revocable, seed=seed, **shares)  # type: ignore[arg-type]
    asked = study.request(FLAGGED)
    return Cohorts(scores, revocable, asked.forget, asked.holdout, study.calibration_users, log)

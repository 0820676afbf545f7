"""score_users: how likely each user is to withdraw."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from r2u_rec.api.arguments import checked, component_keys
from r2u_rec.errors import SettingsError
from r2u_rec.revocability.settings import RevocabilitySettings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from r2u_rec.data.log import InteractionLog

OF_SCORERS = tuple(
    f.name
    for f in fields(RevocabilitySettings)
    if f.name not in ("scorer", "policy", "share", "value", "users", "request_share", "holdout", "calibration_share")
)
"""Settings that say how users are scored; the others say who is chosen by the scores, and what an experiment does."""


class UserScores:
    """Scores of users, from `score_users`. Goes into `Prepare(revocable=...)`.

    Attributes:
        scorer: its name.
        frame: one row a user with records, the most likely to withdraw first: user (key), score, n_records. A frame prints keys; this
            object does not.
    """

    def __init__(self, frame: pd.DataFrame, settings: RevocabilitySettings) -> None:
        self.frame, self.settings = frame, settings

    @property
    def scorer(self) -> str:
        """The scorer's name."""
        return self.settings.scorer

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        return f"UserScores({self.scorer}, {len(self)} users, {self.frame['score'].min():.3g} to {self.frame['score'].max():.3g})"

    def among(self, log: InteractionLog) -> UserScores:
        """Returns the scores of the users whom `log` knows."""
        return UserScores(self.frame[log.user_keys.codes(self.frame["user"]) >= 0].reset_index(drop=True), self.settings)

    def chosen(self, log: InteractionLog, *, policy: str, share: float, value: float, seed: int) -> NDArray[np.int64]:
        """Returns the codes in `log` of the users whom the policy calls revocable. Users without a score are never chosen."""
        import numpy as np

        from r2u_rec.revocability.scoring import revocable_users

        codes = log.user_keys.codes(self.frame["user"])
        scores = np.full(log.n_users, np.nan)
        there = (codes >= 0) & (log.user_counts[np.maximum(codes, 0)] > 0)
        scores[codes[there]] = self.frame["score"].to_numpy()[there]
        chosen = replace(self.settings, policy=policy, share=share, value=value)  # type: ignore[arg-type]
        return revocable_users(log, scores, chosen, seed=seed)


def score_users(log: InteractionLog, scorer: str = "blend", *, seed: int = 0, **settings: Any) -> UserScores:
    """Returns how likely each user is to withdraw.

    Args:
        log: the interactions that the scores are made of.
        scorer: a name of `r2u score --list`, such as "blend", "uniqueness" or "churn"; "supplied" takes a column of the user
            information, "learned" learns from past erasures.
        seed: of scorers that draw.
        settings: of the scorer and its features, such as column="risk", categories="genre" or rules=("consent == no -> always",).

    Raises:
        SettingsError: an unknown scorer or setting, the nearest is suggested; or the scorer lacks what it needs.
        DataError: the log cannot be scored.
    """
    keys = {name: key for name, key in component_keys(RevocabilitySettings, {}).items() if name in OF_SCORERS}
    chosen = RevocabilitySettings(scorer=scorer, **checked(keys, settings, "setting of score_users"))

    import numpy as np
    import pandas as pd

    from r2u_rec.revocability.scorers.names import scorer as scorer_named
    from r2u_rec.revocability.scoring import scored

    if scorer != "learned":
        scorer_named(scorer)
    if len(log) == 0:
        raise SettingsError("the log holds no interactions: there is nobody to score")
    scores = scored(log, chosen, seed=seed).ruled.scores
    codes = np.flatnonzero(~np.isnan(scores) & (log.user_counts > 0))
    codes = codes[np.argsort(-scores[codes], kind="stable")]
    frame = pd.DataFrame({"user": log.user_keys.keys[codes], "score": scores[codes], "n_records": log.user_counts[codes]})
    return UserScores(frame, chosen)

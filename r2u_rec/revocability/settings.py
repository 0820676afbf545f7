"""The settings of who may withdraw: scorer, rules, policy. Nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from r2u_rec.setting import setting

MEASURED = "measured on ml-100k"


@dataclass(frozen=True)
class RevocabilitySettings:
    """Who may withdraw, and who does in `run`."""

    scorer: str = setting("blend", "a scorer of `r2u score --list`; learned: from past erasures; supplied: a column of your own")
    rules: tuple[str, ...] = setting(
        (), "'CONDITION -> EFFECT' on the user information, such as 'consent == no -> always'; with rules scores are rank shares"
    )
    column: str | None = setting(None, "supplied: the column of the user information")
    categories: str | None = setting(None, "column of the item information that tells what kind an item is; null: by popularity")
    separator: str = setting(" ", "what stands between the entries of that column")
    weights: tuple[str, ...] = setting((), "blend: SCORER=WEIGHT of its parts; none: engagement=1,evolving_interest=1,churn=1")
    drift_by: Literal["category", "popularity", "cluster", "embedding"] | None = setting(
        None, "what describes a taste that may drift; null: categories where they are named, else popularity"
    )
    n_clusters: int = setting(20, "drift_by=cluster: clusters of items")
    min_records: int = setting(10, "users with fewer interactions have no drift of taste")
    session_gap_seconds: int = setting(1800, "a longer pause begins a new session")
    recent_days: int = setting(28, "what counts as recent")
    n_rarest: int = setting(3, "items of a user whose rarity counts")
    n_crowd: int = setting(2, "items by which a user may be recognised")
    sensitive_categories: tuple[str, ...] = setting((), "entries of the column `categories` that are sensitive")
    sensitive_items: tuple[str, ...] = setting((), "keys of sensitive items")
    erasures: str | None = setting(None, "learned: a CSV or Parquet file of past erasures with the columns user_key and time")
    features: tuple[str, ...] = setting((), "learned: columns of the feature table to learn from; none: all that the data gives")
    horizon_days: float = setting(30.0, "learned: a withdrawal within so many days counts")
    learner: Literal["logistic", "boosting"] = setting("logistic", "learned: logistic regression or gradient boosting")
    calibration: Literal["sigmoid", "isotonic"] = setting("sigmoid", "learned: how its probabilities are calibrated")
    policy: Literal["top_share", "sampled_by_score", "threshold", "explicit"] = setting("top_share", "from scores to revocable users")
    share: float = setting(0.5, "share of the users that are revocable", MEASURED)
    value: float = setting(0.5, "threshold: the lowest score that is revocable")
    users: tuple[str, ...] = setting((), "explicit: keys of the revocable users")
    # Of all users; `prepare.ready2unlearn.request_share` is of the revocable ones, that of `compare` of the users with long histories.
    request_share: float = setting(0.1, "run: share of all users that are erased, drawn from the revocable ones")
    holdout: bool = setting(False, "keep as many users, matched with the erased ones, out of all training, to compare with; run: true")
    calibration_share: float = setting(
        0.0, "share of all users kept out of training by whom the length of an edit is set (canaries, shadow); run and simulate: 0.05"
    )

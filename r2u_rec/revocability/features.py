"""All raw parts of the scorers side by side, one row a user."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from r2u_rec.data.log import InteractionLog

COLUMNS: Mapping[str, str] = {
    "n_records": "records",
    "n_items": "different items",
    "active_days": "different days (UTC) with a record",
    "sessions": "runs of records without a pause longer than the session gap",
    "recent_intensity": "records a day in the last `recent_days` days before now",
    "inactive_seconds": "seconds from the last record to now",
    "span_days": "days from the first record to the last",
    "age_days": "days from the first record to now",
    "drift_z": "how far the taste moved between the halves of the history, in standard deviations of the user's own random halves",
    "stability": "minus the burstiness of the gaps between active days, 1 = as regular as a clock, -1 = all in bursts",
    "p_alive": "probability that the user still takes part (BG/NBD)",
    "surprisal": "bits: sum over the user's rarest items of -log2(share of users who have the item)",
    "crowd": "users, oneself included, who have the user's rarest items",
    "sensitive_records": "records in the configured sensitive categories or of the sensitive items",
    "sensitive_share": "their share of the user's records",
    "profile_share": "share of the profile fields that are filled",
    "rated_share": "share of the records with an explicit rating",
    "candour": "mean |rating - mean rating of the item|",
}
"""Every column that `features` may have, and its meaning with the unit."""


@dataclass(frozen=True)
class FeatureSettings:
    """What the features depend on.

    Attributes:
        now: seconds since 1970-01-01 UTC; None is the last time in the log.
        session_gap_seconds: a longer pause begins a new session.
        recent_days: the window of `recent_intensity`.
        categories, separator: column of the item information for drift and sensitivity, and what stands between its entries.
        min_records: shorter histories have a drift of exactly 0.
        seed: of the random halves.
        n_rarest: items whose surprisal is summed.
        n_crowd: rarest items that a crowd must have.
        sensitive_categories, sensitive_items: entries of the column `categories`, and item keys.
    """

    now: int | None = None
    session_gap_seconds: int = 1800
    recent_days: int = 28
    categories: str | None = None
    separator: str = " "
    min_records: int = 10
    seed: int = 0
    n_rarest: int = 3
    n_crowd: int = 2
    sensitive_categories: tuple[str, ...] = ()
    sensitive_items: tuple[Any, ...] = ()


def features(log: InteractionLog, settings: FeatureSettings | None = None, *, only: Collection[str] | None = None) -> pd.DataFrame:
    """Returns one row a user code (index "user" = code, all codes; NaN for users without records), a float64 column per raw part.

    Args:
        log: of any kind; columns that it cannot give are absent.
        settings: thresholds and the like; the defaults when None.
        only: names of `COLUMNS` to compute; None is all.

    Returns:
        a frame whose columns are a subset of `COLUMNS`, in that order; `frame.attrs["absent"]` is a dict from each column that is
        missing to the reason, as a sentence.
    """
    raise NotImplementedError("features are being written")

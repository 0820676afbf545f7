"""What the raw parts of the scorers depend on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from r2u_rec.errors import SettingsError

DriftBy = Literal["category", "popularity", "cluster", "embedding"]


@dataclass(frozen=True)
class FeatureSettings:
    """What the features depend on.

    Attributes:
        now: seconds since 1970-01-01 UTC; None is the last time in the log.
        session_gap_seconds: a longer pause begins a new session; half an hour is the custom of web analytics.
        recent_days: the window of `recent_intensity`.
        categories, separator: column of the item information for drift and sensitivity, and what stands between its entries; ""
            when a cell holds one category as it is.
        drift_by: what describes a taste: categories, ten classes of popularity, clusters of item vectors, or the vectors
            themselves; None is by category where `categories` is given, and by popularity else.
        n_clusters: of items.
        min_records: shorter histories have a drift of exactly 0: some ten records cannot show one.
        seed: of the random halves, the clusters, and the sample that P(alive) is fitted on.
        n_rarest: items whose surprisal is summed.
        n_crowd: rarest items that a crowd must have.
        sensitive_categories, sensitive_items: entries of the column `categories`, and item keys.

    Raises:
        SettingsError: a number is out of range.
    """

    now: int | None = None
    session_gap_seconds: int = 1800
    recent_days: int = 28
    categories: str | None = None
    separator: str = " "
    drift_by: DriftBy | None = None
    n_clusters: int = 20
    min_records: int = 10
    seed: int = 0
    n_rarest: int = 3
    n_crowd: int = 2
    sensitive_categories: tuple[str, ...] = ()
    sensitive_items: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        bounds = {"session_gap_seconds": 0, "recent_days": 1, "n_clusters": 2, "min_records": 2, "seed": 0, "n_rarest": 1, "n_crowd": 1}
        for name, least in bounds.items():
            if getattr(self, name) < least:
                raise SettingsError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.drift_by is not None and self.drift_by not in get_args(DriftBy):
            raise SettingsError(f"drift_by must be one of {', '.join(get_args(DriftBy))}, got {self.drift_by!r}")
        if self.drift_by == "category" and self.categories is None:
            raise SettingsError("drift_by='category' needs categories: name a column of the item information")
        if self.sensitive_categories and self.categories is None:
            raise SettingsError("sensitive_categories need categories: name the column of the item information that holds them")

    @property
    def described_by(self) -> DriftBy:
        """What describes a taste."""
        return self.drift_by or ("category" if self.categories is not None else "popularity")

"""Who may withdraw: scorers give every user a number, policies turn the numbers into a set of users.

Which data counts as revocable is a managerial decision; the behavioural scorers are an aid where nothing better is known.
"""

from r2u_rec.revocability.featurize.engine import distributed, embedded
from r2u_rec.revocability.featurize.records import records_of
from r2u_rec.revocability.featurize.score_table import score_table
from r2u_rec.revocability.featurize.sides import sides_of_records
from r2u_rec.revocability.featurize.table import FeatureSettings, feature_table, features
from r2u_rec.revocability.governance.policies import explicit, sampled_by_score, threshold, top_share, unflagged
from r2u_rec.revocability.scorers.behaviour import (
    active_days,
    churn,
    engagement,
    evolving_interest,
    hazard,
    inactive_seconds,
    recent_intensity,
    sessions,
    stability,
)
from r2u_rec.revocability.scorers.blend import blend, supplied, uniform
from r2u_rec.revocability.scorers.exposure import crowd, disclosure, sensitivity, uniqueness
from r2u_rec.revocability.scorers.names import POLICIES, SCORERS, policy, scorer
from r2u_rec.revocability.scorers.ranks import rank_shares

__all__ = [
    "POLICIES",
    "SCORERS",
    "FeatureSettings",
    "active_days",
    "blend",
    "churn",
    "crowd",
    "disclosure",
    "distributed",
    "embedded",
    "engagement",
    "evolving_interest",
    "explicit",
    "feature_table",
    "features",
    "hazard",
    "inactive_seconds",
    "policy",
    "rank_shares",
    "recent_intensity",
    "records_of",
    "sampled_by_score",
    "score_table",
    "scorer",
    "sensitivity",
    "sessions",
    "sides_of_records",
    "stability",
    "supplied",
    "threshold",
    "top_share",
    "unflagged",
    "uniform",
    "uniqueness",
]

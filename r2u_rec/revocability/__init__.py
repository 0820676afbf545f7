"""Who may withdraw: scorers give every user a number, policies turn the numbers into a set of users.

Which data counts as revocable is a managerial decision; the behavioural scorers are an aid where nothing better is known.
"""

from r2u_rec.revocability.activity import active_days, churn, engagement, inactive_seconds
from r2u_rec.revocability.blend import blend, supplied, uniform
from r2u_rec.revocability.interest import evolving_interest
from r2u_rec.revocability.names import POLICIES, SCORERS, policy, scorer
from r2u_rec.revocability.policies import explicit, sampled_by_score, threshold, top_share, unflagged
from r2u_rec.revocability.ranks import rank_shares

__all__ = [
    "POLICIES",
    "SCORERS",
    "active_days",
    "blend",
    "churn",
    "engagement",
    "evolving_interest",
    "explicit",
    "inactive_seconds",
    "policy",
    "rank_shares",
    "sampled_by_score",
    "scorer",
    "supplied",
    "threshold",
    "top_share",
    "unflagged",
    "uniform",
]

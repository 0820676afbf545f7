"""Scorers of how a user takes part: how much, how regularly, with which taste, and whether still."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.revocability.featurize.settings import DriftBy, FeatureSettings
from r2u_rec.revocability.featurize.table import parts
from r2u_rec.revocability.scorers.card import Parts, scorer_card
from r2u_rec.revocability.scorers.ranks import rank_shares

Scores = NDArray[np.float64]

_OURS = 'Ready2Unlearn, introduction ("highly engaged users"); the formula is ours'


def _engagement(of: Parts) -> Scores:
    return (rank_shares(np.log1p(of["n_records"])) + rank_shares(of["active_days"])) / 2


@scorer_card(
    columns=("n_records", "active_days"),
    made=_engagement,
    formula="(R(log(1 + n)) + R(days)) / 2, R the rank as a share: n the user's records, days those with a record (UTC)",
    unit="none",
    range="(0, 1), 1 the most engaged",
    sign=+1,
    correlates="length of the history, sessions, the popularity share of rare items",
    fails="one import of a whole past (a rating session on the first day) looks like one active day; a shared account counts as one "
    "busy person; it says nothing about why a user is busy",
    needs=("time",),
    source=_OURS + ". The logarithm changes no rank; it is the scale to use where the count itself is needed",
)
def engagement(log: InteractionLog) -> Scores:
    """Scores how much a user takes part: the mean rank of the count and of the active days. (n_users,), NaN without records."""
    return _engagement(parts(log, ("n_records", "active_days")))


@scorer_card(
    columns=("active_days",),
    made=lambda of: of["active_days"],
    formula="number of different days (UTC) with a record",
    unit="days",
    range="1 and more",
    sign=+1,
    correlates="length of the history, time since joining",
    fails="in a short log, or one of single visits, it is 1 for nearly everybody; a night session counts twice",
    needs=("time",),
    source=_OURS,
)
def active_days(log: InteractionLog) -> Scores:
    """Returns (n_users,) the number of different days (UTC) on which a user interacted; 0 without records."""
    return np.nan_to_num(parts(log, ("active_days",))["active_days"])


@scorer_card(
    columns=("sessions",),
    made=lambda of: of["sessions"],
    formula="1 + number of pauses longer than `session_gap_seconds` (30 minutes) between a user's records",
    unit="sessions",
    range="1 and more",
    sign=+1,
    correlates="active days, length of the history",
    fails="where times are of the day only, it counts days; a time of import is one session",
    needs=("time",),
    source=_OURS + "; the 30 minutes are the custom of web analytics (Catledge and Pitkow 1995 measured 25.5)",
)
def sessions(log: InteractionLog, *, session_gap_seconds: int = 1800) -> Scores:
    """Returns (n_users,) the number of a user's visits; NaN without records."""
    return parts(log, ("sessions",), FeatureSettings(session_gap_seconds=session_gap_seconds))["sessions"]


@scorer_card(
    columns=("recent_intensity",),
    made=lambda of: of["recent_intensity"],
    formula="records of the last `recent_days` (28) days before now / recent_days",
    unit="records a day",
    range="0 and more",
    sign=+1,
    correlates="engagement among active users; minus churn",
    fails="in a log collected over years it is 0 for nearly everybody; a newcomer's first day looks like a habit",
    needs=("time",),
    source=_OURS,
)
def recent_intensity(log: InteractionLog, *, now: int | None = None, recent_days: int = 28) -> Scores:
    """Returns (n_users,) how busy a user is of late; NaN without records. `now` as in `inactive_seconds`."""
    return parts(log, ("recent_intensity",), FeatureSettings(now=now, recent_days=recent_days))["recent_intensity"]


@scorer_card(
    columns=("inactive_seconds",),
    made=lambda of: of["inactive_seconds"],
    formula="now - time of the user's last record",
    unit="seconds",
    range="0 and more",
    sign=-1,
    correlates="churn (its rank), minus recent intensity",
    fails="see churn",
    needs=("time",),
    source="Ready2Unlearn, introduction; the measure is ours",
)
def inactive_seconds(log: InteractionLog, *, now: int | None = None) -> Scores:
    """Returns (n_users,) seconds from a user's last interaction to `now`; NaN without records.

    Args:
        log: with a time column.
        now: seconds since 1970-01-01 UTC; by default the last time in the log. Scores of two logs compare only under the same now.

    Raises:
        DataError: the log has no time column, or no records.
        SettingsError: `now` lies before the last interaction.
    """
    return parts(log, ("inactive_seconds",), FeatureSettings(now=now))["inactive_seconds"]


@scorer_card(
    columns=("inactive_seconds",),
    made=lambda of: rank_shares(of["inactive_seconds"]),
    formula="R(now - time of the user's last record), R the rank as a share",
    unit="none",
    range="(0, 1), 1 the longest absent",
    sign=-1,
    correlates="hazard, minus recent intensity; in a log of single visits, time since joining",
    fails="in a log collected over years with short visits (MovieLens) it mostly tells when a user joined; who came once a year is "
    "counted as lost after a month, see hazard",
    needs=("time",),
    source='Ready2Unlearn, introduction ("those likely to churn ... are less prone to revocation"); the formula is ours',
)
def churn(log: InteractionLog, *, now: int | None = None) -> Scores:
    """Scores how likely a user has already left: the rank of the time since the last activity. (n_users,), NaN without records.

    In the blend a high value speaks against a withdrawal: who has left asks for nothing any more.
    """
    return rank_shares(inactive_seconds(log, now=now))


@scorer_card(
    columns=("p_alive",),
    made=lambda of: 1.0 - of["p_alive"],
    formula="1 - P(alive) of BG/NBD on days: 1 / (1 + (b + x - 1) / a * ((alpha + t) / (alpha + T))^(r + x)) for x > 0, else 0; "
    "x repeat active days, t first to last day, T first day to now; r, alpha, a, b by maximum likelihood",
    unit="probability",
    range="[0, 1)",
    sign=-1,
    correlates="churn, but a pause counts against the user's own rhythm",
    fails="exactly 0 for who came on one day only (the model lets people leave after a second visit); needs a log long enough to see "
    "pauses end; assumes that a user's rate never changes; a closing of the log after everybody's visit looks like loyalty",
    needs=("time",),
    source="Fader, Hardie and Lee 2005, Marketing Science 24(2), eq. 6; P(alive) from their note of 2008",
)
def hazard(log: InteractionLog, *, now: int | None = None, seed: int = 0) -> Scores:
    """Scores how likely a user has already left, against the user's own rhythm. (n_users,), NaN without records.

    Raises:
        DataError: no time, or the model cannot be fitted: fewer than 10 users came on a second day, or nobody could have left.
    """
    return 1.0 - parts(log, ("p_alive",), FeatureSettings(now=now, seed=seed))["p_alive"]


@scorer_card(
    columns=("stability",),
    made=lambda of: of["stability"],
    formula="-A_n(r), A_n(r) = (sqrt(n + 1) r - sqrt(n - 1)) / ((sqrt(n + 1) - 2) r + sqrt(n - 1)); r = sd / mean of the n gaps between "
    "active days; 0 for n < 2",
    unit="none",
    range="[-1, 1]: 1 as regular as a clock, 0 at random, -1 all in one burst",
    sign=-1,
    correlates="little with the length of the history, which the corrected form is for; active days",
    fails="0 for who came on fewer than three days, so in a log of single visits for nearly everybody; a holiday is a burst",
    needs=("time",),
    source="Goh and Barabasi 2008, EPL 81, 48002, in the form for short sequences of Kim and Jo 2016, Phys. Rev. E 94, 032311; "
    'Ready2Unlearn, introduction ("stable, long-term preferences")',
)
def stability(log: InteractionLog) -> Scores:
    """Scores how regularly a user comes: minus the burstiness of the gaps between active days. (n_users,), NaN without records."""
    return parts(log, ("stability",))["stability"]


@scorer_card(
    columns=("drift_z",),
    made=lambda of: of["drift_z"],
    formula="(D(first half, second half) - mean) / sd; D the Jensen-Shannon divergence of the categories (popularity classes, item "
    "clusters) or the squared distance of the mean item vectors; mean and sd (of a sample) of D over 20 random halves of the SAME user",
    unit="standard deviations",
    range="unbounded, 0 for no more change than chance makes",
    sign=+1,
    correlates="not with the length of the history under an unchanging taste (the plain divergence does); with it where tastes do change",
    fails="a history within one session has an order but no drift (on MovieLens-100K 78 % of the users span less than a day); a catalogue "
    "whose categories changed over time makes everyone drift; so do sessions of one kind each; a taste that goes and comes back within "
    "the halves is not seen",
    needs=("time",),
    source='Ready2Unlearn, introduction ("rapidly evolving interests"); divergence: Lin 1991, eq. 5.1; the formula is ours',
)
def evolving_interest(
    log: InteractionLog,
    *,
    categories: str | None = None,
    separator: str = " ",
    drift_by: DriftBy | None = None,
    n_clusters: int = 20,
    vectors: ArrayLike | None = None,
    min_records: int = 10,
    seed: int = 0,
    threads: int = 2,
) -> Scores:
    """Scores how far a user's taste moved between the two halves of the history. (n_users,), NaN without records.

    Args:
        log: with a time column; records of the same second count as in random order.
        categories, separator: the column of item categories, see `profile.by_category`.
        drift_by: what describes a taste; None is category where `categories` is given, else popularity.
        n_clusters: of items, by k-means.
        vectors: (n_items, dim), for cluster or embedding; made of co-occurrences when None.
        min_records: users with fewer get 0, "no evidence of a change": some ten records cannot show one.
        seed: of the random halves and the clusters; same seed, same scores, whatever the number of threads.
        threads: of the engine.

    Returns:
        also exactly 0 where all random halves are equally far apart (one category only).

    Raises:
        DataError: the log has no time column, or no records.
        SettingsError: a number is out of range, no such category column, or vectors of another shape.
    """
    s = FeatureSettings(
        categories=categories, separator=separator, drift_by=drift_by, n_clusters=n_clusters, min_records=min_records, seed=seed
    )
    return parts(log, ("drift_z",), s, vectors=vectors, threads=threads)["drift_z"]

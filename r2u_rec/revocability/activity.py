"""How much a user takes part, and how long the user has been away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.revocability.history import Histories, histories, times_of
from r2u_rec.revocability.ranks import only_with_records, rank_shares

_DAY_SECONDS = 86_400


def active_days(log: InteractionLog, *, ordered: Histories | None = None) -> NDArray[np.float64]:
    """Returns (n_users,) the number of different days (UTC) on which a user interacted; 0 without records.

    Raises:
        DataError: the log has no time column.
    """
    ordered = histories(log) if ordered is None else ordered
    day = times_of(log)[ordered.rows] // _DAY_SECONDS
    begins = np.empty(len(day), dtype=bool)  # where a user's next day begins
    begins[0] = True
    np.not_equal(day[1:], day[:-1], out=begins[1:])
    has = ordered.start[1:] > ordered.start[:-1]
    begins[ordered.start[:-1][has]] = True
    out = np.zeros(log.n_users)
    out[has] = np.add.reduceat(begins, ordered.start[:-1][has], dtype=np.int64)
    return out


def engagement(log: InteractionLog, *, ordered: Histories | None = None) -> NDArray[np.float64]:
    """Scores how much a user takes part: the mean rank of the logarithm of the count and of the active days.

    engage(u) = (R(log(1 + n_u)) + R(days_u)) / 2, R the rank as a share (`rank_shares`).

    Args:
        log: with a time column.
        ordered: histories of this very log, when the caller has them already.

    Returns:
        (n_users,) float64 in (0, 1), no unit, 1 the most engaged; NaN for users without records.

    Where it fails: one import of a whole past (a rating session on the first day) looks like one active day; a shared
    account counts as one busy person. It says nothing about why a user is busy.

    Raises:
        DataError: the log has no time column.

    Source: Ready2Unlearn, introduction ("highly engaged users"); the formula is ours. The logarithm does not change
    a rank; it is named because it is the scale to use wherever the count itself is needed.
    """
    count = only_with_records(log, np.log1p(log.user_counts))
    days = only_with_records(log, active_days(log, ordered=ordered))
    return (rank_shares(count) + rank_shares(days)) / 2


def inactive_seconds(log: InteractionLog, *, now: int | None = None) -> NDArray[np.float64]:
    """Returns (n_users,) seconds from a user's last interaction to `now`; NaN for users without records.

    Args:
        log: with a time column.
        now: seconds since 1970-01-01 UTC; by default the last time in the log. Scores of two logs compare only
            under the same `now`.

    Raises:
        DataError: the log has no time column, or no records.
        ValueError: `now` lies before the last interaction.
    """
    time = times_of(log)
    latest = int(time.max())
    now = latest if now is None else now
    if now < latest:
        raise ValueError(f"now must be at least {latest}, the last time in the log, got {now}: drop later records first, or leave it out")
    last = np.full(log.n_users, np.iinfo(np.int64).min)
    np.maximum.at(last, log.user, time)
    return only_with_records(log, np.where(log.user_counts > 0, now - np.maximum(last, int(time.min())), 0))


def churn(log: InteractionLog, *, now: int | None = None) -> NDArray[np.float64]:
    """Scores how likely a user has already left: the rank of the time since the last activity.

    churn(u) = R(now - last time of u), R the rank as a share (`rank_shares`).

    Returns:
        (n_users,) float64 in (0, 1), no unit, 1 the longest absent; NaN for users without records. In the blend a
        high value speaks against a withdrawal: who has left asks for nothing any more.

    Where it fails: in a log collected over years with short visits (MovieLens) it mostly tells when a user joined.

    Raises:
        DataError: the log has no time column.
        ValueError: `now` lies before the last interaction.

    Source: Ready2Unlearn, introduction ("those likely to churn ... are less prone to revocation"); the formula is ours.
    """
    return rank_shares(inactive_seconds(log, now=now))

"""The blend of the three behavioural scores, and the scores that come from outside or say nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError
from r2u_rec.revocability.activity import churn, engagement
from r2u_rec.revocability.history import histories
from r2u_rec.revocability.interest import evolving_interest
from r2u_rec.revocability.ranks import only_with_records, rank_shares
from r2u_rec.revocability.side_information import side_column


def blend(
    log: InteractionLog,
    *,
    categories: str | None = None,
    separator: str = " ",
    min_records: int = 10,
    n_shuffles: int = 20,
    seed: int = 0,
    threads: int = 2,
    now: int | None = None,
) -> NDArray[np.float64]:
    """Scores who may withdraw by behaviour: engaged, of changing taste, and still here.

    revoc(u) = (R(engage) * R(evolve) * (1 - R(away)))^(1/3), R the rank as a share; see `engagement`,
    `evolving_interest` and `churn` for the parts and the arguments.

    Returns:
        (n_users,) float64 in (0, 1), no unit, 1 the most likely to withdraw; NaN for users without records.

    Where it fails: it is a hypothesis about behaviour, fitted to no observed withdrawal. Where consent flags or past
    requests exist, use them (`supplied`): who may withdraw is a managerial decision. Users with short histories get the
    neutral evolve score, so that their place is decided by the other two parts.

    Raises:
        DataError: the log has no time column.
        SettingsError: as `evolving_interest`.

    Source: Ready2Unlearn, introduction, for the three signs; the formula is ours.
    """
    ordered = histories(log)
    engage = rank_shares(engagement(log, ordered=ordered))
    evolve = rank_shares(
        evolving_interest(
            log,
            categories=categories,
            separator=separator,
            min_records=min_records,
            n_shuffles=n_shuffles,
            seed=seed,
            threads=threads,
            ordered=ordered,
        )
    )
    return np.cbrt(engage * evolve * (1.0 - churn(log, now=now)))


def supplied(log: InteractionLog, *, column: str) -> NDArray[np.float64]:
    """Scores by a column that the data's owner supplies: consent flags, the source of the data, a model of their own.

    Args:
        log: its `user_info` holds the column: numbers or booleans.
        column: its name.

    Returns:
        (n_users,) float64, the column as it is (True is 1), in its own unit and range; NaN for users without records.

    Where it fails: it is as good as the column. A flag set after the data was cut tells the future; do not evaluate on it.

    Raises:
        SettingsError: the log has no user information, or no such column.
        DataError: the column holds text, or has no value for a user with records.
    """
    given = side_column(log.user_info, column, setting="column", kind="user", remedy="use another scorer")
    try:
        values = pd.to_numeric(given).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError):
        seen = [str(value) for value in given.dropna().unique()[:3]]
        raise DataError(
            f"column {column!r} of the user information must hold numbers or booleans, got {seen}: map each value to a number first"
        ) from None
    lacking = np.flatnonzero((log.user_counts > 0) & ~np.isfinite(values))
    if lacking.size:
        raise DataError(
            f"column {column!r} of the user information has no finite value for {lacking.size} users with records, "
            f"the first {lacking[:5].tolist()}: give each a number (0 for 'will not withdraw')"
        )
    return only_with_records(log, values)


def uniform(log: InteractionLog) -> NDArray[np.float64]:
    """Scores everyone alike: (n_users,) ones, NaN for users without records. With it a policy chooses at random."""
    return only_with_records(log, np.ones(log.n_users))

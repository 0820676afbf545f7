"""Who is still there: the BG/NBD model of people who come again and again, and some day no more."""

from __future__ import annotations

import math
from dataclasses import dataclass

import ibis
import numpy as np
import pandas as pd
from ibis.expr.types import Table
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln

from r2u_rec.errors import DataError
from r2u_rec.revocability.featurize.portable_hash import MODULUS, portable_hash

MAX_FITTED = 50_000
"""Users whom the four numbers are fitted on: more move them by less than a hundredth."""

_BOUND = 12.0  # of the logarithm of a parameter; at either end the data do not determine it


@dataclass(frozen=True)
class BGNBD:
    """Four numbers: visits while active are Poisson at a rate from Gamma(r, alpha); after each visit a person leaves with a chance
    from Beta(a, b). Time is in days.
    """

    r: float
    alpha: float
    a: float
    b: float


def with_p_alive(users: Table, *, seed: int = 0) -> Table:
    """Returns the table of users with a column p_alive, the probability of still being active; 1 for who came on one day only.

    Args:
        users: columns user, active_days, span_days (first to last day), age_days (first day to now).
        seed: of the hash that chooses about `MAX_FITTED` users to fit on.

    Raises:
        DataError: as `fitted_bg_nbd`.

    Source: Fader, Hardie and Lee 2008, "Computing P(alive) using the BG/NBD model", in logarithms so that nothing overflows.
    """
    share = MAX_FITTED / users.count().to_pyarrow().as_py()
    some = users if share >= 1 else users.filter(portable_hash(seed, users.user) < int(MODULUS * share))
    model = fitted_bg_nbd(some.select("active_days", "span_days", "age_days").to_pyarrow().to_pandas())
    again = users.active_days - 1
    visits = ibis.greatest(again, 1.0)
    longer = ((users.age_days + model.alpha) / (users.span_days + model.alpha)).ln()
    odds = math.log(model.a) - (visits + (model.b - 1)).ln() + (visits + model.r) * longer
    alive = ibis.ifelse(again > 0, 1.0 / (ibis.least(odds, 700.0).exp() + 1.0), 1.0)
    return users.mutate(p_alive=alive)


def fitted_bg_nbd(users: pd.DataFrame) -> BGNBD:
    """Fits the model by maximum likelihood.

    Args:
        users: columns active_days, span_days (first to last day), age_days (first day to now); one row a user.

    Raises:
        DataError: fewer than 10 users came on a second day, nobody could have been away, or the likelihood has no maximum.

    Source: Fader, Hardie and Lee 2005, "Counting your customers" the easy way, eq. 6, with logarithms summed.
    """
    again = users.active_days - 1
    if (again > 0).sum() < 10:
        raise DataError(
            f"BG/NBD cannot be fitted: {int((again > 0).sum())} of {len(users)} users came on a second day, and at least 10 must: "
            "use churn, or a log over more days"
        )
    if not (users.age_days > users.span_days).any():
        raise DataError("BG/NBD cannot be fitted: every user's last day is the last of the log: use churn, or give a later now")
    # users with the same three numbers count together
    x, last, age, times = _tallied(again, users.span_days, users.age_days)
    found = minimize(
        lambda p: -float(times @ _log_likelihood(np.exp(p), x, last, age)) / times.sum(),
        np.log([1.0, float(np.average(age, weights=times)) + 1, 1.0, 3.0]),
        method="L-BFGS-B",
        bounds=[(-_BOUND, _BOUND)] * 4,
    )
    if not (found.success and np.isfinite(found.fun)):
        raise DataError(f"BG/NBD cannot be fitted to {len(users)} users ({found.message}): use churn")
    return BGNBD(*(float(value) for value in np.exp(found.x)))


def _tallied(*columns: pd.Series) -> tuple[NDArray[np.float64], ...]:
    rows, times = np.unique(np.column_stack([np.asarray(column, dtype=np.float64) for column in columns]), axis=0, return_counts=True)
    return *rows.T, times.astype(np.float64)


def _log_likelihood(
    p: NDArray[np.float64], x: NDArray[np.float64], last: NDArray[np.float64], age: NDArray[np.float64]
) -> NDArray[np.float64]:
    r, alpha, a, b = p
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    stayed = -(r + x) * np.log(alpha + age)
    left = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + last)
    return np.asarray(common + np.where(x > 0, np.logaddexp(stayed, left), stayed))

"""Measures the seconds of an operator once, for the cost model."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from r2u_rec.core.protocols import Fitted, Method
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.evaluate.cost import measured
from r2u_rec.rng import stream
from r2u_rec.simulation.cost_model import OperatorCost, TouchesShards


def calibrated_cost(
    method: Method,
    task: Any,
    fitted: Fitted,
    *,
    seed: int,
    n_users: tuple[int, int] = (1, 20),
    by: Literal["user", "record"] = "record",
    repeats: int = 3,
) -> OperatorCost:
    """Returns the cost of `method.forget`, measured on requests of two sizes; `fitted` is not changed, and the results are dropped.

    A straight line through the two sizes gives the fixed and the growing part. For a method in shards, the growing part is
    counted in records trained on again.

    Args:
        seed: draws the users.
        n_users: of the smaller and the larger request.
        by: the unit of the growing part: "user" for a closed form whose work is one rank a user, else "record".
        repeats: of each size, with other users each time; the shortest counts.

    Raises:
        SettingsError: the sizes do not ascend from 1, there are too few users, or repeats < 1.
    """
    small, large = n_users
    if not 1 <= small < large:
        raise SettingsError(f"n_users must be two sizes that ascend from 1, got {n_users}")
    if repeats < 1:
        raise SettingsError(f"repeats must be >= 1, got {repeats}")
    if by not in ("user", "record"):
        raise SettingsError(f"by must be 'user' or 'record', got {by!r}")
    records: InteractionLog = fitted.records
    there = np.flatnonzero(records.user_counts)
    if len(there) <= large:
        raise SettingsError(f"n_users={n_users} needs more than {large} users with records, there are {len(there)}: ask for fewer")
    shards = isinstance(method, TouchesShards)
    points = []
    for size in n_users:
        found = []
        for turn in range(repeats):
            users = stream(seed, "calibration", size, turn).choice(there, size, replace=False)
            ids = records.ids_of_users(users)
            amount = method.touched_share(fitted, ids) * len(records) if isinstance(method, TouchesShards) else len(ids)
            _, cost = measured(lambda ids=ids, turn=turn: method.forget(task, fitted, ids, seed=turn))  # type: ignore[misc]
            found.append((cost.seconds, float(size) if by == "user" and not shards else float(amount)))
        points.append(min(found))
    fixed, slope = line(*points)
    per_user = by == "user" and not shards
    return OperatorCost(fixed, slope if per_user else 0.0, 0.0 if per_user else slope, exact=method.exact)


def calibrated_training(
    method: Method, task: Any, records: InteractionLog, *, seed: int, shares: tuple[float, float] = (0.1, 0.3)
) -> OperatorCost:
    """Returns the cost of `method.fit`, measured on two shares of the users and extrapolated along a straight line.

    If a model was already trained, `OperatorCost(0, 0, seconds / len(records), exact=True)` is more accurate.

    Raises:
        SettingsError: the shares do not ascend within (0, 1], or hold too few users.
    """
    if not 0 < shares[0] < shares[1] <= 1:
        raise SettingsError(f"shares must be two that ascend within (0, 1], got {shares}")
    there: NDArray[np.int64] = stream(seed, "calibration").permutation(np.flatnonzero(records.user_counts))
    sizes = [round(share * len(there)) for share in shares]
    if not 1 <= sizes[0] < sizes[1]:
        raise SettingsError(f"shares={shares} of {len(there)} users are {sizes[0]} and {sizes[1]} users: ask for larger shares")
    points = []
    for size in sizes:
        part = records.keep(records.ids_of_users(there[:size]))
        _, cost = measured(lambda part=part: method.fit(task, part, seed=seed))  # type: ignore[misc]
        points.append((cost.seconds, float(len(part))))
    fixed, slope = line(*points)
    return OperatorCost(fixed, 0.0, slope, exact=True)


def line(small: tuple[float, float], large: tuple[float, float]) -> tuple[float, float]:
    """Returns (fixed, slope), both >= 0, of the line through two points (seconds, amount); a falling one becomes flat."""
    (first, x0), (second, x1) = small, large
    if x1 <= x0 or second <= first:
        return max(first, second), 0.0
    slope = (second - first) / (x1 - x0)
    if slope * x0 > first:  # steeper than through the origin
        return 0.0, second / x1
    return first - slope * x0, slope

"""Random requests: a Poisson process whose users are drawn in proportion to their hazard, and incidents after which many users ask."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.rng import stream
from r2u_rec.simulation.crowd import RequestGenerator
from r2u_rec.simulation.population import DAY, Arrivals
from r2u_rec.simulation.requests import KINDS, Request
from r2u_rec.suggest import unknown

MONTH_DAYS = 365.25 / 12
_INCIDENT, _ORDINARY, _LEAVING = range(3)  # in this order at one moment


@dataclass(frozen=True)
class Incident:
    """An event after which many users ask for erasure: a data breach, a scandal, a change of terms.

    Attributes:
        time: seconds since 1970-01-01 UTC.
        share: of the active users at that time, in (0, 1], drawn uniformly whatever their hazard; rounded to the nearest number.
        within_days: all of them have asked by then. Most ask soon: the delay is exponential with a mean of a third of these
            days, under the condition that it lies within them (its mean is then 0.28 of them).
    """

    time: int
    share: float
    within_days: float = 7.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise SettingsError(f"share of an incident must lie in (0, 1], got {self.share}")
        if not 0 < self.within_days < np.inf:
            raise SettingsError(f"within_days of an incident must be > 0 and finite, got {self.within_days}")


def draw_requests(
    log: InteractionLog,
    *,
    start: int,
    end: int,
    seed: int,
    rate_per_month: float | None = None,
    rate_per_day: float | None = None,
    weights: ArrayLike | None = None,
    kinds: Mapping[str, float] | None = None,
    incidents: Sequence[Incident] = (),
    arrivals: Arrivals | None = None,
    items_by: Literal["popularity", "uniform"] = "popularity",
    categories: str | None = None,
    separator: str = " ",
) -> tuple[Request, ...]:
    """Draws the requests that are received from `start` until `end`, numbered from 0 in order of receipt.

    Ordinary requests are one Poisson process of a fixed overall rate, each of a kind drawn by its share. At each one a user is
    drawn in proportion to the hazard among the active users: those with known records who have not asked for the erasure of
    all of them. (The rate is not per user: it does not fall as users leave.) Requests after
    an incident come on top. An event without a remaining user, item or category makes no request.

    - user: all records; who asked is never drawn again.
    - interaction: a known record of a user, uniform among those that nobody has asked for yet.
    - window: of a user, from the own time of one such record to that of another, both uniform (perhaps the same), both included.
    - item: withdrawn by who holds its rights; each once. category: an entry of the column, uniform; each once.

    A user may ask for all records after having asked for each of them: such a request concerns no record. Times, kinds, users, and each
    incident are streams of their own. Another incident, or another share of a kind, changes neither the times nor the users of all
    other requests, except where a user is no longer active (and, where eight draws in a row hit such users, the replacement). A
    later end adds requests at the end.

    Args:
        log: the full log.
        rate_per_month, rate_per_day: expected number of ordinary requests; give one of the two. A month has 365.25 / 12 days.
        weights: (n_users,) hazards >= 0 of any unit; NaN and 0 never ask but after an incident. None: all users alike.
        kinds: shares of the ordinary requests by kind, of any sum; None: all of users.
        arrivals: records that are not known at the start (see `draw_arrivals`): nobody asks before the first record is known.
        items_by: an item is withdrawn in proportion to its records in the log, or all alike.
        categories, separator: the column of categories, as in `ids_of`; needed for requests of a category.

    Raises:
        SettingsError: a rate, a weight, a share, a kind or a time is out of range, or a column that a kind needs is missing.
        DataError: the log is empty, or has no time and windows are asked for.
    """
    if not start < end:
        raise SettingsError(f"a stream must start before it ends, got start {start} and end {end}")
    if len(log) == 0:
        raise DataError("the log has no records: there is nobody to ask for an erasure")
    names, shares = _kinds(kinds or {"user": 1.0})
    times = _poisson_times(start, end, _rate_per_second(rate_per_month, rate_per_day), stream(seed, "requests", "times"))
    kind_of = np.searchsorted(np.cumsum(shares)[:-1], stream(seed, "requests", "kinds").random(len(times)), side="right")
    known_at = np.full(len(log), start, dtype=np.int64)  # (n,)
    if arrivals is not None:
        known_at[log.positions(arrivals.ids)] = arrivals.times
    if items_by not in ("popularity", "uniform"):
        raise SettingsError(f"items_by must be popularity or uniform, got {items_by!r}")
    item_weights = log.item_counts.astype(np.float64) if items_by == "popularity" else (log.item_counts > 0).astype(np.float64)
    crowd = RequestGenerator(
        log,
        known_at,
        _hazard(log, weights),
        names,
        len(times),
        item_weights=item_weights,
        categories=categories,
        separator=separator,
        seed=seed,
    )
    agenda: list[tuple[float, int, int]] = [(time, _ORDINARY, event) for event, time in enumerate(times.tolist())]
    planned = _in_order(incidents, start, end)
    agenda += [(float(incident.time), _INCIDENT, at) for at, incident in enumerate(planned)]
    heapq.heapify(agenda)
    out: list[Request] = []
    while agenda:
        time, what, which = heapq.heappop(agenda)
        if what == _INCIDENT:
            for request in _leavers(planned, which, crowd.there(time), seed):
                heapq.heappush(agenda, request)
            continue
        kind = "user" if what == _LEAVING else names[kind_of[which]]
        fields = crowd.leave(which) if what == _LEAVING else crowd.ask(kind, which, time)
        if fields is not None and time < end:
            out.append(Request(len(out), int(time), kind, **fields))
    return tuple(out)


def _poisson_times(start: int, end: int, rate: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Ascending times of a Poisson process; a later end continues the same times."""
    if rate == 0:
        return np.empty(0)
    block = int(rate * (end - start) * 1.1) + 16
    gaps = rng.exponential(size=block)
    while gaps.sum() < rate * (end - start):
        gaps = np.append(gaps, rng.exponential(size=block))
    times = start + np.cumsum(gaps) / rate
    return times[times < end]


def _leavers(planned: Sequence[Incident], which: int, there: NDArray[np.bool_], seed: int) -> list[tuple[float, int, int]]:
    """Entries of the agenda for users who ask after an incident; each user has draws of its own."""
    incident = planned[which]
    same = sum(other.time == incident.time for other in planned[:which])
    rng = stream(seed, "incident", incident.time, same)
    mixed, uniform = rng.random((2, len(there)))
    present = np.flatnonzero(there)
    chosen = present[np.argsort(mixed[present], kind="stable")[: round(incident.share * len(present))]]
    delay = -np.log1p(-uniform[chosen] * -np.expm1(-3.0)) / 3.0  # exponential of mean 1/3, below 1
    times = incident.time + delay * incident.within_days * DAY
    return [(time, _LEAVING, user) for time, user in zip(times.tolist(), chosen.tolist(), strict=True)]


def _in_order(incidents: Sequence[Incident], start: int, end: int) -> list[Incident]:
    for incident in incidents:
        if not start <= incident.time < end:
            raise SettingsError(f"an incident has the time {incident.time}, not in [{start}, {end}): move it, or leave it out")
    return sorted(incidents, key=lambda incident: incident.time)


def _rate_per_second(rate_per_month: float | None, rate_per_day: float | None) -> float:
    if (rate_per_month is None) == (rate_per_day is None):
        raise SettingsError(f"give either rate_per_month or rate_per_day, got {rate_per_month} and {rate_per_day}")
    name, rate, days = ("rate_per_month", rate_per_month, MONTH_DAYS) if rate_per_day is None else ("rate_per_day", rate_per_day, 1.0)
    if rate is None or not 0 <= rate < np.inf:
        raise SettingsError(f"{name} must be >= 0 and finite, got {rate}")
    return rate / (days * DAY)


def _hazard(log: InteractionLog, weights: ArrayLike | None) -> NDArray[np.float64]:
    """(n_users,) with 0 for users who never ask."""
    if weights is None:
        return (log.user_counts > 0).astype(np.float64)
    hazard = np.array(weights, dtype=np.float64)
    if hazard.shape != (log.n_users,):
        raise SettingsError(f"weights must have one value a user ({log.n_users}), got shape {hazard.shape}")
    if np.isinf(hazard).any() or (hazard < 0).any():
        wrong = hazard[np.isinf(hazard) | (hazard < 0)]
        raise SettingsError(
            f"weights must be >= 0 and finite, got {wrong.size} others, the first {wrong[0]}: pass rank shares of the scores"
        )
    hazard[np.isnan(hazard) | (log.user_counts == 0)] = 0.0
    if not hazard.any():
        raise SettingsError("no user with records has a positive weight: nobody would ever ask")
    return hazard


def _kinds(kinds: Mapping[str, float]) -> tuple[list[str], NDArray[np.float64]]:
    """The kinds in the order of `KINDS`, whatever the order given, and their shares, which sum to one."""
    for kind, share in kinds.items():
        if kind not in KINDS:
            raise SettingsError(unknown("kind of request", kind, KINDS))
        if not 0 <= share < np.inf:
            raise SettingsError(f"the share of {kind!r} must be >= 0 and finite, got {share}")
    names = [kind for kind in KINDS if kinds.get(kind, 0) > 0]
    if not names:
        raise SettingsError(f"no kind of request has a positive share: {dict(kinds)}")
    shares = np.array([kinds[kind] for kind in names], dtype=np.float64)
    return names, shares / shares.sum()

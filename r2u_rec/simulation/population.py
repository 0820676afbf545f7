"""Arrivals: new users, later interactions of active users, and erased people under a new key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.ids import Ids
from r2u_rec.rng import stream
from r2u_rec.simulation.requests import Request
from r2u_rec.simulation.stream import Return

DAY = 86_400


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Records that are not known at the start, as a `Stream` takes them.

    Attributes:
        times: (m,) int64 seconds, ascending. ids: (m,) the records that become known then.
    """

    times: NDArray[np.int64]
    ids: Ids

    def __len__(self) -> int:
        return len(self.ids)


def draw_arrivals(
    log: InteractionLog,
    *,
    start: int,
    end: int,
    newcomer_share: float = 0.0,
    later_share: float = 0.0,
    present: ArrayLike = (),
    over_days: float = 7.0,
    seed: int,
) -> Arrivals:
    """Returns the records of newcomers, and the later records of everybody else; see `draw_newcomers` and `draw_later`.

    The newcomers are the same whatever `later_share` is.
    """
    new = draw_newcomers(log, start=start, end=end, share=newcomer_share, present=present, over_days=over_days, seed=seed)
    others = np.setdiff1d(np.flatnonzero(log.user_counts), log.users_of(new.ids))
    return merged(new, draw_later(log, start=start, end=end, share=later_share, users=others, seed=seed))


def draw_newcomers(
    log: InteractionLog, *, start: int, end: int, share: float, present: ArrayLike = (), over_days: float = 7.0, seed: int
) -> Arrivals:
    """Returns all records of users who join between `start` and `end`.

    Each joins at a moment that is uniform between the two. The first record arrives then, the others follow in the order of
    their own times and with their own gaps, but pressed together where they would take longer than `over_days` or reach beyond
    the end: nothing of a newcomer is left out. A log without time spreads them evenly over those days, in order of ids.

    Args:
        share: of the users with records, in [0, 1]; the number is rounded to the nearest.
        present: codes of users who must be active at the start, for example those who are measured.
        over_days: that a newcomer's records take at the most; 0: they all arrive at once.

    Raises:
        SettingsError: a share or a number of days is out of range, or too few users may be newcomers.
    """
    _check_bounds(start, end)
    _check_share("share of newcomers", share)
    if not 0 <= over_days < np.inf:
        raise SettingsError(f"over_days must be >= 0 and finite, got {over_days}")
    here = np.flatnonzero(log.user_counts)
    possible = np.setdiff1d(here, _codes(log, present))
    n = round(share * len(here))
    if n > len(possible):
        raise SettingsError(
            f"{n} newcomers are asked for ({share} of {len(here)} users), and {len(possible)} need not be there at the start: "
            "ask for fewer, or name fewer users in present"
        )
    mixed = stream(seed, "newcomers").random(log.n_users)
    joins = start + stream(seed, "newcomers", "joining").random(log.n_users) * (end - start)  # (n_users,)
    new = np.zeros(log.n_users, dtype=bool)
    new[possible[np.argsort(mixed[possible])[:n]]] = True
    rows, user, rank, size = _in_order(log, np.flatnonzero(new[log.user]))
    which = np.cumsum(rank == 0) - 1  # (m,) 0.. for the first newcomer, and so on
    offset = rank.astype(np.float64)
    if log.time is not None:
        offset = (log.time[rows] - log.time[rows[rank == 0]][which]).astype(np.float64)
    span = offset[rank == size - 1][which]
    room = np.minimum(over_days * DAY, np.maximum(end - 1 - joins, 0))[user]
    pace = np.divide(room, span, out=np.zeros(len(rows)), where=span > 0)
    if log.time is not None:
        pace = np.minimum(pace, 1.0)
    return _sorted(np.minimum(joins[user] + offset * pace, end - 1), log.ids[rows])


def draw_later(log: InteractionLog, *, start: int, end: int, share: float, users: ArrayLike | None = None, seed: int) -> Arrivals:
    """Returns the last records of users who are there at the start: they arrive at uniform times, in the order of their own.

    Of n records, share * n arrive later, rounded up or down at random so that the mean is right; one at least is there at the
    start. In a log without time the last records are those of the highest ids.

    Args:
        share: in [0, 1].
        users: the codes of those it concerns; None: of all.

    Raises:
        SettingsError: the share is out of range.
    """
    _check_bounds(start, end)
    _check_share("share of later records", share)
    concerned = np.ones(log.n_users, dtype=bool)
    if users is not None:
        concerned[:] = False
        concerned[_codes(log, users)] = True
    rows, user, rank, size = _in_order(log, np.flatnonzero(concerned[log.user]))
    round_up = stream(seed, "later").random(log.n_users)
    n_later = np.clip(np.floor(share * log.user_counts + round_up), 0, np.maximum(log.user_counts - 1, 0))
    chosen = rank >= size - n_later[user]
    rows, user = rows[chosen], user[chosen]
    times = start + stream(seed, "later", "times").random(len(log))[rows] * (end - start)
    times = times[np.lexsort((times, user))]  # `user` ascends: each user's times are sorted in place
    return _sorted(np.minimum(times, end - 1), log.ids[rows])


def merged(first: Arrivals, second: Arrivals) -> Arrivals:
    """Returns both in one order of time; what arrives in the same second keeps its order, `first` before `second`."""
    return _sorted(np.concatenate([first.times, second.times]), np.concatenate([first.ids, second.ids]))


def draw_returns(
    requests: Sequence[Request],
    log: InteractionLog,
    *,
    end: int,
    probability: float,
    mean_days: float = 60.0,
    share: float = 0.5,
    seed: int,
) -> tuple[Return, ...]:
    """Returns who comes back: each user whose first request for all records was received, with a probability, before `end`.

    The delay after that receipt is exponential, so that somebody may be back before the erasure is carried out. A text key
    comes back as "KEY (returned 1)", with a higher number if there is such a key; integers as the next ones after the highest.

    Args:
        log: the full log, whose keys no new key may repeat.
        probability: of coming back at all, in [0, 1]; the share that is back before the end is smaller.
        share: of the former items that each takes up again, in (0, 1].

    Raises:
        DataError: a request names a user who is not in the log.
        SettingsError: a number is out of range.
    """
    _check_share("probability of a return", probability)
    if not 0 < mean_days < np.inf:
        raise SettingsError(f"mean_days until a return must be > 0 and finite, got {mean_days}")
    if not 0 < share <= 1:
        raise SettingsError(f"share of former items must lie in (0, 1], got {share}")
    user_requests = [request for request in requests if request.kind == "user"]
    codes = log.user_keys.codes([request.user for request in user_requests])
    if (codes < 0).any():
        unknown_users = [request.user for request, code in zip(user_requests, codes, strict=True) if code < 0]
        raise DataError(
            f"{len(unknown_users)} users of {len(user_requests)} requests are not in the log, the first {unknown_users[:5]}: "
            "pass the full log"
        )
    back = stream(seed, "returns").random(log.n_users) < probability
    delays = stream(seed, "returns", "delays").exponential(mean_days * DAY, log.n_users)
    gone: dict[int, Request] = {}
    for request, code in zip(user_requests, codes.tolist(), strict=True):
        gone.setdefault(code, request)
    coming = [(int(request.received + delays[code]), code, request.user) for code, request in gone.items() if back[code]]
    out: list[Return] = []
    taken: set[str] = set()
    for time, _, key in sorted(one for one in coming if one[0] < end):
        out.append(Return(time, key, _new_key(log, key, taken, len(out)), share))
    return tuple(out)


def _new_key(log: InteractionLog, key: Any, taken: set[str], n_before: int) -> Any:
    if log.user_keys.is_integer:
        return int(log.user_keys.keys.max()) + 1 + n_before
    number = 1
    while (name := f"{key} (returned {number})") in taken or name in log.user_keys:
        number += 1
    taken.add(name)
    return name


def _in_order(log: InteractionLog, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """`rows` by user, each user's in order of time (of ids without time or in one second); their user, rank from 0, and number of rows."""
    keys = (log.user[rows],) if log.time is None else (log.time[rows], log.user[rows])
    rows = rows[np.lexsort(keys)]
    user = log.user[rows].astype(np.int64)
    size = np.bincount(user, minlength=log.n_users)
    rank = np.arange(len(rows)) - (np.cumsum(size) - size)[user]
    return rows, user, rank, size[user]


def _sorted(times: NDArray[Any], ids: Ids) -> Arrivals:
    whole = np.floor(times).astype(np.int64)
    order = np.argsort(whole, kind="stable")
    return Arrivals(whole[order], ids[order])


def _codes(log: InteractionLog, users: ArrayLike) -> NDArray[np.int64]:
    codes = np.asarray(users, dtype=np.int64).ravel()
    wrong = codes[(codes < 0) | (codes >= log.n_users)]
    if wrong.size:
        raise SettingsError(f"user codes must lie in 0..{log.n_users - 1}, got {wrong[:5].tolist()}: pass codes, not keys")
    return codes


def _check_bounds(start: int, end: int) -> None:
    if not start < end:
        raise SettingsError(f"a stream must start before it ends, got start {start} and end {end}")


def _check_share(what: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise SettingsError(f"{what} must lie in [0, 1], got {share}")

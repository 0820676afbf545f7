"""A small log, streams against it, and methods that only keep account: no model is needed to test a clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from torch import nn

from r2u_rec.core.protocols import Fitted
from r2u_rec.data import InteractionLog, Vocabulary
from r2u_rec.simulation.cost_model import OperatorCost
from r2u_rec.simulation.policies import DAY, Policy
from r2u_rec.simulation.requests import Request
from r2u_rec.simulation.simulator import simulate_stream
from r2u_rec.simulation.stream import Return, Stream

HOUR = 3600
START = 1_700_000_000 // DAY * DAY
FREE = OperatorCost(0.0, 0.0, 0.0, exact=False)


def small_log(n_users: int = 30, n_items: int = 12, each: int = 5, seed: int = 0) -> InteractionLog:
    """Users with the keys 100, 101, ... and `each` different items each; the times are those before START."""
    rng = np.random.default_rng(seed)
    item = np.concatenate([rng.choice(n_items, each, replace=False) for _ in range(n_users)])
    n = len(item)
    return InteractionLog(
        np.arange(n),
        np.repeat(np.arange(n_users), each).astype(np.int32),
        item.astype(np.int32),
        START - np.arange(n, 0, -1),
        rng.integers(1, 6, n).astype(np.float32),
        Vocabulary.of(np.arange(n_users) + 100),
        Vocabulary.of([f"item {i}" for i in range(n_items)]),
    )


def requests_to_leave(*users_and_days: tuple[int, float], days: int = 100) -> Stream:
    """A stream in which each user asks to be erased so many days after START."""
    requests = [Request(i, START + round(day * DAY), "user", user=user) for i, (user, day) in enumerate(users_and_days)]
    return stream_of(requests, days=days)


def stream_of(
    requests: Sequence[Request] = (),
    arrivals: Sequence[tuple[float, int]] = (),
    returns: Sequence[Return] = (),
    *,
    days: float = 100,
) -> Stream:
    """A stream from START on; arrivals are pairs of day and record."""
    times = np.array([START + round(day * DAY) for day, _ in arrivals], dtype=np.int64)
    return Stream(
        START, START + round(days * DAY), tuple(requests), times, np.array([i for _, i in arrivals], dtype=np.int64), tuple(returns)
    )


class Model(nn.Module):
    """A model that only knows which training it is of."""


@dataclass(frozen=True)
class Edits:
    """An approximate method that does nothing but keep account: of each call, the records it was given."""

    exact: ClassVar[bool] = False

    fits: list[Any] = field(default_factory=list)
    forgets: list[Any] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)

    def fit(self, task: Any, records: Any, *, seed: int) -> Fitted:
        self.fits.append(records.ids.tolist())
        self.seeds.append(seed)
        return Fitted(Model(), records)

    def forget(self, task: Any, fitted: Fitted, ids: Any, *, seed: int) -> Fitted:
        self.forgets.append(ids.tolist())
        self.seeds.append(seed)
        return Fitted(Model(), fitted.records.drop(ids))


class Exact(Edits):
    exact: ClassVar[bool] = True


def at_start(stream: Stream, log: InteractionLog) -> Fitted:
    return Fitted(Model(), log.keep(stream.known(log, stream.start)))


def run(
    stream: Stream, policy: Policy, log: InteractionLog, *, method: Any = None, seconds: float = 0.0, seed: int = 0, **more: Any
) -> Any:
    """The outcome under `policy` with one method under every name; each batch is said to take `seconds`."""
    method = Edits() if method is None else method
    cost = OperatorCost(seconds, 0.0, 0.0, exact=method.exact)
    names = ("retrain", *({policy.operator} - {"auto", "none", "retrain"}), *(["edit"] if policy.operator == "auto" else []))
    settings = {"methods": dict.fromkeys(names, method), "costs": dict.fromkeys(names, cost), **more}
    methods = settings.pop("methods")
    return simulate_stream(stream, policy, log, None, methods, at_start(stream, log), seed=seed, **settings)

"""The queue: which requests wait, and when they are to be carried out if no further one comes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from r2u_rec.simulation.policies import DAY, NONE, Policy
from r2u_rec.simulation.requests import Request


@dataclass
class Queue:
    """Requests that wait under `policy`; whatever is carried out takes them all.

    Attributes:
        policy: the rules.
        start: where regular times are counted from, in seconds since 1970-01-01 UTC.
        waiting: in order of receipt. due: the due time of each.
    """

    policy: Policy
    start: int
    waiting: list[Request] = field(default_factory=list)
    due: list[int] = field(default_factory=list)
    _users: set[object] = field(default_factory=set)
    _first_due: float = math.inf
    _round: int = 1

    @property
    def n_users(self) -> int:
        """How many users wait; a request of no single user counts as one."""
        return len(self._users)

    def receive(self, request: Request) -> None:
        """Lets `request` wait."""
        if not self.waiting:
            self.pass_round(request.received - 1)  # a regular time at which nothing waited is over
        due = request.due
        self.waiting.append(request)
        self.due.append(due)
        self._users.add(("", request.number) if request.user is None else request.user)
        self._first_due = min(self._first_due, due)

    def moment(self, now: int, free: int) -> float:
        """Returns when something is to be looked at next if no further request comes: full, a regular time, or the deadline.

        Args:
            now: simulated time. free: when what is being carried out will be done; nothing else begins before.
        """
        if not self.waiting or self.policy.operator == NONE:
            return math.inf
        return max(min(self._rule(now), self._forced()), now, free)

    def why(self, now: int) -> tuple[str, bool] | None:
        """Returns why what waits is carried out at `now`, and whether only the deadline says so; None if it may wait on."""
        if not self.waiting:
            return None
        n, least, policy = self.n_users, self.policy.batch, self.policy
        who = f"requests of {n} {'user' if n == 1 else 'users'} wait"
        left = (self._first_due - now) / DAY
        until = f"{left:.1f} days from its due time" if left >= 0 else f"{-left:.1f} days past its due time"
        if policy.by_deadline:
            return (f"{who}, the first is {until}", False) if self._forced() <= now else None
        if n >= least and self._rule(now) <= now:
            return (f"{who}" if policy.every_days is None else f"{who} at the regular time", False)
        if self._forced() > now:
            return None
        short = f", fewer than {least}" if n < least else ""
        return f"{who}{short}, and the first is {until}: carried out early", True

    def clear(self) -> tuple[list[Request], list[int]]:
        """Empties the queue and returns the requests that waited, and their due times."""
        taken = self.waiting, self.due
        self.waiting, self.due, self._users, self._first_due = [], [], set(), math.inf
        return taken

    def pass_round(self, now: int) -> None:
        """Moves on to the first regular time after `now`."""
        if self.policy.every_days is not None:
            self._round = max(self._round, math.floor((now - self.start) / (self.policy.every_days * DAY)) + 1)
            while regular(self.start, self.policy.every_days, self._round) <= now:
                self._round += 1

    def _rule(self, now: int) -> float:
        """When the policy's own rule carries out what waits; never for the deadline's."""
        policy = self.policy
        if policy.by_deadline:
            return math.inf
        if policy.every_days is not None:
            return regular(self.start, policy.every_days, self._round)
        return now if self.n_users >= policy.batch else math.inf

    def _forced(self) -> float:
        return self._first_due - math.ceil(self.policy.margin_days * DAY)


def regular(start: int, every_days: float, number: int) -> int:
    """Returns the regular time `number` = 1, 2, ... counted from `start`, in whole seconds."""
    return start + math.floor(every_days * DAY * number)

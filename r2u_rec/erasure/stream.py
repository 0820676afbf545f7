"""A stream of a recommender's life: requests of erasure, records that become known, and people who come back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.erasure.requests import Request
from r2u_rec.ids import Ids


@dataclass(frozen=True)
class Return:
    """A person whose records were asked to be erased comes back under a new key.

    Attributes:
        time: seconds since 1970-01-01 UTC.
        user: the former user_key. new_key: the key from now on, which no other user has.
        share: of the former items that this person takes up again, in (0, 1]; which ones is for the simulation to draw.
    """

    time: int
    user: Any
    new_key: Any
    share: float

    def __post_init__(self) -> None:
        for name in ("time", "user", "new_key"):
            if isinstance(getattr(self, name), np.integer):
                object.__setattr__(self, name, int(getattr(self, name)))
        if not 0 < self.share <= 1:
            raise ValueError(f"share of former items must lie in (0, 1], got {self.share}")


@dataclass(frozen=True, eq=False)
class Stream:
    """All that happens from `start` to `end`, in seconds since 1970-01-01 UTC; every event has start <= time < end.

    Records of a user may be due to arrive after this user asked to be erased: who carries out the stream keeps them out.

    Attributes:
        requests: in order of receipt, their numbers ascending.
        arrival_times: (m,) int64, ascending.
        arrival_ids: (m,) the records of the full log that only become known at that time, in this order: not ascending ids.
            All other records of the log are known at the start.
        returns: in order of time.

    Raises:
        ValueError: an event is out of order or out of bounds; a number, a record or a new key occurs twice; user keys or item
            keys are integers here and text there.
    """

    start: int
    end: int
    requests: tuple[Request, ...]
    arrival_times: NDArray[np.int64]
    arrival_ids: Ids
    returns: tuple[Return, ...] = ()

    def __post_init__(self) -> None:
        if not self.start < self.end:
            raise ValueError(f"a stream must start before it ends, got start {self.start} and end {self.end}")
        for name in ("arrival_times", "arrival_ids"):
            column = np.array(getattr(self, name), dtype=np.int64)
            column.flags.writeable = False
            object.__setattr__(self, name, column)
        for name in ("requests", "returns"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.arrival_times.ndim != 1 or self.arrival_times.shape != self.arrival_ids.shape:
            shapes = f"{self.arrival_times.shape} and {self.arrival_ids.shape}"
            raise ValueError(f"arrival_times and arrival_ids have shapes {shapes}: give one time a record")
        self._check_order("request", [request.received for request in self.requests])
        self._check_order("arrival", self.arrival_times)
        self._check_order("return", [one.time for one in self.returns])
        numbers = np.array([request.number for request in self.requests], dtype=np.int64)
        wrong = np.flatnonzero(np.diff(numbers) <= 0)
        if wrong.size:
            at = int(wrong[0])
            raise ValueError(f"numbers of requests must ascend, got {numbers[at + 1]} after {numbers[at]}: number them in order of receipt")
        _refuse_repeats("the record", self.arrival_ids.tolist(), "arrives", "name each record once")
        _refuse_repeats("the new key", [one.new_key for one in self.returns], "is given", "give each return a key of its own")
        users = [request.user for request in self.requests]
        users += [key for one in self.returns for key in (one.user, one.new_key)]
        for role, keys in (("user", users), ("item", [request.item for request in self.requests])):
            kind_of_keys(role, keys)

    def _check_order(self, what: str, times: Sequence[int] | NDArray[np.int64]) -> None:
        found = np.asarray(times, dtype=np.int64)
        outside = np.flatnonzero((found < self.start) | (found >= self.end))
        if outside.size:
            at = int(outside[0])
            raise ValueError(
                f"{what} {at} has the time {found[at]}, outside {self.start} <= time < {self.end}: leave it out, or move the end"
            )
        back = np.flatnonzero(np.diff(found) < 0)
        if back.size:
            at = int(back[0]) + 1
            raise ValueError(f"{what} {at} has the time {found[at]}, after one of {found[at - 1]}: sort them by time")

    def known(self, log: InteractionLog, time: int) -> Ids:
        """Returns the ids of the full `log` that are known at `time` (what arrives then included); requests are not considered.

        UnknownRecordError when the log lacks a record that is still to arrive.
        """
        later = self.arrival_ids[np.searchsorted(self.arrival_times, time, side="right") :]
        there = np.ones(len(log), dtype=bool)
        there[log.positions(later)] = False
        return log.ids[there]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal: equal for equal streams, however they came about."""
        content = [self.start, self.end, [astuple(one) for one in self.requests], [astuple(one) for one in self.returns]]
        found = hashlib.sha256(json.dumps(content, separators=(",", ":")).encode())
        for column in (self.arrival_times, self.arrival_ids):
            found.update(column.astype("<i8").tobytes())
        return found.hexdigest()


def kind_of_keys(role: str, keys: Sequence[Any]) -> type[int] | type[str] | None:
    """Returns int or str, the type of all keys but None, or None when there are no others; ValueError for a mixture."""
    given = [key for key in keys if key is not None]
    odd = next((key for key in given if isinstance(key, str) != isinstance(given[0], str)), None)
    if odd is not None:
        raise ValueError(f"{role} keys must be all integers or all text, got {given[0]!r} and {odd!r}: convert them to one type")
    return None if not given else str if isinstance(given[0], str) else int


def _refuse_repeats(what: str, values: Sequence[Any], verb: str, remedy: str) -> None:
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{what} {value!r} {verb} more than once: {remedy}")
        seen.add(value)

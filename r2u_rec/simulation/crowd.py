"""The active users and what each can still ask for: the state of a stream of requests while it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.rng import stream
from r2u_rec.simulation.requests import category_column, entries_of, items_of

_NEVER = np.iinfo(np.int64).max
_TRIES, _MORE_TRIES = 8, 32


class WeightedSampler:
    """Numbers drawn in proportion to their weights, among those that may be drawn at the moment.

    Each event has eight draws of its own from all weights, so that what happened at other events matters only where it forbids
    one. A draw that is refused where it is not allowed is a draw from those allowed. Where all eight are refused, 32 more are
    from those that had not gone when this last happened; at the end the rest are tried in the order of Exponential / weight,
    which is the same in law.

    Args:
        weights: (n,) >= 0, one at least positive.
        gone: (n,) numbers that may never be drawn again; kept, not copied: the caller sets it.
        since: (n,) from when on each may be drawn.
        n_events: that may draw.

    Source: von Neumann 1951 (rejection); Efraimidis and Spirakis 2006 (the order of the rest).
    """

    def __init__(
        self,
        weights: NDArray[np.float64],
        *,
        gone: NDArray[np.bool_],
        since: NDArray[np.int64],
        n_events: int,
        seed: int,
        name: str,
    ) -> None:
        self._weights, self._gone, self._since, self._seed, self._name = weights, gone, since, seed, name
        uniform = stream(seed, "requests", name).random((n_events, _TRIES))
        self._left, self._ends = np.arange(len(weights)), np.cumsum(weights)  # the second try knows who has gone by now
        self._tries = self._picked(uniform)  # (n_events, 8)

    def draw(self, event: int, time: float, also: Callable[[int], bool] = lambda number: True) -> int | None:
        """Returns the number of `event`, or None when there is none; `also` refuses numbers for further reasons."""

        def first(numbers: NDArray[np.int64]) -> int | None:
            return next((n for n in numbers.tolist() if not self._gone[n] and self._since[n] <= time and also(n)), None)

        found = first(self._tries[event])
        if found is not None:
            return found
        if len(self._left) == 0:
            return None
        rng = stream(self._seed, "requests", self._name, "more", event)
        for _ in range(2):
            found = first(self._picked(rng.random(_MORE_TRIES)))
            if found is not None:
                return found
            self._left = self._left[~self._gone[self._left] & (self._weights[self._left] > 0)]
            self._ends = np.cumsum(self._weights[self._left])
            if len(self._left) == 0:
                return None
        rest = self._left[self._since[self._left] <= time]
        return first(rest[np.argsort(rng.exponential(size=len(rest)) / self._weights[rest], kind="stable")])

    def _picked(self, uniform: NDArray[np.float64]) -> NDArray[np.int64]:
        """Numbers by their share of the weight; one of weight 0 has no room between two ends, and is never met."""
        at = np.searchsorted(self._ends, uniform * self._ends[-1], side="right")
        picked: NDArray[np.int64] = self._left[np.minimum(at, np.searchsorted(self._ends, self._ends[-1]))]
        return picked


class RequestGenerator:
    """Users, items and categories of a log along a stream. Each method below returns the fields of a request, or None for nobody.

    Args:
        known_at: (n,) when each record becomes known.
        hazard: (n_users,) >= 0.
        kinds: that will be asked for.
        item_weights: (n_items,) what a withdrawn item is drawn by.
    """

    def __init__(
        self,
        log: InteractionLog,
        known_at: NDArray[np.int64],
        hazard: NDArray[np.float64],
        kinds: Sequence[str],
        n_events: int,
        *,
        item_weights: NDArray[np.float64],
        categories: str | None,
        separator: str,
        seed: int,
    ) -> None:
        self._log, self._known_at, self._categories, self._separator = log, known_at, categories, separator
        self._left = np.zeros(log.n_users, dtype=bool)
        self._spent = np.zeros(log.n_users, dtype=bool)  # left, or no record to ask for and none to come
        self._users_from = _earliest(log.user, known_at, log.n_users)
        self._users = WeightedSampler(hazard, gone=self._left, since=self._users_from, n_events=n_events, seed=seed, name="users")
        self._which = stream(seed, "requests", "records").random((n_events, 2))
        self._withdrawn = np.zeros(log.n_items, dtype=bool)
        self._time = np.zeros(len(log), dtype=np.int64) if log.time is None else log.time
        if "window" in kinds and log.time is None:
            raise DataError("requests of kind 'window' need the time of each record, the log has none: read it with a time column")
        if "interaction" in kinds or "window" in kinds:
            self._rows = np.argsort(log.user, kind="stable")
            self._starts = np.append(0, np.cumsum(log.user_counts))
            self._asked = np.zeros(len(log), dtype=bool)
            self._users_until = -_earliest(log.user, -known_at, log.n_users)
            self._active = WeightedSampler(hazard, gone=self._spent, since=self._users_from, n_events=n_events, seed=seed, name="users")
        if "item" in kinds:
            items_from = _earliest(log.item, known_at, log.n_items)
            self._items = WeightedSampler(item_weights, gone=self._withdrawn, since=items_from, n_events=n_events, seed=seed, name="items")
        if "category" in kinds:
            column = category_column(log, categories)
            self._entries = sorted(entries_of(column[log.item_counts > 0], separator))
            if not self._entries:
                raise SettingsError(f"the column {categories!r} holds no category of an item with records: name another column")
            self._used = np.zeros(len(self._entries), dtype=bool)
            alike, at_once = np.ones(len(self._entries)), np.zeros(len(self._entries), dtype=np.int64)
            self._entry = WeightedSampler(alike, gone=self._used, since=at_once, n_events=n_events, seed=seed, name="categories")

    def there(self, time: float) -> NDArray[np.bool_]:
        """Returns (n_users,) whether each user is active: a record is known, and no request has asked to erase all of them."""
        return ~self._left & (self._users_from <= time)

    def leave(self, user: int) -> dict[str, Any] | None:
        """The given user asks for the erasure of all records; None if this was asked before."""
        if self._left[user]:
            return None
        self._left[user] = self._spent[user] = True
        return {"user": self._log.user_keys.key(user)}

    def ask(self, kind: str, event: int, time: float) -> dict[str, Any] | None:
        """An ordinary event of `kind`."""
        if kind == "user":
            user = self._users.draw(event, time)
            return None if user is None else self.leave(user)
        if kind in ("interaction", "window"):
            user = self._active.draw(event, time, lambda user: self._can_ask(user, time))
            return None if user is None else (self._interaction if kind == "interaction" else self._window)(user, event, time)
        return self._item(event, time) if kind == "item" else self._category(event, time)

    def _can_ask(self, user: int, time: float) -> bool:
        if len(self._records(user, time)):
            return True
        self._spent[user] |= self._users_until[user] <= time
        return False

    def _records(self, user: int, time: float) -> NDArray[np.int64]:
        """Rows of the user that are known, and that nobody has asked for yet."""
        rows = self._rows[self._starts[user] : self._starts[user + 1]]
        return rows[(self._known_at[rows] <= time) & ~self._asked[rows] & ~self._withdrawn[self._log.item[rows]]]

    def _interaction(self, user: int, event: int, time: float) -> dict[str, Any]:
        rows = self._records(user, time)
        row = rows[int(self._which[event, 0] * len(rows))]
        self._asked[row] = True
        return {"user": self._log.user_keys.key(user), "item": self._log.item_keys.key(int(self._log.item[row]))}

    def _window(self, user: int, event: int, time: float) -> dict[str, Any]:
        rows = self._records(user, time)
        ends = self._time[rows[(self._which[event] * len(rows)).astype(np.int64)]]
        since, until = int(ends.min()), int(ends.max()) + 1
        self._asked[rows[(self._time[rows] >= since) & (self._time[rows] < until)]] = True
        return {"user": self._log.user_keys.key(user), "since": since, "until": until}

    def _item(self, event: int, time: float) -> dict[str, Any] | None:
        item = self._items.draw(event, time)
        if item is None:
            return None
        self._withdrawn[item] = True
        return {"item": self._log.item_keys.key(item)}

    def _category(self, event: int, time: float) -> dict[str, Any] | None:
        entry = self._entry.draw(event, time)
        if entry is None:
            return None
        self._used[entry] = True
        self._withdrawn[items_of(self._log, self._entries[entry], self._categories, self._separator)] = True
        return {"category": self._entries[entry]}


def _earliest(codes: NDArray[np.int32], times: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """(n,) the smallest of each code's `times`; later than everything where there is none."""
    first = np.full(n, _NEVER, dtype=np.int64)
    np.minimum.at(first, codes, times)
    return first

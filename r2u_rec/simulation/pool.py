"""The pool: which records may be trained on, which were erased, and which the model stands on; by row of one full log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids
from r2u_rec.simulation.requests import Request, ids_of
from r2u_rec.simulation.returning import with_returns
from r2u_rec.simulation.stream import Stream

Rows = NDArray[np.int64]


class RecordState:
    """Records by row of `log`, which holds all that will ever be known. A request for one user costs what that user has, not the log.

    Who was erased as a whole stays out: records under that key which arrive later are never trained on.

    Attributes:
        log: the full log, records of returning users at the end.
        n_available: how many records a model trained now would stand on.

    Raises:
        SettingsError, DataError: a request or a return cannot be carried out on `log`, before anything begins.
    """

    def __init__(self, log: InteractionLog, stream: Stream, *, seed: int, categories: str | None = None) -> None:
        self.log, return_times = with_returns(log, stream, seed=seed)
        self._categories = categories
        self._codes = _codes_of(self.log.user_keys, [request.user for request in stream.requests])
        _check_requests(stream.requests, self.log, self._codes, categories)
        times = np.concatenate([stream.arrival_times, return_times])
        rows = np.concatenate([log.positions(stream.arrival_ids), np.arange(len(log), len(self.log))])
        order = np.argsort(times, kind="stable")
        self._times, self._rows, self._arrived = times[order], rows[order], 0
        n = len(self.log)
        self._available = np.ones(n, dtype=bool)
        self._available[rows] = False
        self._erased = np.zeros(n, dtype=bool)
        self._trained = np.zeros(n, dtype=bool)
        self._out = np.zeros(self.log.n_users, dtype=bool)
        self.n_available = n - len(rows)
        self._by_user = np.argsort(self.log.user, kind="stable")  # the rows of a user stand together, ascending
        self._starts = np.concatenate([[0], np.cumsum(self.log.user_counts)])
        self.advance(stream.start)

    def advance(self, time: int) -> None:
        """Lets in what has arrived by `time`."""
        until = int(np.searchsorted(self._times, time, side="right"))
        rows = self._rows[self._arrived : until]
        rows = rows[~self._out[self.log.user[rows]]]
        self._available[rows] = True
        self.n_available += len(rows)
        self._arrived = max(self._arrived, until)

    def rows_of(self, request: Request) -> Rows:
        """Returns the rows, ascending, of the available records that `request` concerns now."""
        if request.user is None:
            rows = self.log.positions(ids_of(request, self.log, categories=self._categories))
        else:
            code = self._codes[request.user]
            rows = self._by_user[:0] if code < 0 else self._by_user[self._starts[code] : self._starts[code + 1]]
            if request.kind != "user":
                ids = ids_of(request, self.log.take(rows), categories=self._categories)
                rows = rows[np.isin(self.log.ids[rows], ids)]
        found: Rows = rows[self._available[rows]]
        return found

    def erase(self, request: Request, rows: Rows) -> Rows:
        """Erases `rows` for `request`; returns those of them that the model stands on."""
        self._available[rows] = False
        self._erased[rows] = True
        self.n_available -= len(rows)
        if request.kind == "user" and self._codes[request.user] >= 0:
            self._out[self._codes[request.user]] = True
        gone: Rows = rows[self._trained[rows]]
        return gone

    @property
    def erased(self) -> Ids:
        """The ids of all records erased so far, ascending."""
        return self.log.ids[self._erased]

    @property
    def users_out(self) -> NDArray[np.int64]:
        """The codes of the users who were erased as a whole, ascending."""
        return np.flatnonzero(self._out)

    @property
    def available(self) -> Ids:
        """The ids of the records that a model trained now stands on, ascending."""
        return self.log.ids[self._available]

    def records(self, ids: Ids) -> InteractionLog:
        """Returns the log of the records `ids`, in which users without any record have no key."""
        return self.log.drop(np.setdiff1d(self.log.ids, ids, assume_unique=True))

    def train_(self, ids: Ids) -> None:
        """Notes that the model stands on the records `ids` now."""
        self._trained[:] = False
        self._trained[self.log.positions(ids)] = True

    def begin_(self, ids: Ids) -> None:
        """Notes that the first model stands on the records `ids`; SettingsError when these are not those known at the start."""
        known = self.available
        if not np.array_equal(known, ids):
            raise SettingsError(
                f"the first model stands on {len(ids)} records, {len(known)} are known at the start of the stream, "
                f"{len(np.intersect1d(known, ids))} are in both: fit it on log.keep(stream.known(log, stream.start)), and leave out of "
                "the log what no model may see"
            )
        self.train_(ids)


def _codes_of(vocabulary: Vocabulary, keys: Iterable[Any]) -> dict[Any, int]:
    """Returns the code of each of `keys` but None, -1 for one that is not known (any more); they are looked up together."""
    wanted = list(dict.fromkeys(key for key in keys if key is not None))
    return dict(zip(wanted, vocabulary.codes(wanted).tolist(), strict=True))


def _check_requests(requests: Sequence[Request], log: InteractionLog, users: dict[Any, int], categories: str | None) -> None:
    """Raises at once, as `ids_of` does, for a request that cannot be carried out: one whose key, column or category does not exist."""
    nothing = log.take(np.empty(0, dtype=np.int64))
    items = _codes_of(log.item_keys, [request.item for request in requests])
    checked = set()
    for request in requests:
        what = (request.kind, request.category)
        if what not in checked or users.get(request.user, 0) < 0 or items.get(request.item, 0) < 0:
            ids_of(request, nothing, categories=categories)
            checked.add(what)

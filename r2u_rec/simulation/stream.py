"""A stream of a recommender's life: requests of erasure, records that become known, and people who come back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import parquet

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError
from r2u_rec.ids import Ids
from r2u_rec.simulation.requests import Request

_DIGEST = b"r2u_rec.digest"
_REQUEST = {"time": "received"} | {name: name for name in ("number", "kind", "user", "item", "category", "since", "until")}
_TYPES: dict[str, pa.DataType] = {
    "time": pa.int64(),
    "number": pa.int64(),
    "kind": pa.string(),
    "user": pa.int64(),  # or text, as the keys are; and so item and new_key
    "item": pa.int64(),
    "category": pa.string(),
    "since": pa.int64(),
    "until": pa.int64(),
    "record": pa.int64(),
    "new_key": pa.int64(),
    "share": pa.float64(),
}


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
        object.__setattr__(self, "share", float(self.share))
        if not 0 < self.share <= 1:
            raise ValueError(f"share of former items must lie in (0, 1], got {self.share}")


@dataclass(frozen=True, eq=False)
class Stream:
    """All that happens from `start` to `end`, in seconds since 1970-01-01 UTC; every event has start <= time < end.

    Records of a user may arrive after this user asked to be erased: the simulator keeps them out.

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
        _refuse_repeats("the record", pd.Index(self.arrival_ids), "arrives", "name each record once")
        new_keys = pd.Index([one.new_key for one in self.returns], dtype=object)
        _refuse_repeats("the new key", new_keys, "is given", "give each return a key of its own")
        users = [request.user for request in self.requests]
        users += [key for one in self.returns for key in (one.user, one.new_key)]
        for role, keys in (("user", users), ("item", [request.item for request in self.requests])):
            kind_of_keys(role, keys)

    def _check_order(self, what: str, times: Sequence[int] | NDArray[np.int64]) -> None:
        found = np.asarray(times, dtype=np.int64)
        outside = np.flatnonzero((found < self.start) | (found >= self.end))
        if outside.size:
            at = int(outside[0])
            raise ValueError(f"{what} {at} has the time {found[at]}, not in [{self.start}, {self.end}): leave it out, or move the end")
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


def _refuse_repeats(what: str, values: pd.Index[Any], verb: str, remedy: str) -> None:
    if not values.is_unique:
        twice = values[values.duplicated()].tolist()[0]
        raise ValueError(f"{what} {twice!r} {verb} more than once: {remedy}")


def write_stream(stream: Stream, path: str | Path) -> None:
    """Writes `stream` as one Parquet file for `read_stream`, one row an event, whole or not at all.

    Rows are in order of time. The column `event` says what happens: start, arrival (of `record`), request (with its fields), return
    (of `user` as `new_key`, with `share`), end. Columns of keys are int64 or text, as the keys are.
    """
    path = Path(path)
    users = [request.user for request in stream.requests] + [one.new_key for one in stream.returns]
    user_type, item_type = (
        pa.string() if kind_of_keys(role, keys) is str else pa.int64()
        for role, keys in (("user", users), ("item", [request.item for request in stream.requests]))
    )
    types = {**_TYPES, "user": user_type, "item": item_type, "new_key": user_type}
    bounds = (pa.table({"time": pa.array([at], pa.int64())}) for at in (stream.start, stream.end))
    requests = {name: [getattr(request, field) for request in stream.requests] for name, field in _REQUEST.items()}
    returns = {name: [getattr(one, name) for one in stream.returns] for name in ("time", "user", "new_key", "share")}
    parts = {
        "start": next(bounds),
        "arrival": pa.table({"time": stream.arrival_times, "record": stream.arrival_ids}),
        "request": pa.table({name: pa.array(values, types[name]) for name, values in requests.items()}),
        "return": pa.table({name: pa.array(values, types[name]) for name, values in returns.items()}),
        "end": next(bounds),
    }
    whole = pa.concat_tables([_filled(part, event, types) for event, part in parts.items()])
    order = np.argsort(whole["time"].to_numpy(), kind="stable")
    unfinished = path.with_name(f".{path.name}.part")
    parquet.write_table(whole.take(pa.array(order)).replace_schema_metadata({_DIGEST: stream.digest}), unfinished)
    unfinished.replace(path)


def _filled(part: pa.Table, event: str, types: dict[str, pa.DataType]) -> pa.Table:
    """`part` with the columns of `types` and its `event` in front; what it lacks is null."""
    columns = {name: part[name] if name in part.column_names else pa.nulls(len(part), kind) for name, kind in types.items()}
    return pa.table({"event": pa.repeat(event, len(part)), **columns})


def read_stream(path: str | Path) -> Stream:
    """Returns the stream that `write_stream` wrote.

    Raises:
        DataError: there is no such file, it is no stream, or its content is not what was written.
    """
    try:
        whole = parquet.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} cannot be read as a stream ({str(error).splitlines()[0]}): check the path, or draw it anew") from error
    missing = [name for name in ("event", *_TYPES) if name not in whole.column_names]
    if missing:
        raise DataError(f"{path} is no stream: it has no column {', '.join(missing)}; read requests of your own with read_requests")
    parts = {event: whole.filter(pc.equal(whole["event"], event)) for event in ("start", "arrival", "request", "return", "end")}
    if len(parts["start"]) != 1 or len(parts["end"]) != 1:
        raise DataError(f"{path} is no stream: it must have one start and one end, it has {len(parts['start'])} and {len(parts['end'])}")
    rows = parts["request"].select(list(_REQUEST)).rename_columns(list(_REQUEST.values())).to_pylist()
    try:
        stream = Stream(
            parts["start"]["time"][0].as_py(),
            parts["end"]["time"][0].as_py(),
            tuple(Request(**row) for row in rows),
            parts["arrival"]["time"].to_numpy(),
            parts["arrival"]["record"].to_numpy(),
            tuple(Return(**row) for row in parts["return"].select(["time", "user", "new_key", "share"]).to_pylist()),
        )
    except (TypeError, ValueError) as error:
        raise DataError(f"{path} is no stream: {error}") from error
    written = (whole.schema.metadata or {}).get(_DIGEST)
    if written is not None and written.decode() != stream.digest:
        raise DataError(f"{path} is not what was written, its digest differs: restore it, or draw it anew")
    return stream

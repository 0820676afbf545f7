"""Reads requests that were received in production from a file, to replay them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.reading.files import TextFormat, is_parquet
from r2u_rec.data.reading.refusal import LISTED, refuse_rows
from r2u_rec.data.reading.table import SourceTable, open_parquet, quoted
from r2u_rec.data.reading.text import open_text
from r2u_rec.data.reading.times import TIME_UNITS, TimeColumn, TimeUnit, refuse_unclear, time_column
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.simulation.requests import Request, fault_of

_TIMES = ("received", "since", "until")
_SUBJECTS = ("user", "item", "category", "since", "until")
_ROLES = ("received", "kind", *_SUBJECTS)


def read_requests(
    path: str | Path,
    log: InteractionLog,
    *,
    time: str = "time",
    kind: str = "kind",
    user: str = "user",
    item: str = "item",
    category: str = "category",
    since: str = "since",
    until: str = "until",
    time_unit: TimeUnit = "auto",
    unknown: Literal["error", "skip"] = "error",
    note: Callable[[str], None] | None = None,
    text: TextFormat | None = None,
) -> tuple[Request, ...]:
    """Reads requests from a file with one row each, in any order; they are numbered from 0 in order of receipt.

    Args:
        path: Parquet by its ending (.parquet, .pq), delimited text otherwise.
        log: whose users and items they concern.
        time, kind, user, item, category, since, until: names of the columns. The first must be there; without a column of
            kinds all requests are of kind "user". An empty field is none. Requests of the same second keep the order of the file.
        time_unit: of all times: "s", "ms", "us", "ns" since 1970-01-01 UTC, or "iso" for text such as 2026-03-01 12:00:00 or
            2026-03-01T12:00:00+02:00 (UTC where no offset is given). "auto": each column of numbers is in seconds, each of ISO
            dates is read as such; columns of a date type need no unit.
        unknown: what to do with users and items that the log does not know: refuse the file, or "skip" those requests.
        note: called with a message about skipped requests: how many, and the first of them.
        text: how a text file is written; None: by the ending of its name.

    Raises:
        DataError: the file or one of its rows cannot be used; the message lists the first such rows and how many there are.
        SettingsError: `unknown` or `time_unit` has no such value.
    """
    if unknown not in ("error", "skip"):
        raise SettingsError(f"unknown must be error or skip, got {unknown!r}")
    if time_unit not in TIME_UNITS:
        raise SettingsError(f"time_unit must be one of {', '.join(TIME_UNITS[:-1])} or iso, got {time_unit!r}")
    names = dict(zip(_ROLES, (time, kind, user, item, category, since, until), strict=True))
    path = Path(path)
    table = open_parquet(path, None) if is_parquet(path) else open_text(path, text or TextFormat(), None)
    rows = _read(table, names, time_unit)
    faults, not_known = [], []
    found: list[dict[str, Any]] = []
    for number, (fields, fault) in enumerate(rows):
        fault = fault or fault_of(fields["kind"], fields)
        stranger = None if fault else _stranger(fields, log)
        if fault:
            faults.append((number, fault))
        elif stranger:
            not_known.append((number, stranger))
        else:
            found.append(fields)
    if faults:
        what = f"{len(faults)} of {len(rows)} requests cannot be used"
        refuse_rows(table, what, faults[:LISTED], len(faults), "correct or remove them")
    if not_known:
        what = f"{len(not_known)} of {len(rows)} requests name a user or an item that is not in the data"
        if unknown == "error":
            remedy = 'give keys as they stand in the data, or pass unknown="skip" to leave these requests out'
            refuse_rows(table, what, not_known[:LISTED], len(not_known), remedy)
        if note is not None:
            places = table.places([row for row, _ in not_known[:LISTED]])
            first = "; ".join(f"{place}: {text}" for place, (_, text) in zip(places, not_known, strict=False))
            note(f"{table.label}: {what} and are left out, the first: {first}")
    found.sort(key=lambda fields: fields["received"])  # stable: ties keep the order of the file
    return tuple(Request(number, **fields) for number, fields in enumerate(found))


def _read(table: SourceTable, names: dict[str, str], time_unit: str) -> list[tuple[dict[str, Any], str | None]]:
    """The fields of each request, times in seconds and empty ones None, and what is wrong with its times."""
    there = {role: name for role, name in names.items() if name in table.types}
    for needed, role, what in ((("received",), "time", "the time of receipt"), (_SUBJECTS, "user", "what to erase")):
        if not there.keys() & set(needed):
            columns = ", ".join(repr(name) for name in table.types)
            raise DataError(f"{table.label} has no column that says {what}; its columns are {columns}: pass {role}=NAME")
    times = [_settled(table, role, name, time_unit) for role, name in there.items() if role in _TIMES]
    of_time = {time.column for time in times}
    listing = [f"{quoted(name)}{'::VARCHAR' if name in of_time else ''}" for name in there.values()]
    for time in times:
        listing += [time.seconds(), time.finding()]
    read = table.rows(f"SELECT {', '.join(listing)} FROM (SELECT * FROM source)")
    if table.rejects:
        first = "; ".join(f"line {line}: {text}" for line, text in list(table.rejects.items())[:LISTED])
        raise DataError(f"{table.label}: {len(table.rejects)} lines cannot be used, the first: {first}: correct or remove them")
    out: list[tuple[dict[str, Any], str | None]] = []
    for values in read:
        fields = {"kind": "user"} | {role: _filled(value) for role, value in zip(there, values, strict=False)}
        if fields.get("category") is not None:
            fields["category"] = str(fields["category"])
        fault = None
        read_times = zip((role for role in there if role in _TIMES), values[len(there) :: 2], values[len(there) + 1 :: 2], strict=True)
        for role, seconds, finding in read_times:
            is_empty = fields[role] is None and role != "received"
            fault = fault or (None if is_empty else finding)
            fields[role] = None if is_empty or fault else seconds
        out.append((fields, fault))
    return out


def _settled(table: SourceTable, role: str, name: str, time_unit: str) -> TimeColumn:
    """How a column of times is read, by all its rows."""
    shown = "time" if role == "received" else role
    return refuse_unclear(table, time_column(table, name, unit=time_unit, name=shown, flag="simulate.requests_time_unit"))


def _filled(value: Any) -> Any:
    """None for an empty field or NaN; a float that is a whole number as such: an integer column with gaps is read as floats."""
    if isinstance(value, float):
        return None if math.isnan(value) else int(value) if value.is_integer() else value
    return None if value == "" else value


def _stranger(fields: dict[str, Any], log: InteractionLog) -> str | None:
    """The user or the item that the log does not know; a key that it knows is put in the log's own type."""
    keys: tuple[tuple[str, Vocabulary], ...] = (("user", log.user_keys), ("item", log.item_keys))
    for role, vocabulary in keys:
        if fields.get(role) is None:
            continue
        code = vocabulary.code(fields[role])
        if code is None:
            return f"{role} {fields[role]!r}"
        fields[role] = vocabulary.key(code)
    return None

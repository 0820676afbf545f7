"""What a caller asks to be forgotten, understood once: the records, how many users stand behind them, and what a small batch is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.ids import Ids

KINDS = ("users", "interactions", "items", "category", "window")


@dataclass(frozen=True, eq=False)
class ForgetRequest:
    """A request as it was understood; what `forget(..., dry_run=True)` returns.

    Attributes:
        kind: "users", "interactions", "items", "category" or "window".
        n_users: users behind the records. n_whole_users: those of them who lose every record, and with it their key.
        n_interactions: records to forget. n_left: records that stay.
        first_user, last_user: keys of the first and the last of those users, in the order of the request or of the data, in the data's
            own spelling; the repr does not show them.
        ids: of the records.
    """

    kind: str
    n_users: int
    n_whole_users: int
    n_interactions: int
    n_left: int
    first_user: Any
    last_user: Any
    ids: Ids

    def __repr__(self) -> str:
        return (
            f"ForgetRequest({self.kind}: {self.n_interactions} interactions of {self.n_users} {_users(self.n_users)}, of whom "
            f"{self.n_whole_users} lose all; {self.n_left} interactions stay)"
        )


def understood(records: InteractionLog, asked: Mapping[str, Any]) -> ForgetRequest:
    """Returns the request that the arguments of `forget` make.

    Args:
        records: what the model stands on.
        asked: kind -> what was given; None where nothing was.

    Raises:
        SettingsError: none or several kinds are given, or one is empty or malformed.
        DataError: a key is unknown, or nothing of it is among the records.
    """
    given = {kind: value for kind, value in asked.items() if value is not None}
    if len(given) != 1:
        raise SettingsError(f"forget takes exactly one of {', '.join(KINDS)}, got {' and '.join(given) or 'none'}")
    ((kind, value),) = given.items()
    find = {"users": _of_users, "interactions": _of_pairs, "items": _of_items, "category": _of_category, "window": _of_window}[kind]
    ids, codes = find(records, value)
    if len(ids) == 0:
        raise DataError(f"the request names no interaction that the model was trained on ({kind}): there is nothing to forget")
    behind = records.users_of(ids)
    codes = behind if codes is None else codes
    lost = np.bincount(records.user[records.positions(ids)], minlength=records.n_users)
    whole = int((lost[behind] == records.user_counts[behind]).sum())
    first, last = (records.user_keys.key(int(code)) for code in (codes[0], codes[-1]))
    return ForgetRequest(kind, len(behind), whole, len(ids), len(records) - len(ids), first, last, ids)


def refuse_small_batch(request: ForgetRequest, *, smallest_batch: int, deadline_days: float, allow_small_batch: bool) -> None:
    """Raises SettingsError with a plan when fewer than `smallest_batch` users stand behind a request that is not allowed knowingly.

    It holds for every method: what a model loses between two versions tells what was erased, by retraining and by an exact closed form
    too.
    """
    if isinstance(smallest_batch, bool) or not isinstance(smallest_batch, int) or smallest_batch < 1:
        raise SettingsError(f"smallest_batch must be a whole number >= 1, got {smallest_batch!r}")
    if not deadline_days > 0:
        raise SettingsError(f"deadline_days must be > 0, got {deadline_days}")
    if allow_small_batch or request.n_users >= smallest_batch:
        return
    n, day = request.n_users, latest_day(deadline_days)
    whom = "this user" if n == 1 else "these users"
    raise SettingsError(
        f"the request concerns {n} {_users(n)}, fewer than smallest_batch={smallest_batch}: whoever holds the model from before and the "
        "one from after can read off what so few had, whatever the method. Choose one: "
        f"(1) wait: stop serving {whom} now, collect requests until they concern {smallest_batch} users, and forget them together on day "
        f"{day} of {deadline_days:g} at the latest; "
        "(2) retrain now, by method='retrain' with allow_small_batch=True, and withdraw every copy of the model from before; "
        "(3) allow it knowingly, by allow_small_batch=True, where nobody ever holds both models"
    )


def latest_day(deadline_days: float) -> int:
    """Returns the last day on which a batch is still carried out in time: one in ten days before the deadline, at least one, are kept."""
    return max(0, int(deadline_days - max(1.0, deadline_days / 10)))


def _of_users(records: InteractionLog, keys: Any) -> tuple[Ids, Any]:
    codes = records.user_keys.known_codes(keys, "user")
    if len(codes) == 0:
        raise SettingsError("users=[] names nobody: name one user or more")
    return records.ids_of_users(codes), codes


def _of_items(records: InteractionLog, keys: Any) -> tuple[Ids, Any]:
    codes = records.item_keys.known_codes(keys, "item")
    if len(codes) == 0:
        raise SettingsError("items=[] names nothing: name one item or more")
    return records.ids[np.isin(records.item, codes)], None


def _of_pairs(records: InteractionLog, pairs: Any) -> tuple[Ids, Any]:
    """All records of each pair; a pair that is not among the records is refused."""
    if isinstance(pairs, pd.DataFrame):
        if missing := {"user", "item"} - set(pairs.columns):
            raise SettingsError(f"interactions needs the columns user and item, it lacks {' and '.join(sorted(missing))}")
        user_keys, item_keys = pairs["user"], pairs["item"]
    else:
        listed = [tuple(pair) if not isinstance(pair, str) else (pair,) for pair in pairs]
        if wrong := [pair for pair in listed if len(pair) != 2]:
            raise SettingsError(f"interactions must be pairs (user, item), got one of {len(wrong[0])}: write [(user, item), ...]")
        user_keys, item_keys = [user for user, _ in listed], [item for _, item in listed]
    users, items = records.user_keys.known_codes(user_keys, "user"), records.item_keys.known_codes(item_keys, "item")
    if len(users) == 0:
        raise SettingsError("interactions=[] names nothing: name one pair or more")
    asked = users * records.n_items + items
    there = records.user.astype(np.int64) * records.n_items + records.item
    if missing_at := np.flatnonzero(~np.isin(asked, there)).tolist():
        first = ", ".join(f"({list(user_keys)[i]!r}, {list(item_keys)[i]!r})" for i in missing_at[:3])
        raise DataError(
            f"{len(missing_at)} of {len(asked)} interactions are not among those that the model was trained on, the first {first}: "
            "leave them out"
        )
    return records.ids[np.isin(there, asked)], users


def _of_category(records: InteractionLog, category: Any) -> tuple[Ids, Any]:
    from r2u_rec.simulation.requests import items_of

    if not isinstance(category, tuple) or len(category) not in (2, 3) or not all(isinstance(part, str) for part in category):
        raise SettingsError(
            f"category must be (column, value) or (column, value, separator), all text, got {type(category).__name__}: such as "
            "('genre', 'Horror'), where the entries of a column stand with spaces between them"
        )
    column, value, separator = (*category, " ")[:3]
    return records.ids[items_of(records, value, column, separator)[records.item]], None


def _of_window(records: InteractionLog, window: Any) -> tuple[Ids, Any]:
    if not isinstance(window, tuple) or len(window) != 2:
        raise SettingsError(f"window must be (start, end), got {window!r}: start <= time < end, None leaves a side open")
    if records.time is None:
        raise DataError(
            "a window of time is asked for, and the model was trained on interactions without time: read them with a time column"
        )
    start, end = (_seconds(side) for side in window)
    if start is None and end is None:
        raise SettingsError("window=(None, None) is open on both sides: name a start or an end")
    if start is not None and end is not None and not start < end:
        raise SettingsError(f"window must start before it ends, got {window[0]!r} to {window[1]!r}")
    inside = np.ones(len(records), dtype=bool)
    if start is not None:
        inside &= records.time >= start
    if end is not None:
        inside &= records.time < end
    return records.ids[inside], None


def _seconds(side: Any) -> int | None:
    """Returns seconds since 1970-01-01 UTC; a time without a zone is taken for UTC."""
    if side is None:
        return None
    if isinstance(side, int | np.integer) and not isinstance(side, bool):
        return int(side)
    if isinstance(side, str | dt.date):
        try:
            stamp = pd.Timestamp(side)
        except ValueError:
            raise SettingsError(f"{side!r} is no time: write 2015-03-01 or 2015-03-01 12:00:00") from None
        if not pd.isna(stamp):
            return int((stamp if stamp.tzinfo is not None else stamp.tz_localize("UTC")).timestamp())
    raise SettingsError(f"a side of a window must be seconds, a date or its text, got {side!r}")


def _users(n: int) -> str:
    return "user" if n == 1 else "users"

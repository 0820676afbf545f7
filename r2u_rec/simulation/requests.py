"""Requests of erasure: the user, what is to be erased, the due time, and the records concerned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.ids import Ids
from r2u_rec.suggest import choices, suggest

KINDS = ("user", "interaction", "item", "category", "window")
_FIELDS = ("user", "item", "category", "since", "until")
_NEEDED = {"user": ("user",), "interaction": ("user", "item"), "item": ("item",), "category": ("category",), "window": ()}
_TYPES: dict[str, tuple[Any, str]] = {"category": (str, "text"), "since": (int, "an integer"), "until": (int, "an integer")}
_OPTIONAL = {"window": ("user", "since", "until")}


@dataclass(frozen=True)
class Request:
    """One request, as it was received. Which records it concerns is settled when it is carried out (`ids_of`).

    Attributes:
        number: unique, ascending in order of receipt.
        received: seconds since 1970-01-01 UTC.
        kind: "user" (all records of a user), "interaction" (one item of a user), "item" (all records of an item),
            "category" (all records of the items of a category), "window" (records of a time).
        user: user_key of a user, an interaction or a window; a window of None is one of everybody.
        item: item_key of an interaction or an item.
        category: one entry of the category column.
        since, until: the window since <= time < until, in seconds since 1970-01-01 UTC; None leaves that side open.

    Raises:
        ValueError: number or received is no integer >= 0; a field that the kind needs is missing, or one is given that it has no
            use for; a key is no integer and no text; the window is empty or open on both sides.
    """

    number: int
    received: int
    kind: str
    user: Any = None
    item: Any = None
    category: str | None = None
    since: int | None = None
    until: int | None = None

    def __post_init__(self) -> None:
        for name in ("number", "received", "user", "item", "since", "until"):
            value = getattr(self, name)
            if isinstance(value, np.integer):
                object.__setattr__(self, name, int(value))
        for name, value in (("number", self.number), ("received", self.received)):
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"{name} must be an integer >= 0, got {value!r}: times are whole seconds since 1970-01-01 UTC")
        fault = fault_of(self.kind, {name: getattr(self, name) for name in _FIELDS})
        if fault:
            raise ValueError(f"request {self.number}: {fault}")

    @property
    def due(self) -> int:
        """One calendar month after receipt, in seconds: the same day and time of the next month, or the last day it has.

        Source: GDPR Article 12(3), and Regulation 1182/71, Article 3(2)(c) for the end of the month. UTC stands for local
        time, and a due day that is a holiday is not put off.
        """
        received = pd.Timestamp(self.received, unit="s")
        return int((received + pd.DateOffset(months=1)).timestamp())


def fault_of(kind: Any, fields: dict[str, Any]) -> str | None:
    """Returns what is wrong with a request of `kind` whose `fields` (None where absent) are these, or None if nothing is."""
    if kind not in KINDS:
        return f"kind must be one of {', '.join(KINDS)}, got {kind!r}{suggest(kind, KINDS)}"
    needed = _NEEDED[kind]
    for name in _FIELDS:
        value = fields.get(name)
        if value is None and name in needed:
            return f"{name} is missing: a request of kind {kind!r} needs it"
        if value is not None and name not in needed + _OPTIONAL.get(kind, ()):
            return f"{name} is {value!r}, and a request of kind {kind!r} has no {name}: leave it empty, or change the kind"
        kinds, words = _TYPES.get(name, (int | str, "an integer or text"))
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            return f"{name} is {value!r} ({type(value).__name__}), it must be {words}"
    since, until = fields.get("since"), fields.get("until")
    if kind == "window":
        if since is None and until is None:
            return "since and until are both missing: a window needs at least one of them; to erase a whole user, use kind 'user'"
        if since is not None and until is not None and not since < until:
            return f"since must be earlier than until, got {since} and {until}"
    return None


def ids_of(request: Request, log: InteractionLog, *, categories: str | None = None, separator: str = " ") -> Ids:
    """Returns the records of `log` that `request` concerns now; empty if none are left.

    A log does not distinguish a forgotten key from one that never existed: an unknown key is an error as long as the log has
    forgotten no key, and concerns no records afterwards.

    Args:
        categories: the column of the item information that holds the categories; needed for requests of a category.
        separator: between the entries of that column; "" if it holds one category each.

    Raises:
        DataError: the user or item was never known; no item has the category; a window is asked for and the log has no time.
        SettingsError: `categories` is missing or names no column; the category holds the separator.
    """
    rows = np.ones(len(log), dtype=bool)
    if request.user is not None:
        rows &= log.user == _code(log.user_keys, request.user, request, "user")
    if request.item is not None:
        rows &= log.item == _code(log.item_keys, request.item, request, "item")
    if request.category is not None:
        rows &= items_of(log, request.category, categories, separator)[log.item]
    if request.kind == "window":
        if log.time is None:
            raise DataError(f"request {request.number} is for a window of time, and the log has no time: read it with a time column")
        if request.since is not None:
            rows &= log.time >= request.since
        if request.until is not None:
            rows &= log.time < request.until
    return log.ids[rows]


def _code(keys: Vocabulary, key: Any, request: Request, role: str) -> int:
    """The code of `key`, -1 if it may have been forgotten; DataError if it cannot."""
    code = keys.code(key)
    if code is None and not keys.empty:
        raise DataError(
            f"request {request.number} names the {role} {key!r}, who is not in the data: give the key as it stands in the {role} column"
            if role == "user"
            else f"request {request.number} names the item {key!r}, which is not in the data: give the key as it stands in the item column"
        )
    return -1 if code is None else code


def items_of(log: InteractionLog, category: str, categories: str | None, separator: str = " ") -> NDArray[np.bool_]:
    """Returns (n_items,) whether each item has the entry `category` in the column `categories`; errors as in `ids_of`."""
    column = category_column(log, categories)
    if separator and separator in category:
        raise SettingsError(
            f"the category {category!r} holds {separator!r}, which separates the entries of {categories!r}: pass another separator"
        )
    text = column.astype("str")
    if separator:
        found = (separator + text + separator).str.contains(separator + category + separator, regex=False)
    else:
        found = text == category
    mask: NDArray[np.bool_] = found.to_numpy(dtype=bool, na_value=False)
    if not mask.any():
        there = sorted(entries_of(column, separator))
        raise DataError(f"no item has the category {category!r} in the column {categories!r}{choices(category, there)}")
    return mask


def category_column(log: InteractionLog, categories: str | None) -> pd.Series[Any]:
    """Returns the column `categories` of the item information; SettingsError when it is not there."""
    if categories is None:
        raise SettingsError("a request of a category needs the column that holds the categories of the items: pass categories=NAME")
    if log.item_info is None:
        raise SettingsError(f"categories={categories!r} needs item information, and the log has none: read the item file too")
    if categories not in log.item_info.columns:
        there = choices(categories, log.item_info.columns)
        raise SettingsError(f"categories={categories!r} is not a column of the item information{there}")
    return log.item_info[categories]


def entries_of(column: pd.Series[Any], separator: str) -> set[str]:
    """Returns the distinct entries of a column of categories."""
    values = column.dropna().astype("str")
    entries = values.str.split(separator).explode() if separator else values
    return {entry for entry in entries.tolist() if isinstance(entry, str) and entry}

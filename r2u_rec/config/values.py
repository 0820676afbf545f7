"""From text or YAML values to the type of a key; what does not fit is refused with value, key and what it takes."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args, get_origin

import yaml

from r2u_rec.config.errors import UsageError
from r2u_rec.config.keys import Key, alternatives, described, takes_list
from r2u_rec.suggest import suggest

MISSING = object()


def from_text(key: Key, text: str) -> Any:
    """Returns the value that a flag's text means; lists may be written a,b,c.

    Raises:
        UsageError: the text does not fit the key.
    """
    if takes_list(key.hint) and text != "null" and text not in _words(key.hint):
        text = text[1:-1] if text.startswith("[") and text.endswith("]") else text
        parts: Any = [part.strip() if part.strip() != part else part for part in text.split(",")] if text else []
        return fitted(key, [_scalar(part, key.hint) for part in parts], text)
    if str in alternatives(key.hint) and text != "null":
        return fitted(key, text, text)
    return fitted(key, _scalar(text, key.hint), text)


def fitted(key: Key, value: Any, given: object = MISSING) -> Any:
    """Returns the value in the type of the key, lists as tuples.

    Raises:
        UsageError: it does not fit.
    """
    for kind in alternatives(key.hint):
        found = _as(kind, value)
        if found is not MISSING:
            return found
    got = value if given is MISSING else given
    raise UsageError(f"{key.name} takes {described(key.hint)}, got {got!r}{suggest(got, _words(key.hint))}")


def _scalar(text: str, hint: Any) -> Any:
    """Returns a YAML scalar as the text reads; text that is no number, boolean or null stays text."""
    if text == "null" and type(None) in alternatives(hint):
        return None
    members = [each for kind in alternatives(hint) for each in (get_args(kind) if get_origin(kind) is tuple else (kind,))]
    if str in members and not {int, float, bool} & set(members):
        return text
    if text in _words(hint):
        return text
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return text if isinstance(value, (dict, list)) and not text.startswith("[") else value


def _words(hint: Any) -> list[str]:
    return [str(each) for kind in alternatives(hint) for each in (get_args(kind) if get_origin(kind) is Literal else ())]


def _as(kind: Any, value: Any) -> Any:
    """Returns the value as `kind`, or `MISSING` when it is none."""
    if get_origin(kind) is Literal:
        return next((each for each in get_args(kind) if each == value and type(each) is type(value)), MISSING)
    if get_origin(kind) is tuple:
        return _as_tuple(get_args(kind), value)
    if kind is type(None):
        return None if value is None else MISSING
    if kind is bool:
        return value if isinstance(value, bool) else MISSING
    if kind is int:
        whole = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        return value if whole else MISSING
    if kind is float:
        number = _number(value)
        return MISSING if number is None or math.isnan(number) else number
    if kind is str:
        return value if isinstance(value, str) else str(value) if _plain_number(value) else MISSING
    return value if isinstance(value, kind) else MISSING


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return None
    try:  # YAML reads 1e-5 as text
        return float(value) if isinstance(value, str) and value[:1] in "+-.0123456789" and value.strip() == value else None
    except ValueError:
        return None


def _plain_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _as_tuple(each: tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        return MISSING
    if each[-1] is not ... and len(value) != len(each):
        return MISSING
    kinds = [each[0]] * len(value) if each[-1] is ... else list(each)
    found = [_as(kind, one) for kind, one in zip(kinds, value, strict=True)]
    return MISSING if any(one is MISSING for one in found) else tuple(found)

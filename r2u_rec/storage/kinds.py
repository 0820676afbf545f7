"""Which class stands behind each name in a stored folder; nothing is ever imported because a file says so."""

from __future__ import annotations

from importlib import import_module
from typing import TypeVar

from r2u_rec.core.stored import Stored
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.registry.tables import STORED

C = TypeVar("C", bound=type[Stored])

_OTHERS: dict[str, type[Stored]] = {}


def stored(kind: C) -> C:
    """Registers a class of your own under its `stored_as`, for the rest of the process; a class decorator.

    Raises:
        SettingsError: the class lacks `stored_as`, `parts` or `from_parts`, or another class has the name.
    """
    missing = [name for name in ("stored_as", "parts", "from_parts") if not hasattr(kind, name)]
    if missing:
        raise SettingsError(f"{kind.__name__} has no {' and no '.join(missing)}: what is stored says what it keeps")
    if kind.stored_as in STORED or _OTHERS.get(kind.stored_as, kind) is not kind:
        raise SettingsError(f"there is a stored class {kind.stored_as!r} already: give {kind.__name__} another stored_as")
    _OTHERS[kind.stored_as] = kind
    return kind


def class_of(name: str) -> type[Stored]:
    """Returns the class that is stored under `name`; DataError when this process knows none."""
    if name in _OTHERS:
        return _OTHERS[name]
    if name not in STORED:
        raise DataError(
            f"the folder holds a part of the unknown kind {name!r}: read it with the version that wrote it, or import first what registers "
            "it"
        )
    module, _, attribute = STORED[name].partition(":")
    found: type[Stored] = getattr(import_module(module), attribute)
    return found


def kind_of(value: object) -> str:
    """Returns the name under which an object is stored; DataError when it is none that could be read again."""
    name = getattr(type(value), "stored_as", None)
    known = isinstance(name, str) and (name in STORED or name in _OTHERS)
    if not isinstance(value, Stored) or not known or class_of(str(name)) is not type(value):
        raise DataError(
            f"a {type(value).__name__} cannot be written to a folder: give its class stored_as, parts and from_parts, and register it "
            "with r2u_rec.storage.stored"
        )
    return str(name)

"""The message on a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown_name(what: str, name: str, known: Iterable[str]) -> str:
    """Returns "unknown WHAT 'NAME'; did you mean X? there are ..."."""
    there = list(known)
    near = difflib.get_close_matches(name, there, n=1)
    return f"unknown {what} {name!r}" + (f"; did you mean {near[0]}?" if near else "") + f"; there are {', '.join(there)}"

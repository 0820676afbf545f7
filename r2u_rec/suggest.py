"""The hint that ends a message about a name nobody knows: "did you mean ...?" and the names there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_NAMES = 25  # in one message; a longer list ends in "..."


def suggest(name: object, known: Iterable[object], *, cutoff: float = 0.6) -> str:
    """Returns "; did you mean 'z'?" for the known name nearest to `name`, or "" when none is near.

    Dotted names are compared whole first and by their last parts then, so that `embedding_dim` finds `model.embedding_dim`.

    Args:
        name: what was given.
        known: the names that would have been right, as text or anything whose text is meant.
        cutoff: similarity in [0, 1] below which nothing is suggested, as in `difflib.get_close_matches`.
    """
    text, names = str(name), [str(each) for each in known]
    near = difflib.get_close_matches(text, names, n=1, cutoff=cutoff)
    if not near:
        by_end = {each.rpartition(".")[2]: each for each in names}
        near = [by_end[end] for end in difflib.get_close_matches(text.rpartition(".")[2], by_end, n=1, cutoff=cutoff)]
    return f"; did you mean {near[0]!r}?" if near else ""


def choices(name: object, known: Iterable[object], *, cutoff: float = 0.6) -> str:
    """Returns "; did you mean 'z'? there are a, b, c", or "; there are a, b, c" when nothing is near."""
    names = [str(each) for each in known]
    hint = suggest(name, names, cutoff=cutoff)
    there = ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
    return f"{hint or ';'} there are {there or 'none'}"


def unknown(what: str, name: object, known: Iterable[object]) -> str:
    """Returns the message "unknown WHAT 'y'; did you mean 'z'? there are a, b, c"."""
    return f"unknown {what} {name!r}{choices(name, known)}"

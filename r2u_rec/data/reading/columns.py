"""Which column of a source plays which role: user, item, time, rating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from r2u_rec.errors import DataError
from r2u_rec.suggest import suggest

ROLES = ("user", "item", "time", "rating")
AUTO: Mapping[str, tuple[str, ...]] = {
    "user": ("user_id", "user", "userId", "userID", "user_idx"),
    "item": ("item_id", "item", "itemId", "itemID", "movieId", "artistID", "item_idx"),
    "time": ("timestamp", "time"),
    "rating": ("rating",),
}
"""Names looked for, in this order, where a role is left at "auto"."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns to read.

    Attributes:
        user, item: a name, or "auto" for the first of `AUTO` that is there.
        time, rating: the same, or None to leave the column out; with "auto" they may be absent.
    """

    user: str = "auto"
    item: str = "auto"
    time: str | None = "auto"
    rating: str | None = "auto"

    def among(self, names: Sequence[str], source: str) -> dict[str, str]:
        """Returns {role: name} for the roles that are read; DataError when a named or a needed column is not in `names`."""
        twice = {name for name in names if names.count(name) > 1}
        chosen: dict[str, str] = {}
        for role in ROLES:
            wanted = getattr(self, role)
            if wanted is None:
                continue
            found = next((name for name in (AUTO[role] if wanted == "auto" else (wanted,)) if name in names), None)
            if found is None and (wanted != "auto" or role in ("user", "item")):
                raise DataError(_missing(source, role, wanted, names))
            if found in twice:
                raise DataError(f"{source} has the column {found!r} {names.count(found)} times: rename all but one")
            if found is not None:
                chosen[role] = found
        return chosen


def _missing(source: str, role: str, wanted: str, names: Sequence[str]) -> str:
    tried = f"none of {', '.join(AUTO[role])}" if wanted == "auto" else f"no column {wanted!r}"
    there = ", ".join(repr(name) for name in names[:20]) + (", ..." if len(names) > 20 else "")
    if wanted != "auto":
        tried += suggest(wanted, names).replace("; ", ", ")
    remedy = f"pass {role}=NAME (--data.{role} NAME on the command line), and the separator if the columns look wrong"
    return f"{source} has {tried} for the {role}; its columns are {there}: {remedy}"

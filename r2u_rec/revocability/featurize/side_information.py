"""A named column of the side information, or an error that names the nearest one."""

from __future__ import annotations

import difflib

import pandas as pd

from r2u_rec.errors import SettingsError


def side_column(info: pd.DataFrame | None, name: str, *, setting: str, kind: str, remedy: str) -> pd.Series:
    """Returns the column `name` of `info`.

    Args:
        info: side information of the users or the items, or None when the log has none.
        name: the column.
        setting: name of the setting that asked for it, for the message.
        kind: "user" or "item", for the message.
        remedy: what to do instead when there is no side information.

    Raises:
        SettingsError: there is no side information, or no such column.
    """
    if info is None:
        raise SettingsError(f"{setting}={name!r} needs {kind} information, and the log has none: read the {kind} file too, or {remedy}")
    if name not in info.columns:
        names = [str(column) for column in info.columns]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names) or 'none'}"
        raise SettingsError(f"{setting}={name!r} is not a column of the {kind} information: {hint}")
    return info[name]

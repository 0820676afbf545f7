"""A named column of the side information, or an error that names the nearest one."""

from __future__ import annotations

import pandas as pd

from r2u_rec.errors import SettingsError
from r2u_rec.suggest import choices


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
        raise SettingsError(f"{setting}={name!r} is not a column of the {kind} information{choices(name, info.columns)}")
    return info[name]

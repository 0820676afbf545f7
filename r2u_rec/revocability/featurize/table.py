"""All raw parts of the scorers side by side, one row a user."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from ibis.expr.types import Table
from numpy.typing import ArrayLike, NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.revocability.featurize.assembly import missing_columns, user_table
from r2u_rec.revocability.featurize.records import RecordTables, opened_records
from r2u_rec.revocability.featurize.settings import FeatureSettings as FeatureSettings
from r2u_rec.revocability.featurize.sides import Sides, sides_of_log, sides_of_records
from r2u_rec.suggest import unknown

COLUMNS: Mapping[str, str] = {
    "n_records": "records",
    "n_items": "different items",
    "active_days": "different days (UTC) with a record",
    "sessions": "runs of records without a pause longer than the session gap",
    "recent_intensity": "records a day in the last `recent_days` days before now",
    "inactive_seconds": "seconds from the last record to now",
    "span_days": "days of the calendar from the first record to the last",
    "age_days": "days of the calendar from the first record to now",
    "drift_z": "how far the taste moved between the halves of the history, in standard deviations of the user's own random halves",
    "stability": "minus the burstiness of the gaps between active days: 1 as regular as a clock, 0 at random, -1 all in one burst",
    "p_alive": "probability that the user still takes part (BG/NBD)",
    "surprisal": "bits: sum over the user's rarest items of -log2(share of users who have the item)",
    "crowd": "users, oneself included, who have all of the user's rarest items",
    "sensitive_records": "records in the configured sensitive categories or of the sensitive items",
    "sensitive_share": "their share of the user's records",
    "profile_share": "share of the profile fields that are filled",
    "rated_share": "share of the records with an explicit rating",
    "rating_deviation": "mean |rating - mean rating of the item|, in the ratings' unit",
}
"""Every column that `features` may have, and its meaning with the unit."""


def features(
    log: InteractionLog,
    settings: FeatureSettings | None = None,
    *,
    only: Collection[str] | None = None,
    vectors: ArrayLike | None = None,
    threads: int = 2,
    memory_gb: float = 3.0,
) -> pd.DataFrame:
    """Returns one row a user code (index "user" = code, all codes; NaN for users without records), a float64 column per raw part.

    Args:
        log: of any kind; columns that it cannot give are absent.
        settings: thresholds and the like; the defaults when None.
        only: names of `COLUMNS` to compute; None is all.
        vectors: (n_items, dim) of the items, for a drift by cluster or embedding; made of co-occurrences when None.
        threads, memory_gb: of the embedded engine.

    Returns:
        a frame whose columns are a subset of `COLUMNS`, in that order; `frame.attrs["absent"]` is a dict from each column that is
        missing to the reason, as a sentence.

    Raises:
        DataError: the log has no records.
        SettingsError: `only` names no such column; a setting names something that is not in the data.
    """
    with opened_records(log, threads=threads, memory_gb=memory_gb) as records:
        table, absent = feature_table(records, settings, only=only, sides=sides_of_log(log, vectors))
        frame = pd.DataFrame(_arrays(table, log.n_users), index=pd.RangeIndex(log.n_users, name="user"))
    frame.attrs["absent"] = absent
    return frame


def feature_table(
    records: RecordTables, settings: FeatureSettings | None = None, *, only: Collection[str] | None = None, sides: Sides | None = None
) -> tuple[Table, dict[str, str]]:
    """Returns the features of any records as a table of their engine, and why each column that is missing is.

    Args:
        records: `records_of` a Parquet file or of a table of any engine.
        settings, only: as `features`.
        sides: `sides_of_records`, with the side information there is; none when None.

    Returns:
        a table with `user`, the user's key as in the records, and a subset of `COLUMNS`; and the dict of reasons.

    Raises:
        SettingsError: as `features`.
    """
    s = settings or FeatureSettings()
    names = _checked(only)
    sides = sides_of_records(records) if sides is None else sides
    errors = {name: error for name, error in missing_columns(records, sides, s).items() if name in names}
    table = user_table(records, sides, s, [name for name in names if name not in errors], unfitted=errors)
    table = table.select("user", *(name for name in COLUMNS if name in table.columns))
    return with_keys(table, records), {name: str(errors[name]) for name in COLUMNS if name in errors}


def parts(
    log: InteractionLog,
    columns: Collection[str],
    settings: FeatureSettings | None = None,
    *,
    vectors: ArrayLike | None = None,
    threads: int = 2,
) -> dict[str, NDArray[np.float64]]:
    """Returns (n_users,) arrays of those `COLUMNS` of a log, all of them; NaN for users without records.

    Raises:
        DataError, SettingsError: the log, or the settings, cannot give one of them; the error says what is missing.
    """
    s = settings or FeatureSettings()
    with opened_records(log, threads=threads) as records:
        sides = sides_of_log(log, vectors)
        for name, error in missing_columns(records, sides, s).items():
            if name in columns:
                raise error
        return _arrays(user_table(records, sides, s, columns), log.n_users)


def with_keys(table: Table, records: RecordTables) -> Table:
    """Returns a table of user codes with the users' keys instead."""
    if records.user_keys is None:
        return table.mutate(user=table.user.cast("int64"))
    joined = table.inner_join(records.user_keys, table.user == records.user_keys.code)
    return joined.select(user=joined.key, **{name: joined[name] for name in table.columns if name != "user"})


def _checked(only: Collection[str] | None) -> list[str]:
    for name in only or ():
        if name not in COLUMNS:
            raise SettingsError(unknown("feature", name, COLUMNS))
    return [name for name in COLUMNS if only is None or name in only]


def _arrays(table: Table, n_users: int) -> dict[str, NDArray[np.float64]]:
    """(n_users,) arrays of the columns of a table of user codes; NaN for users who are not in it."""
    found = table.to_pyarrow()
    user = found["user"].to_numpy()
    out = {}
    for name in COLUMNS:
        if name in found.column_names:
            out[name] = np.full(n_users, np.nan)
            out[name][user] = found[name].to_numpy()
    return out

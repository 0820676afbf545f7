"""Each user's records in order of time, and what can be counted of them, as relational expressions."""

from __future__ import annotations

import ibis
import numpy as np
from ibis.expr.types import IntegerValue, Table, Value
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError
from r2u_rec.revocability.featurize.portable_hash import MODULUS

DAY_SECONDS = 86_400

NO_TIME = (
    "this scorer needs the time of each interaction, and {what} has no time column: name the time column when reading the data, "
    "or use a scorer that needs none (uniqueness, crowd, supplied, uniform)"
)


def placed(records: Table, lengths: Table) -> Table:
    """Returns the records in order of time.

    Records of the same second come in an order that depends on the items alone, and on neither their codes' order nor that of
    the table: ties are broken by a permutation of the codes, so that no engine and no file decides who drifted.

    Args:
        records: user, item and time.
        lengths: see `counts`.

    Returns:
        user, item, time, n (the user's records), place (1 is the user's first) and before (the time of the user's record before
        it, or empty).
    """
    known = records.inner_join(lengths.select("user", n=lengths.n_records.cast("int64")), "user")
    mixed = known.item.cast("int64") * 742_938_285 % MODULUS
    mine = ibis.window(group_by=known.user, order_by=[known.time, mixed])
    return known.select("user", "item", "time", "n", place=ibis.row_number().over(mine) + 1, before=known.time.lag().over(mine))


def counts(records: Table) -> Table:
    """Returns one row a user: n_records."""
    return records.group_by("user").aggregate(n_records=records.count().cast("float64"))


def spans(records: Table, *, now: int, recent_days: int) -> Table:
    """Returns one row a user: n_records, inactive_seconds, span_days and age_days (days of the calendar), recent_intensity."""
    return records.group_by("user").aggregate(**_spans(records, now=now, recent_days=recent_days))


def visits(placed: Table, *, now: int, recent_days: int, session_gap_seconds: int) -> Table:
    """Returns one row a user: the columns of `spans`, and active_days, sessions and stability.

    Stability is minus the burstiness of the n gaps between active days: with r the gaps' standard deviation (of all, not of a
    sample) over their mean, A_n(r) = (sqrt(n + 1) r - sqrt(n - 1)) / ((sqrt(n + 1) - 2) r + sqrt(n - 1)); 0 with fewer than 2 gaps.
    """
    days = day(placed.time) - day(placed.before)  # empty for a user's first record
    summed = placed.group_by("user").aggregate(
        **_spans(placed, now=now, recent_days=recent_days),
        active_days=(placed.before.isnull() | (days > 0)).cast("float64").sum(),
        sessions=(placed.before.isnull() | (placed.time - placed.before > session_gap_seconds)).cast("float64").sum(),
        squares=(days * days).cast("float64").sum(),
    )
    n = summed.active_days - 1
    some = ibis.ifelse(n >= 2, n, 2.0)
    mean = ibis.ifelse(n >= 2, summed.span_days / some, 1.0)
    r = ibis.greatest(summed.squares.coalesce(0.0) / some - mean * mean, 0.0).sqrt() / mean
    burstiness = ((some + 1).sqrt() * r - (some - 1).sqrt()) / (((some + 1).sqrt() - 2) * r + (some - 1).sqrt())
    return summed.mutate(stability=ibis.ifelse(n >= 2, -burstiness, 0.0)).drop("squares")


def _spans(records: Table, *, now: int, recent_days: int) -> dict[str, Value]:
    first, last = records.time.min(), records.time.max()
    recent = (records.time > now - recent_days * DAY_SECONDS).cast("float64").sum()
    return {
        "n_records": records.count().cast("float64"),
        "inactive_seconds": (now - last).cast("float64"),
        "span_days": (day(last) - day(first)).cast("float64"),
        "age_days": (now // DAY_SECONDS - day(first)).cast("float64"),
        "recent_intensity": recent / recent_days,
    }


def day(time: IntegerValue) -> IntegerValue:
    """Returns the number of the day (UTC) since 1970-01-01; times before it are ordinary times."""
    return time // DAY_SECONDS


def times_of(log: InteractionLog) -> NDArray[np.int64]:
    """Returns the time column of a log that has records.

    Raises:
        DataError: the log has no time column, or no records.
    """
    if log.time is None:
        raise DataError(NO_TIME.format(what=f"the log of {len(log)} records"))
    if len(log) == 0:
        raise DataError("nobody can be scored: the log has 0 records; read data with at least one interaction")
    return log.time

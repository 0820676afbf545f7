"""How much a person discloses: filled profile fields, explicit ratings, and ratings that differ from everybody's."""

from __future__ import annotations

import ibis
from ibis.expr.types import FloatingColumn, Table

_GRID = 6144.0  # 1.5 * 2**12: adding and subtracting it rounds to multiples of 2**-40, whose sums are the same in any order


def rated(records: Table) -> Table:
    """Returns one row a user: rated_share, the share of the records with an explicit rating (neither empty nor NaN)."""
    return records.group_by("user").aggregate(rated_share=_is_rated(records.rating).cast("float64").mean())


def item_ratings(records: Table) -> Table:
    """Returns one row a rated item: total, n of its ratings; add them up over chunks before use."""
    some = records.filter(_is_rated(records.rating))
    return some.group_by("item").aggregate(total=some.rating.cast("float64").sum(), n=some.count())


def rating_deviation(records: Table, item_ratings: Table) -> Table:
    """Returns one row a user with ratings: `rating_deviation`, the mean of |rating - mean rating of the item|, in the ratings' unit."""
    some = records.filter(_is_rated(records.rating)).inner_join(item_ratings, "item")
    apart = (some.rating.cast("float64") - some.total / some.n).abs()
    return some.group_by("user").aggregate(rating_deviation=((apart + _GRID) - _GRID).sum() / some.count())


def profile_share(profiles: Table) -> Table:
    """Returns one row a user: profile_share, the share of the columns but `user` that are neither empty nor blank text."""
    fields = [profiles[name] for name in profiles.columns if name != "user"]
    given = [_is_filled(field).cast("float64") for field in fields]
    return profiles.select("user", profile_share=sum(given[1:], given[0]) / len(given))


def _is_rated(rating: FloatingColumn) -> ibis.expr.types.BooleanColumn:
    return rating.notnull() & ~rating.isnan()


def _is_filled(field: ibis.expr.types.Column) -> ibis.expr.types.BooleanValue:
    if field.type().is_string():
        return field.notnull() & (field.strip() != "")
    if field.type().is_floating():
        return field.notnull() & ~field.isnan()
    return field.notnull()

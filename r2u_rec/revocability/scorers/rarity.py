"""How far a history identifies its user, as relational expressions: surprisal of the rarest items, and the crowd that shares them."""

from __future__ import annotations

import ibis
from ibis.expr.types import Table

from r2u_rec.errors import DataError
from r2u_rec.revocability.featurize.engine import materialize

MAX_STEPS = 2_000_000_000
"""Pairs of users that a crowd may cost: some minutes on two cores."""


def pairs(records: Table) -> Table:
    """Returns the different pairs (user, item)."""
    return records.group_by("user", "item").aggregate().select("user", "item")


def holders(pairs: Table) -> Table:
    """Returns one row an item: n_holders, the users in `pairs` who have it; to be added up over chunks of users."""
    return pairs.group_by("item").aggregate(n_holders=pairs.count())


def ranked(holders: Table) -> Table:
    """Returns the items with `rank`, from 0, the rarest; equally rare ones by their codes."""
    order = [holders.n_holders, holders.item]
    return holders.mutate(rank=ibis.row_number().over(order_by=order).cast("int32"))


def rarest(pairs: Table, ranked: Table, *, n: int) -> Table:
    """Returns each user's `n` rarest items: user, item, n_holders, and place, from 0, the rarest."""
    held = pairs.inner_join(ranked, "item").select("user", "rank")  # one small number to sort by
    held = held.mutate(place=ibis.row_number().over(group_by=held.user, order_by=held.rank))
    few = held.filter(held.place < n)
    return few.inner_join(ranked, "rank").select("user", "item", "n_holders", "place")


def surprisal(rarest: Table, *, n: int, n_users: int) -> Table:
    """Returns one row a user: surprisal, the sum over the `n` rarest items of -log2(n_holders / n_users), in bits."""
    some = rarest.filter(rarest.place < n)
    # the order in which an engine adds up logarithms is its own; of one maximum for each place there is none
    held = [ibis.ifelse(some.place == k, some.n_holders, None).max().cast("float64") for k in range(n)]
    bits = [(held_by / n_users).log2().coalesce(0.0) for held_by in held]
    return some.group_by("user").aggregate(surprisal=-sum(bits[1:], bits[0]))


def crowd_size(rarest: Table, pairs: Table, *, n: int) -> Table:
    """Returns one row a user: crowd, how many users, oneself included, have all of the user's `n` rarest items.

    Who has fewer than n items is looked for by those there are.

    Raises:
        DataError: it would walk more than `MAX_STEPS` holders of rarest items; that many are not rare.
    """
    some = rarest.filter(rarest.place < n)
    names = [f"item{k}" for k in range(n)]
    items = [ibis.ifelse(some.place == k, some.item, None).max() for k in range(n)]
    sets = some.group_by("user").aggregate(
        steps=ibis.ifelse(some.place == 0, some.n_holders, None).max(),
        **{name: item.coalesce(items[0]) for name, item in zip(names, items, strict=True)},
    )
    sets = materialize(sets)
    different = materialize(sets.group_by(names).aggregate(steps=sets.steps.max()))
    steps = different.steps.sum().to_pyarrow().as_py()
    if steps > MAX_STEPS:
        raise DataError(f"crowd would compare {steps} pairs of users, at most {MAX_STEPS}: nothing is rare here; use uniqueness")
    known = materialize(pairs.semi_join(some.select("item").distinct(), "item"))
    found = different.inner_join(known, different.item0 == known.item).select(*names, "user")
    for name in names[1:]:
        other = known.view()
        found = found.semi_join(other, [found.user == other.user, found[name] == other.item])
    sizes = found.group_by(names).aggregate(crowd=found.count().cast("float64"))
    return sets.inner_join(sizes, names).select("user", "crowd")

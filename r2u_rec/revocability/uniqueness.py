"""How far a history identifies its user, as relational expressions: surprisal of the rarest items, and the crowd that shares them."""

from __future__ import annotations

import ibis
from ibis.expr.types import Table

from r2u_rec.revocability.engine import made


def pairs(records: Table) -> Table:
    """Returns the different pairs (user, item)."""
    return records.select("user", "item").distinct()


def holders(pairs: Table) -> Table:
    """Returns one row an item: n_holders, the users in `pairs` who have it."""
    return pairs.group_by("item").aggregate(n_holders=pairs.count())


def rarest(pairs: Table, holders: Table, *, n: int) -> Table:
    """Returns each user's `n` rarest items: user, item, n_holders, place from 0, the rarest; equally rare ones by their codes."""
    held = pairs.inner_join(holders, "item")
    held = held.mutate(place=ibis.row_number().over(group_by=held.user, order_by=[held.n_holders, held.item]))
    return held.filter(held.place < n).select("user", "item", "n_holders", "place")


def surprisal(rarest: Table, *, n: int, n_users: int) -> Table:
    """Returns one row a user: surprisal, the sum over the `n` rarest items of -log2(n_holders / n_users), in bits."""
    some = rarest.filter(rarest.place < n)
    # of a sum of logarithms no engine keeps the order, of a maximum none needs to
    bits = [(float(n_users) / ibis.ifelse(some.place == k, some.n_holders, None).max()).log2().coalesce(0.0) for k in range(n)]
    return some.group_by("user").aggregate(surprisal=sum(bits[1:], bits[0]))


def crowd(rarest: Table, pairs: Table, *, n: int) -> Table:
    """Returns one row a user: crowd, how many users, oneself included, have all of the user's `n` rarest items.

    It walks the holders of each set's rarest item: many rows only where everything is common.
    """
    some = rarest.filter(rarest.place < n)
    names = [f"item{k}" for k in range(n)]
    items = [ibis.ifelse(some.place == k, some.item, None).max() for k in range(n)]
    # who has fewer than n items: the rarest again
    sets = made(some.group_by("user").aggregate(**{name: item.coalesce(items[0]) for name, item in zip(names, items, strict=True)}))
    known = made(pairs.semi_join(some.select("item").distinct(), "item"))
    found = sets.select(names).distinct()
    found = found.inner_join(known, found.item0 == known.item).select(*names, "user")
    for name in names[1:]:
        other = known.view()
        found = found.semi_join(other, [found.user == other.user, found[name] == other.item])
    sizes = found.group_by(names).aggregate(crowd=found.count().cast("float64"))
    return sets.inner_join(sizes, names).select("user", "crowd")

"""Evolving interest: did a user's taste change between the halves of the history, beyond what chance makes of it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import ibis
from ibis.expr.types import FloatingValue, IntegerValue, Table

from r2u_rec.revocability.featurize.portable_hash import portable_hash
from r2u_rec.revocability.scorers.profile import UNIT

N_HALVES = 20
"""Random halves a user: the standard deviation is known to about 1 / sqrt(2 * 20), a sixth."""

_TOLD = 1e-9  # below this standard deviation all random halves are equally far apart
_GRID = 96.0  # 1.5 * 2**6: adding and subtracting it rounds to multiples of 2**-46

Distance = Literal["jensen_shannon", "squared"]


def split_halves(placed: Table, *, n_halves: int = N_HALVES, seed: int = 0) -> Table:
    """Returns the records with `splits`: bit k says whether the record is in the first half of split k; the highest, of the true halves.

    The record at place r of the first half has a partner at place r + n // 2 (the last of an odd number has none and stays). A
    random half swaps each pair or not, by one bit of a hash of (seed, user, pair); the true halves are the case of no swap, so
    that under an unchanging taste they are one random half among others, whatever n is.

    Args:
        placed: see `history.placed`.
        n_halves: random halves a user, at most 30, the bits of the hash.
    """
    half = placed.n >> 1
    everyone = (1 << n_halves) - 1
    coins = portable_hash(seed, placed.user, ibis.ifelse(placed.place <= half, placed.place, placed.place - half))
    kept = ibis.ifelse(placed.place <= half + half, everyone, 0)
    turned = ibis.cases((placed.place <= half, everyone + 1), (placed.place <= half + half, everyone), else_=0)
    return placed.mutate(splits=(coins & kept) ^ turned)


def interest_drift(split: Table, profile: Table, *, distance: Distance, min_records: int, n_halves: int = N_HALVES) -> Table:
    """Returns one row a user with at least `min_records` records: drift_z, how far the halves are apart in standard deviations.

    Args:
        split: see `split_halves`, with the same `n_halves`.
        profile: columns item, part and weight: whole numbers of `UNIT`ths as float64, so that sums are exact in any order.
            Every item of the records has a row.
        distance: between the profiles of two halves: the Jensen-Shannon divergence in nats, each half weighted by its length
            (Lin 1991, eq. 5.1, here up to a constant of the user), for weights that are shares of parts; or the squared
            Euclidean distance of the means, for coordinates in [-1, 1].
    """
    rows = split.filter(split.n >= min_records).select("user", "item", "n", "splits").inner_join(profile, "item")
    each = range(n_halves + 1)
    parts = rows.group_by("user", "part").aggregate(
        n=rows.n.max(),
        total=rows.weight.sum(),
        **{f"first{k}": (_bit(rows.splits, k) * rows.weight).sum() for k in each},
    )
    term = _TERMS[distance]
    apart = parts.group_by("user").aggregate(**{f"apart{k}": _exact(term(parts[f"first{k}"], parts.total, parts.n)).sum() for k in each})
    nearer = [apart[f"apart{k}"] - apart[f"apart{n_halves}"] for k in range(n_halves)]  # random halves than the true ones
    squares = [x * x for x in nearer]
    mean, square = sum(nearer[1:], nearer[0]) / n_halves, sum(squares[1:], squares[0])
    sd = (ibis.greatest(square - n_halves * mean * mean, 0.0) / (n_halves - 1)).sqrt()  # of a sample
    z = ibis.ifelse(sd > _TOLD, -mean / ibis.ifelse(sd > _TOLD, sd, 1.0), 0.0)
    return apart.select("user", drift_z=z)


def _bit(bits: IntegerValue, k: int) -> IntegerValue:
    return (bits >> k) & 1


def _exact(x: FloatingValue) -> FloatingValue:
    """x < 64 on a grid of 2**-46, on which the sum over the parts is the same in any order."""
    return (x + _GRID) - _GRID


def _divergence(first: FloatingValue, total: FloatingValue, n: IntegerValue) -> FloatingValue:
    """A part's share of JS = H(whole) - h/n H(first) - (n-h)/n H(rest), without what is the same for all splits of a user."""
    whole = n.cast("float64") * UNIT
    return _x_log_x(first / whole) + _x_log_x((total - first) / whole)


def _x_log_x(x: FloatingValue) -> FloatingValue:
    return x * (x + 1e-300).ln()  # 0 for 0, and the same for every other share


def _squared(first: FloatingValue, total: FloatingValue, n: IntegerValue) -> FloatingValue:
    """A coordinate's share of the squared distance between the means of the halves."""
    half = n >> 1
    apart = (first / half - (total - first) / (n - half)) / UNIT
    return apart * apart


_TERMS: Mapping[Distance, Callable[[FloatingValue, FloatingValue, IntegerValue], FloatingValue]] = {
    "jensen_shannon": _divergence,
    "squared": _squared,
}

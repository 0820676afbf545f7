"""Record numbers: how records are named everywhere, from training to forgetting."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_rec.errors import UnknownRecordError

Ids = NDArray[np.int64]
"""Stable record numbers: unique, ascending, never positions after a filter."""

TABLE_SHARE = 16
"""A search makes a table from the lowest id to the highest when that has at most so many entries for each number sought."""

MANY_STRETCHES = 10_000
"""From here on a mask is read faster than that many pieces are joined (measured on 5 million rows)."""


def as_ids(values: Any) -> Ids:
    """Returns `values` as ascending unique record numbers; ValueError when a number occurs twice."""
    ids = np.asarray(values, dtype=np.int64).ravel()
    ordered = np.sort(ids)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if twice.size:
        raise ValueError(f"ids must be unique, got {twice.size} repeats, the first {twice[0]}: pass each id once")
    return ordered


def positions_of(ids: Ids, wanted: Ids) -> NDArray[np.int64]:
    """Returns where each of `wanted` stands in the ascending `ids`; UnknownRecordError for what is not there."""
    wanted = np.asarray(wanted, dtype=np.int64)
    if wanted.size == 0:
        return np.empty(0, dtype=np.int64)
    at, found = _looked_up(ids, wanted)
    if not found.all():
        missing = wanted[~found]
        raise UnknownRecordError(
            f"{missing.size} of {wanted.size} record ids are not among the {len(ids)} records, the first {missing[:5].tolist()}: "
            "they never existed or are already forgotten; ask for ids of the current records"
        )
    return at


def _looked_up(ids: Ids, wanted: Ids) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Returns where each of `wanted` stands in `ids`, and whether it does; for large batches by a table, three times as fast."""
    extent = int(ids[-1]) - int(ids[0]) + 1 if len(ids) else 0
    if 0 < extent <= TABLE_SHARE * wanted.size:
        table = np.full(extent + 1, -1, dtype=np.int64)  # the last entry is for numbers outside
        table[ids - ids[0]] = np.arange(len(ids))
        outside = (wanted < ids[0]) | (wanted > ids[-1])
        at = table[np.where(outside, extent, wanted - ids[0])]
        return at, at >= 0
    at = np.searchsorted(ids, wanted)
    found = at < len(ids)
    found[found] = ids[at[found]] == wanted[found]
    return at, found


def stretches_between(gone: NDArray[np.int64], n: int) -> list[slice] | list[NDArray[np.bool_]]:
    """Returns what selects the rows 0..n-1 but the ascending positions `gone`, piece by piece, to be joined in this order.

    Few rows leave long stretches that are copied whole, several times faster than a mask is read; for many there is one mask.
    """
    if len(gone) >= MANY_STRETCHES:
        left = np.ones(n, dtype=bool)
        left[gone] = False
        return [left]
    starts, ends = [0, *(gone + 1).tolist()], [*gone.tolist(), n]
    return [slice(start, end) for start, end in zip(starts, ends, strict=True) if start < end] or [slice(0, 0)]

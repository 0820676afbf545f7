"""Record numbers: how records are named everywhere, from training to forgetting."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_rec.errors import UnknownRecordError

Ids = NDArray[np.int64]
"""Stable record numbers: unique, ascending, never positions after a filter."""

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
    at = np.searchsorted(ids, wanted)
    found = at < len(ids)
    found[found] = ids[at[found]] == wanted[found]
    if not found.all():
        missing = wanted[~found]
        raise UnknownRecordError(
            f"{missing.size} of {wanted.size} record ids are not among the {len(ids)} records, the first {missing[:5].tolist()}: "
            "they never existed or are already forgotten; ask for ids of the current records"
        )
    return at


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

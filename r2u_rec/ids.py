"""Record numbers: how records are named everywhere, from training to forgetting."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_rec.errors import UnknownRecordError

Ids = NDArray[np.int64]
"""Stable record numbers: unique, ascending, never positions after a filter."""


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

"""Partitions: rules that assign each record to a part of the training, by its stable number or by a learned rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from r2u_rec.core.protocols import R, Rec, Records
from r2u_rec.errors import SettingsError
from r2u_rec.rng import stream


class Partition(Protocol[R]):
    """A rule that assigns records to parts.

    It is called as (records, n_parts, rng) and returns (n,) integers in 0..n_parts-1, one a record, in the order of `records.ids`.
    A rule without `depends_on_data` counts as dependent.
    """

    @property
    def depends_on_data(self) -> bool:
        """False only if the part of a record stays what it is whatever other records there are."""
        ...

    def __call__(self, records: R, n_parts: int, rng: np.random.Generator) -> NDArray[np.integer[Any]]: ...


@dataclass(frozen=True)
class ByRecord:
    """Assigns each record by a keyed hash of its own number; parts are even up to chance."""

    depends_on_data: ClassVar[bool] = False

    def __call__(self, records: Records, n_parts: int, rng: np.random.Generator) -> NDArray[np.int64]:
        return hashed(records.ids, n_parts, rng)


def hashed(numbers: NDArray[Any], n_parts: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Returns (n,) parts 0..n_parts-1 of 64-bit numbers: the part of a number depends on it and the key that `rng` draws alone.

    Source: the mixing function of SplitMix64 (Steele, Lea and Flood 2014), applied twice with the key between.
    """
    mixed = _mix(_mix(np.asarray(numbers).astype(np.uint64)) ^ rng.integers(2**64, dtype=np.uint64))
    return (mixed % np.uint64(n_parts)).astype(np.int64)


def depends_on_data(partition: Partition) -> bool:
    """Returns the rule's own `depends_on_data`; True when it has none."""
    return bool(getattr(partition, "depends_on_data", True))


def dealt(partition: Partition[Rec], records: Rec, n_parts: int, *, seed: int, stream_of: tuple[int | str, ...]) -> NDArray[np.int32]:
    """Returns (n,) the parts of `records` by the rule, checked.

    A rule that says that it does not depend on data is asked again about every second record alone, and must answer the same.

    Args:
        seed, stream_of: name the stream of randomness that the rule gets, the same at every call.

    Raises:
        SettingsError: not one part in range for each record, or a rule that says that it does not depend on data and does.
    """
    if n_parts == 1:
        return np.zeros(len(records), dtype=np.int32)
    parts = np.asarray(partition(records, n_parts, stream(seed, *stream_of)))
    name = type(partition).__name__
    if parts.shape != (len(records),) or parts.dtype.kind not in "iu":
        raise SettingsError(
            f"partition {name} returned {parts.dtype} of shape {parts.shape} for {len(records)} records: it must give one integer a record"
        )
    if parts.size and not 0 <= parts.min() <= parts.max() < n_parts:
        raise SettingsError(f"partition {name} named parts {parts.min()}..{parts.max()}, there are {n_parts}: parts count from 0")
    if not depends_on_data(partition):
        again = np.asarray(partition(records.keep(records.ids[::2]), n_parts, stream(seed, *stream_of)))
        if not np.array_equal(again, parts[::2]):
            raise SettingsError(
                f"partition {name} says depends_on_data=False and deals every second record otherwise when the others are gone: set it to "
                "True, forgetting is then approximate"
            )
    return parts.astype(np.int32)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))

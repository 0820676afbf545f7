"""Every user's history in order of time, as flat arrays that numpy can walk without a loop over users."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError

CHUNK_ROWS = 1 << 17
"""Rows handled at once: small enough for the processor's cache, large enough that Python's own share does not show."""


@dataclass(frozen=True, eq=False)
class Histories:
    """The rows of a log, grouped by user and ascending in time inside each group.

    Attributes:
        rows: (n,) positions in the log, int32 or int64; equal times keep the order of the log.
        start: (n_users + 1,) int64; user u owns rows[start[u]:start[u + 1]].
    """

    rows: NDArray[np.integer]
    start: NDArray[np.int64]

    def chunks(self, max_rows: int = CHUNK_ROWS) -> Iterator[tuple[int, int]]:
        """Yields ranges (first user, last user + 1) of at most `max_rows` rows, or of one user who has more."""
        first, n_users = 0, len(self.start) - 1
        while first < n_users:
            last = int(np.searchsorted(self.start, self.start[first] + max_rows, side="right")) - 1
            last = min(max(last, first + 1), n_users)
            yield first, last
            first = last


def times_of(log: InteractionLog) -> NDArray[np.int64]:
    """Returns the time column of a log that has records.

    Raises:
        DataError: the log has no time column, or no records.
    """
    if log.time is None:
        raise DataError(
            f"this scorer needs the time of each interaction, and the log of {len(log)} records has no time column: name the time column "
            "when reading the data, or use a scorer that needs none (supplied, uniform)"
        )
    if len(log) == 0:
        raise DataError("nobody can be scored: the log has 0 records; read data with at least one interaction")
    return log.time


def histories(log: InteractionLog) -> Histories:
    """Returns the histories of `log`.

    Raises:
        DataError: the log has no time column, or no records.
    """
    time = times_of(log)
    rows, start = grouped(log.user, log.n_users)
    ordered = Histories(rows, start.astype(np.int64))
    for first, last in ordered.chunks():
        here = slice(start[first], start[last])
        order = sorted_within(log.user[rows[here]], time[rows[here]])
        rows[here] = rows[here][order]
    return ordered


def grouped(group: NDArray[np.integer], n_groups: int) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """Returns the positions in order of their group, (n,), and where each group starts, (n_groups + 1,); int32 where that is enough.

    The order inside a group is kept. Transposing a sparse matrix with one entry a row is a counting sort: linear, and
    several times faster than sorting.
    """
    n = len(group)
    start = np.arange(n + 1, dtype=np.int32 if n < np.iinfo(np.int32).max else np.int64)
    members = sparse.csr_array((np.ones(n, dtype=np.int8), group, start), shape=(n, n_groups)).tocsc()
    return members.indices, members.indptr


def sorted_within(group: NDArray[np.integer], key: NDArray[np.integer]) -> NDArray[np.int64]:
    """Returns the positions that sort `key` inside each group; equal keys keep their order.

    Args:
        group: (n,) ascending integers.
        key: (n,) integers.

    Group, key and position are packed into one int64 where they fit, because sorting numbers is several times faster
    than sorting positions by two columns.
    """
    n = len(group)
    if n == 0:
        return np.empty(0, dtype=np.int64)
    low, high = int(key.min()), int(key.max())
    position_bits, key_bits = n.bit_length(), (high - low).bit_length()
    if position_bits + key_bits + int(group[-1] - group[0]).bit_length() > 63:
        return np.lexsort((key, group)).astype(np.int64)
    packed = (group - group[0]).astype(np.int64)
    packed <<= key_bits
    packed |= key.astype(np.int64) - low
    packed <<= position_bits
    packed |= np.arange(n)
    packed.sort()
    packed &= (1 << position_bits) - 1
    return packed

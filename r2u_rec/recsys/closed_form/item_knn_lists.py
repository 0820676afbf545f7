"""Lists of the nearest items: from whole-number co-occurrence counts, so that counting less equals never having counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

ENTRIES_AT_ONCE = 4_000_000
"""Counts sorted in one piece: some 200 MB."""


def cooccurrence(histories: sparse.csr_array) -> sparse.csr_array:
    """Returns (n_items, n_items) int32 CSR, X^T X of a matrix X of ones: how many users have both, an item's own count on the diagonal."""
    x = histories.astype(np.int32)
    counts = sparse.csr_array(x.T @ x)
    counts.sort_indices()
    return counts


def counted_less(counts: sparse.csr_array, old: sparse.csr_array, new: sparse.csr_array) -> sparse.csr_array:
    """Returns the counts when the histories `old` (m, n_items) have become `new`; what fell to 0 is not stored any more."""
    less = sparse.csr_array(counts - cooccurrence(old) + cooccurrence(new))  # a sparse sum stores no zeros
    less.sort_indices()
    return less


def cosine(both: NDArray[np.int32], one: NDArray[np.int32], other: NDArray[np.int32], shrinkage: float) -> NDArray[np.float64]:
    """Returns both / (sqrt(one * other) + shrinkage): the same bits from the same counts, in whatever company they are computed."""
    similarity: NDArray[np.float64] = both / (np.sqrt(one.astype(np.float64) * other) + shrinkage)
    return similarity


def nearest(
    counts: sparse.csr_array, rows: NDArray[np.int64], n_neighbours: int, shrinkage: float
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Returns (m, n_neighbours) codes and similarities of the items nearest to each of the items `rows`.

    Nearest first, equally near ones by item code. A list that has too few ends with the item itself at similarity 0.
    """
    own = counts.diagonal()
    neighbours = np.repeat(rows.astype(np.int32)[:, None], n_neighbours, axis=1)
    similarities = np.zeros(neighbours.shape)
    ends = np.cumsum(np.diff(counts.indptr)[rows])
    start = 0
    while start < len(rows):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + ENTRIES_AT_ONCE, side="right")))
        block = counts[rows[start:stop]]
        at = np.repeat(np.arange(start, stop), np.diff(block.indptr))
        keep = block.indices != rows[at]
        at, items, both = at[keep], block.indices[keep], block.data[keep]
        near = cosine(both, own[rows[at]], own[items], shrinkage)
        close = near >= _thresholds(near, np.bincount(at - start, minlength=stop - start), n_neighbours)[at - start]
        at, items, near = at[close], items[close], near[close]
        order = np.lexsort((items, -near, at))
        at, items, near = at[order], items[order], near[order]
        place = np.arange(len(at)) - np.searchsorted(at, at)
        listed = place < n_neighbours
        neighbours[at[listed], place[listed]] = items[listed]
        similarities[at[listed], place[listed]] = near[listed]
        start = stop
    return neighbours, similarities


def _thresholds(near: NDArray[np.float64], sizes: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """Returns the n-th largest value of each run of `near`, 0 where a run has fewer: spares the sort most of what it would sort."""
    ends = np.cumsum(sizes)
    found = np.zeros(len(sizes))
    for run in np.flatnonzero(sizes > n).tolist():
        found[run] = np.partition(near[ends[run] - sizes[run] : ends[run]], sizes[run] - n)[sizes[run] - n]
    return found


def stale_lists(
    counts: sparse.csr_array, lost: NDArray[np.int64], neighbours: NDArray[np.int32], similarities: NDArray[np.float64], shrinkage: float
) -> NDArray[np.int64]:
    """Returns the ascending items whose lists must be recomputed when the items `lost` lost users and `counts` are the remaining counts.

    These are the items themselves, those that list one of them (it may fall behind), and those whose list one of them enters
    now: with fewer users its cosine to an item that none of the lost users had has risen.
    """
    changed = np.zeros(counts.shape[0], dtype=bool)
    changed[lost] = True
    stale = changed | changed[neighbours].any(axis=1)
    block, own = counts[lost], counts.diagonal()
    items, others = np.repeat(lost, np.diff(block.indptr)), block.indices
    near = cosine(block.data, own[items], own[others], shrinkage)
    last, last_item = similarities[others, -1], neighbours[others, -1]
    stale[others[(near > last) | ((near == last) & (items < last_item))]] = True
    return np.flatnonzero(stale)

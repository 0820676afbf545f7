"""Sequences: who met what in which order, and the windows from which a sequential model predicts each item."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from r2u_rec.data.chronology import chronological_order
from r2u_rec.data.log import InteractionLog
from r2u_rec.ids import Ids, positions_of

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Sequences:
    """One sequence of items a row, oldest first.

    Attributes:
        items: (n,) item codes, row after row. starts: (n_rows + 1,) where each row begins.
        n_items: size of the catalogue; the code n_items stands for the beginning of every sequence.
        ids: (n,) record behind each item, ascending; places: (n,) its place 0, 1, ... in its row; rows: (n,) its row. Empty when
            the sequences come from no records.
    """

    items: Ints
    starts: Ints
    n_items: int
    ids: Ids
    places: Ints
    rows: Ints

    @property
    def lengths(self) -> Ints:
        """(n_rows,) items in each row."""
        return np.diff(self.starts)

    def without(self, rows: Any) -> Sequences:
        """Returns the sequences with `rows` emptied."""
        gone = np.zeros(len(self.lengths), dtype=bool)
        gone[np.asarray(rows, dtype=np.int64)] = True
        lengths = np.where(gone, 0, self.lengths)
        keep = ~gone[self.rows]
        return replace(
            self,
            items=self.items[~np.repeat(gone, self.lengths)],
            starts=np.concatenate([[0], np.cumsum(lengths)]),
            ids=self.ids[keep],
            places=self.places[keep],
            rows=self.rows[keep],
        )

    def holds(self, ids: Ids) -> bool:
        """Returns whether every record of `ids` stands here."""
        at = np.minimum(np.searchsorted(self.ids, ids), max(len(self.ids) - 1, 0))
        return len(self.ids) > 0 and bool((self.ids[at] == ids).all())

    def where(self, ids: Ids) -> tuple[Ints, Ints]:
        """Returns row and place (m,) of the records `ids` in any order; UnknownRecordError for others."""
        at = positions_of(self.ids, ids)
        return self.rows[at], self.places[at]

    def at(self, rows: Ints, places: Ints) -> Ints:
        """Returns the items (m,) at these places."""
        found: Ints = self.items[self.starts[rows] + places]
        return found


_OF_LOG: WeakKeyDictionary[InteractionLog, Sequences] = WeakKeyDictionary()
"""The keys are weak: what was computed from a log dies with it."""


def sequences_of(records: InteractionLog) -> Sequences:
    """Returns each user's items by time; DataError for a log without times."""
    if records not in _OF_LOG:
        order = chronological_order(records)
        starts = np.concatenate([[0], np.cumsum(records.user_counts)])
        places = np.empty(len(records), dtype=np.int64)
        places[order] = np.arange(len(records)) - starts[records.user[order]]
        items = records.item[order].astype(np.int64)
        _OF_LOG[records] = Sequences(items, starts, records.n_items, records.ids, places, records.user.astype(np.int64))
    return _OF_LOG[records]


def sequences_of_ranks(histories: sparse.csr_array) -> Sequences:
    """Returns the rows of a CSR matrix as sequences, by ascending value; equal values in the order of item codes."""
    histories = sparse.csr_array(histories)
    rows = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))
    order = np.lexsort((histories.indices, histories.data, rows))
    nothing = np.empty(0, dtype=np.int64)
    items, starts = histories.indices[order].astype(np.int64), histories.indptr.astype(np.int64)
    return Sequences(items, starts, histories.shape[1], nothing, nothing, nothing)


class Windows(NamedTuple):
    """What n predictions are made from: inputs (m, length) item codes, and of each prediction its window and position (n,)."""

    inputs: Tensor
    window: Tensor
    position: Tensor


def windows_before(sequences: Sequences, rows: Ints, places: Ints, length: int) -> Windows:
    """Returns the inputs from which the item at each place (its number of predecessors) of each row is predicted.

    Input k of a row is its item k - 1, and input 0 the beginning, so that also the first item has a prediction. Windows begin at
    every half `length`; a place is predicted in the first window that ends behind it, so that it sees all its predecessors
    when they are fewer than `length`, and the last `length` / 2 to `length` of them otherwise. Predictions of one window share the work.
    What stands behind the last place asked of a window is not meant to be read: a causal model never does.
    """
    half = length // 2
    number = np.maximum((places - length) // half + 1, 0)
    most = int(number.max(initial=0)) + 1
    keys, window = np.unique(rows * most + number, return_inverse=True)
    row, begin = keys // most, keys % most * half
    position = places - number * half
    width = int(position.max(initial=0)) + 1
    before = begin[:, None] + np.arange(width) - 1  # (m, width) place of each input
    inside = (before >= 0) & (before < sequences.lengths[row][:, None])
    at = np.minimum(np.maximum(sequences.starts[row][:, None] + before, 0), max(len(sequences.items) - 1, 0))
    items = sequences.items if len(sequences.items) else np.zeros(1, dtype=np.int64)
    inputs = np.where(inside, items[at], sequences.n_items)
    return Windows(torch.from_numpy(inputs), torch.from_numpy(window.astype(np.int64)), torch.from_numpy(position))


def together(records: InteractionLog, rng: np.random.Generator) -> Ids:
    """Returns the ids of all records, people in random order and each one's records side by side."""
    rank = rng.permutation(records.n_users)
    return records.ids[np.argsort(rank[records.user], kind="stable")]

"""InteractionLog: an immutable table of interactions between users and items."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.ids import Ids, as_ids, positions_of


@dataclass(frozen=True, eq=False)
class InteractionLog:
    """Interactions in frozen columns of equal length, one row a record.

    Attributes:
        ids: (n,) int64, ascending; the stable number of each record, kept through every filter.
        user, item: (n,) int32 codes, 0..n_users-1 and 0..n_items-1, positions in the vocabularies.
        time: (n,) int64 seconds since 1970-01-01 UTC, or None when the source has no time.
        rating: (n,) float32, or None.
        user_keys, item_keys: the customer's own keys; they never shrink, so that embedding rows never shift.
        user_info, item_info: side information, one row per code in order of the codes, or None.
        next_id: the number that the next new record will get; it never falls, so that no id is ever used twice.

    A user whose last record leaves through `drop` loses key and side information too: the code stays as an
    anonymous slot. `keep` and `take` are plain filters.
    """

    ids: Ids
    user: NDArray[np.int32]
    item: NDArray[np.int32]
    time: NDArray[np.int64] | None
    rating: NDArray[np.float32] | None
    user_keys: Vocabulary
    item_keys: Vocabulary
    user_info: pd.DataFrame | None = None
    item_info: pd.DataFrame | None = None
    next_id: int = 0

    def __post_init__(self) -> None:
        for name in ("ids", "user", "item", "time", "rating"):
            column = getattr(self, name)
            if column is None:
                continue
            if column.shape != self.ids.shape:
                raise ValueError(f"column {name} has shape {column.shape}, ids have {self.ids.shape}: give columns of equal length")
            column.flags.writeable = False
        for name, keys in (("user_info", self.user_keys), ("item_info", self.item_keys)):
            info = getattr(self, name)
            if info is not None and len(info) != len(keys):
                raise ValueError(f"{name} has {len(info)} rows for {len(keys)} keys: give one row per code")
        if len(self.ids):
            object.__setattr__(self, "next_id", max(self.next_id, int(self.ids[-1]) + 1))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_users(self) -> int:
        """Number of user codes, forgotten users' anonymous slots included."""
        return len(self.user_keys)

    @property
    def n_items(self) -> int:
        return len(self.item_keys)

    def positions(self, ids: Ids) -> NDArray[np.int64]:
        """Returns the row of each of `ids`, in their order; UnknownRecordError for ids that are not there."""
        if len(self.ids) and self.ids[-1] - self.ids[0] + 1 == len(self.ids):  # contiguous: no search needed
            at: NDArray[np.int64] = np.asarray(ids, dtype=np.int64) - self.ids[0]
            if at.size == 0 or (at.min() >= 0 and at.max() < len(self.ids)):
                return at
        return positions_of(self.ids, ids)

    def take(self, rows: Any) -> Self:
        """Returns the log of the rows that a boolean mask or ascending positions select."""
        return replace(
            self,
            ids=self.ids[rows],
            user=self.user[rows],
            item=self.item[rows],
            time=None if self.time is None else self.time[rows],
            rating=None if self.rating is None else self.rating[rows],
        )

    def keep(self, ids: Ids) -> Self:
        """Returns the log of the records `ids`; UnknownRecordError for ids that are not there."""
        return self.take(self.positions(as_ids(ids)))

    def drop(self, ids: Ids) -> Self:
        """Returns the log without the records `ids`; users without a record lose key and side information."""
        ids = as_ids(ids)
        if ids.size == 0:
            return self
        rows = self.positions(ids)
        kept = np.ones(len(self), dtype=bool)
        kept[rows] = False
        left = self.take(kept)
        lost = np.bincount(self.user[rows], minlength=self.n_users)
        counts = self.user_counts - lost  # kept up to date from request to request: counting anew would read the whole log
        erased = np.flatnonzero((lost > 0) & (counts == 0))
        if erased.size:
            info = self.user_info
            if info is not None:
                info = info.mask(np.tile(np.isin(np.arange(self.n_users), erased)[:, None], (1, info.shape[1])))
            left = replace(left, user_keys=self.user_keys.without(erased), user_info=info)
        left.__dict__["user_counts"] = counts
        return left

    def ids_of_users(self, users: Any) -> Ids:
        """Returns the ids of all records of the user codes `users`."""
        wanted = np.zeros(self.n_users, dtype=bool)
        wanted[np.asarray(users, dtype=np.int64)] = True
        return self.ids[wanted[self.user]]

    def users_of(self, ids: Ids) -> NDArray[np.int32]:
        """Returns the ascending unique user codes behind the records `ids`."""
        return np.unique(self.user[self.positions(ids)])

    @cached_property
    def user_counts(self) -> NDArray[np.int64]:
        """(n_users,) records of each user."""
        return np.bincount(self.user, minlength=self.n_users).astype(np.int64)

    @cached_property
    def item_counts(self) -> NDArray[np.int64]:
        """(n_items,) records of each item."""
        return np.bincount(self.item, minlength=self.n_items).astype(np.int64)

    @cached_property
    def pairs(self) -> NDArray[np.int64]:
        """(n,) ascending user * n_items + item: the sorted pairs that a binary search for known positives reads."""
        return np.sort(self.user.astype(np.int64) * self.n_items + self.item)

    @cached_property
    def free_ranks(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The table that finds the r-th item that a user does not have (see `uniform_negatives`).

        (m,) ascending user * n_items + item - (number of the user's smaller items), one for each distinct pair; and
        (n_users + 1,) where each user's run starts in it.
        """
        return free_ranks(self.pairs, self.n_users, self.n_items)

    def matrix(self, dtype: Any = np.float32) -> sparse.csr_array:
        """Returns the (n_users, n_items) CSR matrix of ones with sorted indices; never dense."""
        ones = np.ones(len(self), dtype=dtype)
        out = sparse.csr_array((ones, (self.user, self.item)), shape=(self.n_users, self.n_items))
        out.sum_duplicates()
        out.data[:] = 1
        return out


def free_ranks(pairs: NDArray[np.int64], n_users: int, n_items: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the table of `InteractionLog.free_ranks` for ascending pairs user * n_items + item; what stands twice counts once."""
    if pairs.size and (pairs[1:] == pairs[:-1]).any():
        pairs = np.unique(pairs)
    starts = np.searchsorted(pairs, np.arange(n_users + 1, dtype=np.int64) * n_items)
    rank = np.arange(len(pairs), dtype=np.int64)
    return pairs - (rank - np.repeat(starts[:-1], np.diff(starts))), starts

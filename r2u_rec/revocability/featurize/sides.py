"""Side information of items and users, with the codes that the records use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.revocability.featurize.portable_hash import MODULUS, portable_hash
from r2u_rec.revocability.featurize.records import RecordTables
from r2u_rec.revocability.featurize.settings import FeatureSettings
from r2u_rec.revocability.featurize.side_information import side_column
from r2u_rec.revocability.scorers.profile import by_category, by_cluster, by_coordinate, by_popularity, co_occurrence_vectors
from r2u_rec.revocability.scorers.sensitive_items import items_in

MAX_CO_OCCURRENCES = 5_000_000
"""Records from which item vectors are made when none are given: those of users chosen by a hash."""


@dataclass(frozen=True, eq=False)
class Sides:
    """Side information, one row an item or a user.

    Attributes:
        codes: (n,) ascending codes of the items.
        counts: (n,) records of each.
        keys: (n,) the items' keys.
        items: (n, ...) side information of the items in that order, or None.
        users: side information with a column "user" of codes, or None.
        vectors: (n, dim) of the items, or None.
    """

    codes: NDArray[np.int64]
    counts: NDArray[np.int64]
    keys: pd.Index
    items: pd.DataFrame | None = None
    users: pd.DataFrame | None = None
    vectors: NDArray[np.floating] | None = None

    def profile(self, records: RecordTables, s: FeatureSettings) -> pa.Table:
        """Returns item, part and weight: what describes a taste.

        Raises:
            SettingsError: no such column of the item information, or more clusters than items.
        """
        by = s.described_by
        if by == "category":
            frame = by_category(self._categories(s), self.counts, separator=s.separator)
        elif by == "popularity":
            frame = by_popularity(self.counts)
        else:
            vectors = self._co_occurrences(records, s) if self.vectors is None else self.vectors
            frame = by_cluster(vectors, n_clusters=s.n_clusters, seed=s.seed) if by == "cluster" else by_coordinate(vectors)
        item = self.codes[frame["item"].to_numpy()].astype("int32")
        return pa.table({"item": item, "part": frame["part"].to_numpy(), "weight": frame["weight"].to_numpy()})

    def sensitive(self, s: FeatureSettings) -> NDArray[np.int64]:
        """Returns the ascending codes of the sensitive items.

        Raises:
            SettingsError: no such column, category or item.
        """
        at = positions(self.keys, s.sensitive_items)
        if s.sensitive_categories:
            at = np.union1d(at, items_in(self._categories(s), s.sensitive_categories, separator=s.separator))
        return self.codes[at]

    def _categories(self, s: FeatureSettings) -> pd.Series:
        remedy = "pass categories=None to describe items by their popularity"
        return side_column(self.items, str(s.categories), setting="categories", kind="item", remedy=remedy)

    def _co_occurrences(self, records: RecordTables, s: FeatureSettings) -> NDArray[np.float64]:
        share = MAX_CO_OCCURRENCES / max(int(self.counts.sum()), 1)
        table = records.table
        some = table if share >= 1 else table.filter(portable_hash(s.seed + 1, table.user) < int(MODULUS * share))
        pairs = some.select("user", "item").distinct().order_by("user", "item").to_pyarrow()
        item = np.searchsorted(self.codes, pairs["item"].to_numpy())
        return co_occurrence_vectors(pairs["user"].to_numpy(), item, len(self.codes), seed=s.seed)


def sides_of_log(log: InteractionLog, vectors: ArrayLike | None = None) -> Sides:
    """Returns the side information of a log; vectors are (n_items, dim)."""
    users = None if log.user_info is None else log.user_info.reset_index(drop=True).assign(user=np.arange(log.n_users))
    array = _vectors(vectors, log.n_items)
    return Sides(np.arange(log.n_items), log.item_counts, log.item_keys.keys, log.item_info, users, array)


def sides_of_records(
    records: RecordTables, *, items: pd.DataFrame | None = None, users: pd.DataFrame | None = None, vectors: ArrayLike | None = None
) -> Sides:
    """Returns the side information of any records.

    Args:
        records: whose items are counted.
        items, users: frames with a column "item" or "user" of keys as in the records, a row each; rows of others are left out.
        vectors: (n, dim) of the rows of `items`, or, without it, of the items of the records in ascending order of their keys.
    """
    counted = records.table.group_by("item").aggregate(n=records.table.count()).order_by("item").to_pyarrow()
    codes = counted["item"].to_numpy().astype(np.int64)
    keys = pd.Index(codes) if records.item_keys is None else pd.Index(_keys(records.item_keys))[codes]
    array = _vectors(vectors, len(codes) if items is None else len(items))
    if items is not None:
        at = _unique(items, "item").get_indexer(keys)
        items = items.drop(columns="item").reset_index(drop=True).reindex(np.where(at < 0, len(items), at)).reset_index(drop=True)
        array = None if array is None else np.where(at[:, None] < 0, 0.0, array[at])
    if users is not None:
        known = _unique(users, "user")
        found = known if records.user_keys is None else pd.Index(_keys(records.user_keys)).get_indexer(known)
        users = users.assign(user=np.asarray(found, dtype=np.int64))
        users = users[users["user"] >= 0]
    return Sides(codes, counted["n"].to_numpy(), keys, items, users, array)


def positions(keys: pd.Index, wanted: Iterable[Any]) -> NDArray[np.int64]:
    """Returns the ascending positions of the `wanted` keys; digits are found among integer keys too.

    Raises:
        SettingsError: names those that are not there.
    """
    names = list(wanted)
    if pd.api.types.is_integer_dtype(keys.dtype):
        names = [int(name) if isinstance(name, str) and name.lstrip("-").isdigit() else name for name in names]
    at = keys.get_indexer(pd.Index(names, dtype=object)) if names else np.empty(0, dtype=np.int64)
    unknown = [name for name, place in zip(names, at, strict=True) if place < 0]
    if unknown:
        raise SettingsError(
            f"{len(unknown)} of {len(names)} sensitive items are not in the data, the first {unknown[:5]}: give keys as in the item column"
        )
    return np.unique(at).astype(np.int64)


def _keys(table: Any) -> Any:
    return table.order_by("code").to_pyarrow()["key"].to_pandas()


def _unique(frame: pd.DataFrame, column: str) -> pd.Index:
    if column not in frame.columns:
        raise SettingsError(f"the {column} information has no column {column!r} of keys, its columns are {', '.join(map(str, frame))}")
    index = pd.Index(frame[column])
    if not index.is_unique:
        twice = index[index.duplicated()].tolist()
        raise SettingsError(f"the {column} information names {len(twice)} keys twice, the first {twice[0]!r}: give each one row")
    return index


def _vectors(vectors: ArrayLike | None, n: int) -> NDArray[np.float64] | None:
    if vectors is None:
        return None
    array = np.asarray(vectors, dtype=np.float64)
    if array.ndim != 2 or len(array) != n:
        raise SettingsError(f"vectors must have one row for each of {n} items, got shape {array.shape}: give (n_items, dim)")
    if not np.isfinite(array).all():
        raise SettingsError("vectors must be finite: drop or mend the items without one")
    return array

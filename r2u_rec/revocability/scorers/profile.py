"""What kind of item an item is: the parts (categories, clusters, coordinates) in which a user's taste is described."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from r2u_rec.errors import SettingsError

UNIT = 720_720
"""Weights are counted in this part of one: the smallest number that 1 to 16 divide, so that an item of up to 16 categories gives each
an equal share in whole numbers, and sums of weights are exact in any order."""

MAX_CATEGORIES = 64
"""Rarer categories are put together: a tail of hundreds adds noise to a divergence, and memory, but no drift."""

MAX_COORDINATES = 16
"""Vectors are turned to their main directions first; the later ones move a distance little."""

N_CLUSTERS = 20


def by_category(column: pd.Series, counts: NDArray[np.integer], *, separator: str = " ") -> pd.DataFrame:
    """Returns how each item spreads over its categories.

    Args:
        column: (n_items,) text lists ("Action Comedy"), in order of the items' codes.
        counts: (n_items,) records of each item.
        separator: what stands between the entries of a list; "" when a cell holds one category as it is.

    Returns:
        a frame of item, part and weight, float64 whole numbers of `UNIT`ths. An item of three categories gives each a third; an
        item without any belongs to a category of its own. At most 64 categories: the rarest are put together.
    """
    item, code, names = category_codes(column, separator)
    without = np.setdiff1d(np.arange(len(column)), item)
    item = np.concatenate([item, without])
    code = np.concatenate([code, np.full(len(without), len(names))])
    share = 1 / np.bincount(item, minlength=len(column))[item]
    n_parts = len(names) + 1
    if n_parts > MAX_CATEGORIES:
        common = np.argsort(-np.bincount(code, weights=counts[item] * share, minlength=n_parts), kind="stable")
        part = np.full(n_parts, MAX_CATEGORIES - 1)
        part[np.sort(common[: MAX_CATEGORIES - 1])] = np.arange(MAX_CATEGORIES - 1)
        code = part[code]
    weights = sparse.coo_array((share, (item, code))).tocsr().tocoo()  # sums what an item gives to several rare categories
    return _frame(weights.coords[0], weights.coords[1], weights.data)


def category_codes(column: pd.Series, separator: str) -> tuple[NDArray[np.int64], NDArray[np.int64], pd.Index]:
    """Returns (m,) items and (m,) codes of their categories, one pair a different entry of a cell, and the names of the codes, sorted."""
    text = column.astype("string").fillna("").str.strip().reset_index(drop=True)
    lists = (text.str.split(separator) if separator else text).explode().str.strip()
    lists = lists[lists.notna() & (lists != "")]
    code, names = pd.factorize(lists, sort=True)
    pairs = np.unique(np.column_stack([lists.index.to_numpy(), code]).astype(np.int64).reshape(-1, 2), axis=0)
    return pairs[:, 0], pairs[:, 1], pd.Index(names)


def by_popularity(counts: NDArray[np.integer], n_classes: int = 10) -> pd.DataFrame:
    """Returns a frame of item, part and weight: items by falling count, cut into classes of equal numbers of records."""
    order = np.argsort(-counts, kind="stable")
    middle = np.cumsum(counts[order]) - counts[order] / 2
    which = np.empty(len(counts), dtype=np.int64)
    which[order] = np.minimum((n_classes * middle / max(counts.sum(), 1)).astype(np.int64), n_classes - 1)
    return _one_part_each(which)


def by_cluster(vectors: NDArray[np.floating], *, n_clusters: int = N_CLUSTERS, seed: int = 0) -> pd.DataFrame:
    """Returns a frame of item, part and weight: items by k-means on their vectors, scaled to length one (scikit-learn).

    Raises:
        SettingsError: n_clusters < 2, or more than items.
    """
    from sklearn.cluster import KMeans

    if not 2 <= n_clusters <= len(vectors):
        raise SettingsError(f"n_clusters must lie in [2, {len(vectors)}], the number of items, got {n_clusters}")
    return _one_part_each(KMeans(n_clusters, n_init=1, random_state=seed).fit_predict(_to_length_one(vectors)).astype(np.int64))


def by_coordinate(vectors: NDArray[np.floating]) -> pd.DataFrame:
    """Returns a frame of item, part and weight: the items' vectors, scaled to length one, along their 16 main directions at most."""
    scaled = _to_length_one(vectors)
    directions = np.linalg.eigh(scaled.T @ scaled)[1][:, ::-1][:, :MAX_COORDINATES]
    turned = scaled @ directions
    item, part = np.indices(turned.shape)
    return _frame(item.ravel(), part.ravel(), turned.ravel())


def co_occurrence_vectors(user: NDArray[np.integer], item: NDArray[np.integer], n_items: int, *, seed: int = 0) -> NDArray[np.float64]:
    """Returns (n_items, 16 at most) vectors of items that the same users have: a truncated SVD of their co-occurrence.

    The right singular vectors of the user-item matrix with columns of length one are the eigenvectors of the cosines between
    items, so that the matrix of items by items is never made.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    rows = np.unique(user, return_inverse=True)[1]
    matrix = sparse.csr_array((np.ones(len(item)), (rows, item)), shape=(int(rows.max()) + 1, n_items))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    n = min(MAX_COORDINATES, *(side - 1 for side in matrix.shape))
    if n < 1:
        return np.ones((n_items, 1))
    svd = TruncatedSVD(n, random_state=seed).fit(normalize(matrix, axis=0))
    return np.asarray(svd.components_.T * svd.singular_values_)


def _to_length_one(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    values = np.asarray(vectors, dtype=np.float64)
    unit: NDArray[np.float64] = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    return unit


def _one_part_each(which: NDArray[np.int64]) -> pd.DataFrame:
    return _frame(np.arange(len(which)), which, np.ones(len(which)))


def _frame(item: NDArray[np.integer], part: NDArray[np.integer], weight: NDArray[np.floating]) -> pd.DataFrame:
    return pd.DataFrame({"item": item.astype(np.int32), "part": part.astype(np.int32), "weight": np.round(weight * UNIT)})

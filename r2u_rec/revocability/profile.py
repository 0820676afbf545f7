"""What kind of item an item is: the categories in which a user's taste is described."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.revocability.side_information import side_column

MAX_CATEGORIES = 64
"""Rarer categories are put together: a tail of hundreds adds noise to a divergence, and memory, but no drift."""


def item_profile(log: InteractionLog, categories: str | None, *, separator: str = " ") -> NDArray[np.float64]:
    """Returns how each item spreads over categories.

    Args:
        log: its `item_info` holds the column.
        categories: name of a column of `log.item_info` with text lists ("Action Comedy"), or None to describe an
            item by its popularity instead: ten classes that hold a tenth of the interactions each.
        separator: what stands between the entries of a list; "" when a cell holds one category as it is.

    Returns:
        (n_items, n_categories) float64, rows sum to 1. An item of three categories gives each a third; an item
        without any belongs to a category of its own. At most 64 categories: the rarest are put together.

    Raises:
        SettingsError: the log has no item information, or no such column.
    """
    if categories is None:
        return _popularity_classes(log)
    remedy = "pass categories=None to describe items by their popularity"
    column = side_column(log.item_info, categories, setting="categories", kind="item", remedy=remedy)
    return _shares(log, column, separator)


def _shares(log: InteractionLog, column: pd.Series, separator: str) -> NDArray[np.float64]:
    text = column.astype("string").fillna("").str.strip().reset_index(drop=True)
    lists = (text.str.split(separator) if separator else text).explode()
    lists = lists.str.strip()
    lists = lists[lists.notna() & (lists != "")]
    item = lists.index.to_numpy()
    code, names = pd.factorize(lists, sort=True)
    each = np.zeros((log.n_items, len(names) + 1))
    each[item, code] = 1.0
    each[:, -1] = each.sum(axis=1) == 0  # no category at all
    each /= each.sum(axis=1, keepdims=True)
    if each.shape[1] > MAX_CATEGORIES:
        common = np.argsort(-(log.item_counts @ each), kind="stable")
        kept, rest = common[: MAX_CATEGORIES - 1], common[MAX_CATEGORIES - 1 :]
        each = np.column_stack([each[:, np.sort(kept)], each[:, rest].sum(axis=1)])
    return each


def _popularity_classes(log: InteractionLog, n_classes: int = 10) -> NDArray[np.float64]:
    """(n_items, n_classes) one-hot: items by falling count, cut into classes of equal numbers of interactions."""
    order = np.argsort(-log.item_counts, kind="stable")
    counts = log.item_counts[order]
    middle = np.cumsum(counts) - counts / 2
    which = np.minimum((n_classes * middle / max(counts.sum(), 1)).astype(np.int64), n_classes - 1)
    out = np.zeros((log.n_items, n_classes))
    out[order, which] = 1.0
    return out

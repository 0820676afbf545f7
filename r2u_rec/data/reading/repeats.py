"""Pairs of user and item that stand in a source more than once, as a shop's purchases do."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError

Duplicates: TypeAlias = Literal["error", "first", "last", "count", "sum"]
KINDS: tuple[str, ...] = get_args(Duplicates)


def check_duplicates(duplicates: str) -> None:
    """Raises ValueError when there is no such way to treat repeated pairs."""
    if duplicates not in KINDS:
        raise ValueError(f"duplicates must be {', '.join(KINDS[:-1])} or {KINDS[-1]}, got {duplicates!r}")


def repeats(log: InteractionLog) -> tuple[NDArray[np.int64], NDArray[np.bool_]] | None:
    """Returns rows pair by pair, the oldest of each pair first, and (n - 1,) whether each is of the pair before it; None without repeats.

    Rows of one second, and all rows of a log without times, stand in the order of the source.
    """
    pairs = log.user.astype(np.int64) * log.n_items + log.item
    ordered = np.sort(pairs)
    if not (ordered[1:] == ordered[:-1]).any():
        return None
    del ordered
    order = np.argsort(pairs, kind="stable") if log.time is None else np.lexsort((log.time, pairs))
    return order, pairs[order][1:] == pairs[order][:-1]


def merge_repeats(log: InteractionLog, duplicates: Duplicates, label: str) -> InteractionLog:
    """Returns the log with one record for each pair of user and item.

    "first" keeps the oldest record of a pair, "last" the newest: by time, and by row where times are equal or absent. "count"
    and "sum" keep the newest record too (its id and its time) and replace its rating: by the number of the pair's
    records, 1 for a pair that stands once, or by the sum of their ratings.

    Args:
        duplicates: how; "error" is for the reader, which knows the lines.
        label: what messages call the source.

    Raises:
        DataError: "sum" of a log without ratings, or a sum that is beyond a 32-bit float.
    """
    if duplicates == "sum" and log.rating is None:
        raise DataError(
            f'{label} has no ratings to sum: name the rating column (rating= in Python, --data.rating on the command line), or pass "count"'
        )
    found = repeats(log)
    if duplicates in ("first", "last"):
        if found is None:
            return log
        order, again = found
        kept = np.ones(len(log), dtype=bool)
        kept[order[1:][again] if duplicates == "first" else order[:-1][again]] = False
        return log.take(kept)
    order, again = (np.arange(len(log)), np.zeros(max(len(log) - 1, 0), dtype=bool)) if found is None else found
    starts = np.flatnonzero(np.concatenate([[True], ~again]))
    weight = np.ones(len(log)) if duplicates == "count" or log.rating is None else log.rating.astype(np.float64)
    total = np.add.reduceat(weight[order], starts)
    newest = order[np.append(starts[1:], len(log)) - 1]
    with np.errstate(over="ignore"):
        rating = total.astype(np.float32)
    if not np.isfinite(rating).all():
        at = int(newest[~np.isfinite(rating)][0])
        user, item = log.user_keys.key(int(log.user[at])), log.item_keys.key(int(log.item[at]))
        raise DataError(f'{label}: the ratings of user {user!r} and item {item!r} sum to more than a 32-bit float holds: pass "count"')
    by_row = np.argsort(newest)
    return replace(log.take(newest[by_row]), rating=rating[by_row])

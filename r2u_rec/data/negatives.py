"""Negative items: drawn at random, never a known positive of the user, without an array of size users x items."""

from __future__ import annotations

from typing import Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog, free_ranks

_ROUNDS = 20  # rejection rounds before the few rows that are left are drawn exactly


def uniform_negatives(log: InteractionLog, users: Any, n_negatives: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draws items that a user does not have in `log`, each with equal probability, with replacement.

    Exact without rejection: the r-th free item of a user is r + (number of positives p_j, j = 0.., with p_j - j <= r),
    and one binary search over the whole log counts them.

    Args:
        users: (n,) codes; a user may stand there many times.
        n_negatives: k, items a row.

    Returns:
        (n, k) int64 item codes. An item that a user has forgotten is free again, and may be drawn.

    Raises:
        ValueError: a user has every item.
    """
    users = np.asarray(users, dtype=np.int64)
    free = _free(log.free_ranks, users, log.n_items)
    if users.size and free.min() <= 0:
        raise ValueError(_full(users[free <= 0][0], log.n_items))
    return _ranked(log.free_ranks, users, free, log.n_items, n_negatives, rng)


def present_negatives(log: InteractionLog, users: Any, n_negatives: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """As `uniform_negatives`, from the items that have a record in `log`: otherwise the items alone would identify a part of a log.

    A user who has all of these gets any other item. Where every item has a record, the same generator draws what `uniform_negatives` draws.
    """
    users = np.asarray(users, dtype=np.int64)
    present, table = _present(log)
    if len(present) == log.n_items:
        return uniform_negatives(log, users, n_negatives, rng)
    free = _free(table, users, len(present))
    out = np.empty((users.size, n_negatives), dtype=np.int64)
    some = free > 0
    out[some] = present[_ranked(table, users[some], free[some], len(present), n_negatives, rng)]
    out[~some] = uniform_negatives(log, users[~some], n_negatives, rng)
    return out


def _free(table: tuple[NDArray[np.int64], NDArray[np.int64]], users: NDArray[np.int64], n_items: int) -> NDArray[np.int64]:
    """(n,) items that each user does not have."""
    starts = table[1]
    return n_items - (starts[users + 1] - starts[users])


def _ranked(
    table: tuple[NDArray[np.int64], NDArray[np.int64]],
    users: NDArray[np.int64],
    free: NDArray[np.int64],
    n_items: int,
    n_negatives: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """(n, k) items of which each is equally likely among the `free` ones of its user."""
    keys, starts = table
    rank: NDArray[np.int64] = rng.integers(0, free[:, None], size=(users.size, n_negatives))  # the r-th free item
    wanted = ((users * n_items)[:, None] + rank).ravel()
    found: NDArray[np.int64] = rank + _search(keys, wanted, "right").reshape(rank.shape) - starts[users][:, None]
    return found


def popularity_negatives(
    log: InteractionLog, users: Any, n_negatives: int, rng: np.random.Generator, *, exponent: float = 0.75
) -> NDArray[np.int64]:
    """Draws items that a user does not have in `log`, in proportion to (records of the item) ** exponent, with replacement.

    Items without any record are never drawn (unless exponent = 0). Arguments and result as in `uniform_negatives`.

    Raises:
        ValueError: a user has every item that could be drawn; exponent < 0.

    Source: Mikolov et al. 2013, "Distributed representations of words and phrases", section 2.2 (exponent .75).
    """
    users = np.asarray(users, dtype=np.int64)
    cumulative = _cumulative(log, exponent)
    row_users = np.repeat(users, n_negatives)
    out = np.empty(row_users.size, dtype=np.int64)
    open_rows = np.arange(row_users.size)
    for _ in range(_ROUNDS):
        if open_rows.size == 0:
            break
        items = _draw(cumulative, rng.random(open_rows.size))
        out[open_rows] = items
        open_rows = open_rows[_known(log, row_users[open_rows], items)]
    for user in np.unique(row_users[open_rows]):
        rows = open_rows[row_users[open_rows] == user]
        out[rows] = _draw(_cumulative_of_free(log, cumulative, user), rng.random(rows.size))
    return out.reshape(users.size, n_negatives)


def _known(log: InteractionLog, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) whether the log holds the pair."""
    wanted = users * log.n_items + items
    at = _search(log.pairs, wanted, "left")
    at[at == len(log.pairs)] = 0  # past the end: row 0 is a smaller pair, never equal
    return log.pairs[at] == wanted if len(log.pairs) else np.zeros(len(wanted), dtype=bool)


def _search(keys: NDArray[np.int64], wanted: NDArray[np.int64], side: Literal["left", "right"]) -> NDArray[np.int64]:
    """`np.searchsorted` for queries in any order: ascending ones walk through memory in order, which is worth the sorting."""
    order = np.argsort(wanted)
    at = np.empty(wanted.size, dtype=np.int64)
    at[order] = np.searchsorted(keys, wanted[order], side=side)
    return at


def _draw(cumulative: NDArray[np.float64], uniform: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(np.searchsorted(cumulative, uniform * cumulative[-1], side="right"))


_PRESENT: WeakKeyDictionary[InteractionLog, tuple[NDArray[np.int64], tuple[NDArray[np.int64], NDArray[np.int64]]]] = WeakKeyDictionary()


def _present(log: InteractionLog) -> tuple[NDArray[np.int64], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The ascending items with a record, and `free_ranks` over their ranks among each other."""
    if log not in _PRESENT:
        present = np.flatnonzero(log.item_counts)
        rank = np.cumsum(log.item_counts > 0) - 1
        users, items = np.divmod(log.pairs, log.n_items)
        _PRESENT[log] = present, free_ranks(users * len(present) + rank[items], log.n_users, len(present))
    return _PRESENT[log]


_TABLES: WeakKeyDictionary[InteractionLog, dict[float, NDArray[np.float64]]] = WeakKeyDictionary()
"""Cumulative weights by log. The keys are weak: a table is freed with its log, so that no forgotten record is kept here."""


def _cumulative(log: InteractionLog, exponent: float) -> NDArray[np.float64]:
    """(n_items,) running sum of the weights."""
    if not exponent >= 0:
        raise ValueError(f"exponent must be >= 0, got {exponent}: 0 is uniform, 1 is proportional to the number of records")
    tables = _TABLES.setdefault(log, {})
    if exponent not in tables:
        if len(log) == 0 and exponent > 0:
            raise ValueError("popularity_negatives needs at least one record, the log is empty: use uniform_negatives")
        tables[exponent] = np.cumsum(log.item_counts.astype(np.float64) ** exponent)
    return tables[exponent]


def _cumulative_of_free(log: InteractionLog, cumulative: NDArray[np.float64], user: int) -> NDArray[np.float64]:
    """(n_items,) running sum of the weights of the items that `user` does not have."""
    weights = np.diff(cumulative, prepend=0.0)
    weights[log.item[log.user == user]] = 0.0
    total = np.cumsum(weights)
    if not total[-1] > 0:
        raise ValueError(_full(user, int((log.item_counts > 0).sum())))
    return total


def _full(user: int, n_items: int) -> str:
    return (
        f"user {user} has every one of the {n_items} items that could be drawn, no negative is left: drop this user's records from training"
    )

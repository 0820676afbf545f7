"""The checkerboard: a log whose right recommendations are known by construction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary


def checkerboard(n_users: int = 24, n_items: int = 16, *, items_per_user: int = 6, seed: int = 0) -> InteractionLog:
    """Returns a log in which users of even and of odd number meet items of their own parity alone.

    Each user has `items_per_user` of the n_items // 2 items of the own parity, in an order of their own; the right recommendations are the
    remaining ones. Record ids start at 1,000,003 in steps of 7 and keys are "person-0", "thing-0", ...: nothing else in a `Fitted` has
    these values by chance, so that a search of everything that it holds finds what an erasure left behind.

    Raises:
        ValueError: a user cannot have that many items of one parity.
    """
    if not 1 <= items_per_user < n_items // 2:
        raise ValueError(f"items_per_user must lie in [1, n_items // 2 - 1] = [1, {n_items // 2 - 1}], got {items_per_user}")
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(n_users), items_per_user)
    item = np.concatenate([2 * np.sort(rng.choice(n_items // 2, items_per_user, replace=False)) + u % 2 for u in range(n_users)])
    user_keys, item_keys = (
        Vocabulary(pd.Index([f"{kind}-{i}" for i in range(n)])) for kind, n in (("person", n_users), ("thing", n_items))
    )
    info = pd.DataFrame({"letter": [f"letter of person-{u}" for u in range(n_users)]})
    ids = 1_000_003 + 7 * np.arange(len(user), dtype=np.int64)
    time = 60 * rng.permutation(len(user)).astype(np.int64)
    return InteractionLog(ids, user.astype(np.int32), item.astype(np.int32), time, None, user_keys, item_keys, info)


def right_colour_share(scores: NDArray[Any], seen: sparse.csr_array, parities: NDArray[Any]) -> float:
    """Returns the share, in [0, 1], of the two best unseen items of each row that have the row's parity.

    Args:
        scores: (m, n_items). seen: (m, n_items) ones where an item is known. parities: (m,) 0 or 1.
    """
    unseen = np.where(seen.toarray() > 0, -np.inf, scores)
    return float((np.argsort(-unseen, axis=1)[:, :2] % 2 == np.asarray(parities)[:, None]).mean())


def histories(n_items: int, *rows: list[int]) -> sparse.csr_array:
    """Returns the (len(rows), n_items) CSR matrix of ones at the items of each row."""
    out = np.zeros((len(rows), n_items), dtype=np.float32)
    for row, items in enumerate(rows):
        out[row, items] = 1
    return sparse.csr_array(out)

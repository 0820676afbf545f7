"""A small log with times, in which sequences are longer than a window."""

from __future__ import annotations

import numpy as np
import pandas as pd

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary

N_USERS, N_ITEMS = 6, 12


def timed_log(lengths=(11, 3, 0, 7, 1, 5), *, seed: int = 0, times: bool = True) -> InteractionLog:
    """Distinct items a user, in an order that is not that of ids; user 2 has nobody's history: none."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(len(lengths)), lengths)
    item = np.concatenate([rng.choice(N_ITEMS, n, replace=False) for n in lengths])
    time = rng.permutation(len(user)).astype(np.int64) // 2  # ties
    shuffled = rng.permutation(len(user))
    keys = [Vocabulary(pd.Index(np.arange(n))) for n in (len(lengths), N_ITEMS)]
    ids = 100 + 3 * np.arange(len(user), dtype=np.int64)
    columns = (user[shuffled].astype(np.int32), item[shuffled].astype(np.int32), time if times else None)
    return InteractionLog(ids, *columns, None, *keys)


def story(log: InteractionLog, user: int) -> list[tuple[int, int]]:
    """(item, id) of the user's records, oldest first, by a plain sort."""
    rows = [r for r in range(len(log)) if log.user[r] == user]
    return [(int(log.item[r]), int(log.ids[r])) for r in sorted(rows, key=lambda r: (log.time[r], log.ids[r]))]

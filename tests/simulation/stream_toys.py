"""Logs to draw streams from, and the moments that tests speak of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from r2u_rec.data import InteractionLog, Vocabulary

DAY = 86_400


def at(text: str) -> int:
    """Seconds of an ISO date in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


START, END = at("2026-01-01"), at("2027-01-01")


def log_of(
    rows: Sequence[tuple[int, int, int]],
    *,
    users: Sequence[Any] | None = None,
    items: Sequence[Any] | None = None,
    genres: Sequence[str | None] | None = None,
    timed: bool = True,
) -> InteractionLog:
    """A log of rows (user code, item code, time); keys are "u0", "u1", ... and "i0", "i1", ... unless given; ids count in tens."""
    user, item, time = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    n_users, n_items = int(user.max(initial=-1)) + 1, int(item.max(initial=-1)) + 1
    return InteractionLog(
        10 * np.arange(len(rows)) + 10,
        user.astype(np.int32),
        item.astype(np.int32),
        time if timed else None,
        None,
        Vocabulary.of(users if users is not None else [f"u{code}" for code in range(n_users)]),
        Vocabulary.of(items if items is not None else [f"i{code}" for code in range(n_items)]),
        item_info=None if genres is None else pd.DataFrame({"genres": list(genres)}),
    )


def random_log(n_users: int, n_items: int, each: int, *, seed: int = 0, timed: bool = True, genres: bool = False) -> InteractionLog:
    """Users with `each` records at random times of the years before START, in no order."""
    rng = np.random.default_rng(seed)
    n = n_users * each
    rows = np.stack(
        [rng.permutation(np.repeat(np.arange(n_users), each)), rng.integers(0, n_items, n), START - rng.integers(1, 900 * DAY, n)], 1
    )
    rows[rows[:, 0] == n_users - 1, 1] = n_items - 1  # no code is without a record
    names = [f"g{code % 5}" if code % 2 else f"g{code % 5} even" for code in range(n_items)] if genres else None
    keys = [f"u{code}" for code in range(n_users)], [f"i{code}" for code in range(n_items)]
    return log_of(rows.tolist(), users=keys[0], items=keys[1], genres=names, timed=timed)

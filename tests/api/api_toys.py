"""Small logs for the front door: two groups of users who like two groups of items."""

from __future__ import annotations

import numpy as np
import pandas as pd

from r2u_rec.data import InteractionLog, read_log


def checkerboard(n_users: int = 40, n_items: int = 16, *, text: bool = True, seed: int = 0) -> InteractionLog:
    """Returns a log in which even users have even items and odd users odd ones, with times and a genre; each user lacks two."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n_users):
        own = np.arange(user % 2, n_items, 2)
        for item in rng.permutation(own)[:-2]:
            rows.append((user, int(item), 1_000_000 + 1000 * len(rows)))
    frame = pd.DataFrame(rows, columns=["user", "item", "time"])
    items = pd.DataFrame({"item": range(n_items), "genre": ["Drama" if i % 4 == 0 else "Horror Comedy" for i in range(n_items)]})
    if text:
        frame["user"] = [f"U-{user:03d}" for user in frame["user"]]
        frame["item"] = [f"i{item}" for item in frame["item"]]
        items["item"] = [f"i{item}" for item in items["item"]]
    return read_log(frame, item_info=items)


def scattered(n_users: int = 120, n_items: int = 40, n_each: int = 10, seed: int = 0) -> InteractionLog:
    """Returns a log of users who have items at random: what one has tells nothing of another."""
    rng = np.random.default_rng(seed)
    rows = [(user, item) for user in range(n_users) for item in rng.choice(n_items, size=n_each, replace=False)]
    return read_log(pd.DataFrame(rows, columns=["user", "item"]))

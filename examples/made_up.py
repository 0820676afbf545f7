"""A made-up log for the examples: people of four tastes, who have most of their things in common with their own kind."""

from __future__ import annotations

import numpy as np
import pandas as pd

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.reading.read import read_log


def tastes(n_users: int = 240, n_items: int = 80, per_user: int = 20, seed: int = 0) -> InteractionLog:
    """Returns a log of `n_users` with `per_user` items each; items of the own taste are three times as likely."""
    rng = np.random.default_rng(seed)
    weights = np.where(np.arange(n_items) % 4 == np.arange(n_users)[:, None] % 4, 3.0, 1.0)  # (n_users, n_items)
    items = [rng.choice(n_items, size=per_user, replace=False, p=w / w.sum()) for w in weights]
    return read_log(pd.DataFrame({"user_id": np.repeat(np.arange(n_users), per_user), "item_id": np.concatenate(items)}))

"""Thin first form of the readers; the full ones take its place with the same signature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary


def read_log(
    source: Any,
    *,
    user: str = "auto",
    item: str = "auto",
    time: str | None = "auto",
    rating: str | None = "auto",
    separator: str | None = None,
) -> InteractionLog:
    """Reads interactions from a file or a frame."""
    if isinstance(source, pd.DataFrame):
        frame = source
    elif str(source).endswith(".parquet"):
        frame = pd.read_parquet(source)
    else:
        frame = pd.read_csv(source, sep=separator or ("," if str(source).endswith(".csv") else "\t"), quoting=3)
    frame.columns = [str(c).split(":")[0] for c in frame.columns]
    known = {
        "user": ("user_id", "user", "userId", "user_idx"),
        "item": ("item_id", "item", "itemId", "movieId", "item_idx"),
        "time": ("timestamp", "time"),
        "rating": ("rating",),
    }

    def column(role, name):
        if name is None:
            return None
        if name != "auto":
            return frame[name]
        return next((frame[c] for c in known[role] if c in frame), None)

    keys, codes = {}, {}
    for role, name in (("user", user), ("item", item)):
        codes[role], unique = pd.factorize(column(role, name).to_numpy(), sort=True)
        keys[role] = Vocabulary.of(unique)
    t, r = column("time", time), column("rating", rating)
    return InteractionLog(
        np.arange(len(frame)),
        codes["user"].astype(np.int32),
        codes["item"].astype(np.int32),
        None if t is None else t.to_numpy().astype(np.int64),
        None if r is None else r.to_numpy().astype(np.float32),
        keys["user"],
        keys["item"],
    )

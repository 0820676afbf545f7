"""Filters of a log that is about to be trained on: by rating, by activity, and new codes for the remaining records."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import DataError


def rated_at_least(log: InteractionLog, rating: float) -> InteractionLog:
    """Returns the records with `rating` or more; ValueError when the log has no ratings or `rating` is not finite."""
    if not math.isfinite(rating):
        raise ValueError(f"min_rating must be a finite number, got {rating}: leave it out to keep all records")
    if log.rating is None:
        raise ValueError(f"a rating of at least {rating} was asked for, the log has no ratings: read it with a rating column")
    return log.take(log.rating >= rating)


def k_core(log: InteractionLog, *, min_user_records: int = 1, min_item_records: int = 1) -> InteractionLog:
    """Returns the largest part in which each user has `min_user_records` or more and each item `min_item_records` or more.

    Removing one may bring another below its bound, so that this goes on until nothing changes. Codes stay; `compact` gives new ones.
    """
    if min_user_records < 1 or min_item_records < 1:
        raise ValueError(f"min_user_records and min_item_records must be >= 1, got {min_user_records} and {min_item_records}")
    while len(log):
        enough = (log.user_counts >= min_user_records)[log.user] & (log.item_counts >= min_item_records)[log.item]
        if enough.all():
            break
        log = log.take(enough)
    return log


def filtered(
    log: InteractionLog, label: str, *, min_rating: float | None = None, min_user_records: int = 1, min_item_records: int = 1
) -> InteractionLog:
    """Returns the k-core of the records rated `min_rating` or more, with codes for what remains; ids stay. DataError if no record remains.

    Without a filter the log comes back as it is, users and items without records included.
    """
    if min_rating is None and min_user_records == min_item_records == 1:
        return log
    rated = log if min_rating is None else rated_at_least(log, min_rating)
    left = k_core(rated, min_user_records=min_user_records, min_item_records=min_item_records)
    if len(left) == 0:
        asked = f"min_rating={min_rating} and {min_user_records} / {min_item_records} records"
        raise DataError(f"nothing of {label} is left by {asked}: ask for less")
    return compact(left)


def compact(log: InteractionLog) -> InteractionLog:
    """Returns the log with codes for only those users and items that have records; ids stay.

    Codes move, hence only before any model is trained on the log: afterwards embedding rows would belong to others.
    """
    users, items = np.unique(log.user), np.unique(log.item)
    if len(users) == log.n_users and len(items) == log.n_items:
        return log
    return replace(
        log,
        user=np.searchsorted(users, log.user).astype(np.int32),
        item=np.searchsorted(items, log.item).astype(np.int32),
        user_keys=Vocabulary(log.user_keys.keys[users]),
        item_keys=Vocabulary(log.item_keys.keys[items]),
        user_info=None if log.user_info is None else log.user_info.iloc[users].reset_index(drop=True),
        item_info=None if log.item_info is None else log.item_info.iloc[items].reset_index(drop=True),
    )

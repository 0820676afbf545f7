"""Appends new interactions to a log: vocabularies grow, ids continue, existing codes never change."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import DataError


def append(log: InteractionLog, new: InteractionLog, *, duplicates: Literal["error", "first", "last"] = "error") -> InteractionLog:
    """Returns `log` with the records of `new` appended; they get the ids from `log.next_id` on, in their order.

    A user whose key was forgotten is a new user here, under a new code: whether such a person may come back is for the
    suppression list to say, before this call.

    Args:
        duplicates: what to do with pairs that `log` has already: refuse, keep the "first" (drop the new record), or keep
            the "last" (the new record replaces the old one, whose id is gone).

    Raises:
        DataError: one log has times or ratings and the other has none; keys of different kinds; duplicates.
        ValueError: there is no such `duplicates`.
    """
    if duplicates not in ("error", "first", "last"):
        raise ValueError(f"duplicates must be error, first or last, got {duplicates!r}")
    for name in ("time", "rating"):
        if (getattr(log, name) is None) != (getattr(new, name) is None):
            with_it, without = (
                ("the log has", "the new records have") if getattr(log, name) is not None else ("the new records have", "the log has")
            )
            raise DataError(f"{with_it} a {name} column and {without} none: read both with it, or both without")
    user_keys, item_keys = log.user_keys.extended(_used(new.user_keys)), log.item_keys.extended(_used(new.item_keys))
    user, item = _recoded(new.user, new.user_keys, user_keys), _recoded(new.item, new.item_keys, item_keys)
    old_pairs = log.user.astype(np.int64) * len(item_keys) + log.item
    new_pairs = user.astype(np.int64) * len(item_keys) + item
    repeated = np.isin(new_pairs, old_pairs)
    if repeated.any() and duplicates == "error":
        at = np.flatnonzero(repeated)[:5]
        first = "; ".join(f"user {user_keys.key(user[i])!r}, item {item_keys.key(item[i])!r}" for i in at)
        raise DataError(
            f"{int(repeated.sum())} of {len(new)} new records repeat a pair of the log, the first: {first}: "
            'remove them, or pass duplicates="first" or "last" to keep one of each'
        )
    old_rows = ~np.isin(old_pairs, new_pairs) if duplicates == "last" else np.ones(len(log), dtype=bool)
    new_rows = ~repeated if duplicates == "first" else np.ones(len(new), dtype=bool)

    def joined(name: str) -> NDArray[Any] | None:
        old = getattr(log, name)
        return None if old is None else np.concatenate([old[old_rows], getattr(new, name)[new_rows]])

    n_new = int(new_rows.sum())
    return InteractionLog(
        ids=np.concatenate([log.ids[old_rows], np.arange(log.next_id, log.next_id + n_new)]),
        user=np.concatenate([log.user[old_rows], user[new_rows]]),
        item=np.concatenate([log.item[old_rows], item[new_rows]]),
        time=joined("time"),
        rating=joined("rating"),
        user_keys=user_keys,
        item_keys=item_keys,
        user_info=_grown(log.user_info, new.user_info, new.user_keys, user_keys),
        item_info=_grown(log.item_info, new.item_info, new.item_keys, item_keys),
        next_id=log.next_id + n_new,
    )


def _used(keys: Vocabulary) -> pd.Index:
    return keys.keys[[code not in keys.empty for code in range(len(keys))]] if keys.empty else keys.keys


def _recoded(codes: NDArray[np.int32], old: Vocabulary, new: Vocabulary) -> NDArray[np.int32]:
    return np.asarray(new.codes(old.keys)[codes], dtype=np.int32)


def _grown(info: pd.DataFrame | None, more: pd.DataFrame | None, more_keys: Vocabulary, keys: Vocabulary) -> pd.DataFrame | None:
    """Side information for all of `keys`; what was known stays, `more` fills the codes that are new."""
    if info is None and more is None:
        return None
    n_old = 0 if info is None else len(info)
    if more is not None:
        codes = keys.codes(more_keys.keys)
        more = more.set_axis(codes)[codes >= n_old]
    return pd.concat([part for part in (info, more) if part is not None and len(part)]).reindex(range(len(keys)))

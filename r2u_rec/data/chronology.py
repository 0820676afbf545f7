"""Chronology: the place of each record in its user's history, by time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError


def chronological_order(log: InteractionLog) -> NDArray[np.int64]:
    """Returns the (n,) rows of `log` user by user, oldest first; records of one second in the order of their ids.

    Raises:
        DataError: the log has no times.
    """
    if log.time is None:
        raise DataError(
            f"the order of {len(log)} records is needed and their log has no times: read it with a time column, "
            "or take a model that does not ask for order"
        )
    return np.asarray(np.lexsort((log.time, log.user)))  # stable: ties keep the order of ids


def ranked_matrix(log: InteractionLog) -> sparse.csr_array:
    """Returns the (n_users, n_items) CSR whose values are the chronological ranks 1, 2, ... within each user, float32.

    It has the structure of `log.matrix()`; an item met twice has the rank of the first time. DataError as above.
    """
    order = chronological_order(log)
    user, item = log.user[order].astype(np.int64), log.item[order].astype(np.int64)
    rank = np.arange(len(log)) - (np.cumsum(log.user_counts) - log.user_counts)[user] + 1
    _, first = np.unique(user * log.n_items + item, return_index=True)
    values: NDArray[Any] = rank[first].astype(np.float32)
    return sparse.csr_array((values, (user[first], item[first])), shape=(log.n_users, log.n_items))

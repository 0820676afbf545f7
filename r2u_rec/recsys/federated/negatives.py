"""Negatives of federated clients: a few semi-hard items, near the user or near what the user has."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from r2u_rec.errors import SettingsError

CLIENTS_AT_ONCE = 512


@torch.no_grad()
def mixed_negatives(
    vectors: Tensor, item_table: Tensor, histories: sparse.csr_array, n_draws: NDArray[Any], pool_share: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draws items that each client does not have from the client's pool, with replacement.

    The pool joins the `pool_share` of all items nearest to the client's own vector with as many nearest to the centroid of the
    client's items, by Euclidean distance, both without what the client has; an item near to both is drawn twice as often. A
    client knows the table and its own history, so that nothing else need leave or reach it.

    Args:
        vectors: (m, d) of the clients. item_table: (n_items, d).
        histories: (m, n_items) CSR of ones.
        n_draws: (m,) items to draw for each client.
        pool_share: in (0, 1]; 1 draws uniformly from all that the client does not have.

    Returns:
        (sum of n_draws,) item codes, client by client.

    Raises:
        SettingsError: a client has every item.

    Source: Yuan et al., "Federated Unlearning for On-Device Recommendation", WSDM 2023, section 4.2 (user-item mixed semi-hard negatives).
    """
    n_items = len(item_table)
    n_free = n_items - np.diff(histories.indptr)  # (m,)
    if n_free.size and n_free.min() <= 0:
        raise SettingsError(f"a client has every one of the {n_items} items, no negative is left: drop this user's records from training")
    k = max(1, round(pool_share * n_items))
    out = np.empty(int(n_draws.sum()), dtype=np.int64)
    ends = np.concatenate([[0], np.cumsum(n_draws)])
    for start in range(0, len(vectors), CLIENTS_AT_ONCE):
        stop = min(start + CLIENTS_AT_ONCE, len(vectors))
        own = histories[start:stop]
        known = torch.from_numpy(own.toarray() != 0)  # (c, n_items)
        sizes = torch.from_numpy(np.maximum(np.diff(own.indptr), 1)[:, None]).to(item_table.dtype)
        centroids = torch.from_numpy(own @ item_table.numpy()).to(item_table.dtype) / sizes  # (c, d)
        near = [
            torch.cdist(points, item_table).masked_fill_(known, torch.inf).topk(k, dim=1, largest=False).indices
            for points in (vectors[start:stop], centroids)
        ]
        pool = torch.cat(near, 1).numpy()  # (c, 2k), what the client has at the far end of each half
        client = np.repeat(np.arange(stop - start), n_draws[start:stop])
        free = np.minimum(k, n_free[start:stop])[client]
        column = np.minimum((rng.random(len(client)) * free).astype(np.int64), free - 1) + k * rng.integers(0, 2, len(client))
        out[ends[start] : ends[stop]] = pool[client, column]
    return out

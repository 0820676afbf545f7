"""A softmax over the whole catalogue: its losses, and how records meet the rows that its scores are made from."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from r2u_rec.unlearn.curvature.row_interactions import RowInteractions

CHUNK_ELEMENTS = 8_000_000
"""Scores held at once."""


def softmax_losses(hidden: Tensor, owner: Tensor, items: Tensor, table: Tensor) -> Tensor:
    """Returns (n,) -log softmax at `items` of the scores hidden[owner] @ table^T.

    Args:
        hidden: (m, d). owner: (n,) the vector that predicts each item, several items may share one. items: (n,). table: (n_items, d).
    """
    log_shares = F.log_softmax(hidden @ table.T, dim=1)  # (m, n_items)
    return -F.embedding(owner * len(table) + items, log_shares.reshape(-1, 1)).squeeze(1)  # a faster backward than indexing


@torch.no_grad()
def softmax_row_interactions(
    name: str, table: Tensor, hidden: Tensor, owner: Tensor, items: Tensor, *, n_draws: int, rng: np.random.Generator
) -> RowInteractions:
    """Returns how records meet the rows of a softmax's table.

    The derivative of a record's loss by the score of item j is p_j - [j is its item], the second one p_j (1 - p_j), for every j of the
    catalogue. `n_draws` items drawn from p itself stand for all: slope 1 / n_draws and curvature (1 - p_j) / n_draws each,
    right on average, and no record meets more than 1 + n_draws rows.

    Args:
        name: of the table's parameter. Others as in `softmax_losses`.
    """
    n, k = len(items), n_draws
    rows = torch.empty(n, 1 + k, dtype=torch.int64)
    curvatures = torch.zeros(n, 1 + k, dtype=table.dtype)
    rows[:, 0] = items
    order = torch.argsort(owner, stable=True)
    step = max(1, CHUNK_ELEMENTS // len(table))
    uniform = torch.from_numpy(rng.random((n, k))).to(table.dtype)
    for at in range(0, n, step):
        here = order[at : at + step]
        vectors, mine = torch.unique_consecutive(owner[here], return_inverse=True)
        shares = torch.softmax(hidden[vectors] @ table.T, dim=1)  # (v, n_items)
        steps = shares.cumsum(1)
        drawn = torch.searchsorted(steps[mine], uniform[here] * steps[mine, -1:], right=True).clamp_max(len(table) - 1)
        rows[here, 1:] = drawn
        curvatures[here, 1:] = (1 - shares[mine.unsqueeze(1), drawn]) / k
    slopes = torch.full((n, 1 + k), 1 / k, dtype=table.dtype)
    slopes[:, 0] = -1
    return RowInteractions(name, rows, hidden[owner].unsqueeze(1), slopes, curvatures, torch.zeros_like(slopes))

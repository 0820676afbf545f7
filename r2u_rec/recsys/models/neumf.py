"""NeuMF: a weighted product and a network side by side, one logit from both."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional as F

CHUNK_PAIRS = 400_000
"""Pairs of a person and an item scored at once."""

CHUNK_HISTORIES = 64
"""Histories that a row is fitted to at once."""

FOLD_IN_OTHERS = 100
"""Approximate number of items outside a history that represent the catalogue in its fit."""

STEP_LENGTHS = (1.0, 0.4, 0.0)
"""Of a step of that fit the best of these is taken, so that it never climbs."""


class NeuMF(nn.Module):
    """Scores a pair by w . [p_1 * q_1, network(p_2, q_2)], where a row holds both vectors: p = [p_1, p_2], q = [q_1, q_2].

    One table a side, so that an edit of an item's row sees how its two vectors share in a score. A user whose row is zero has no
    record, and scores 0 everywhere.

    Args:
        n_users, n_items: rows of the tables.
        embedding_dim: d of each of the two vectors; rows are 2 d wide.
        widths: of the network's hidden layers, at least one.
        seed: of the initial values.

    Source: He et al., "Neural Collaborative Filtering", WWW 2017, section 3.4, without pre-training.
    """

    item_rows = "item_embedding.weight"
    user_rows = "user_embedding.weight"

    def __init__(self, n_users: int, n_items: int, embedding_dim: int = 32, widths: tuple[int, ...] = (32, 16), *, seed: int) -> None:
        super().__init__()
        if embedding_dim < 1:
            raise ValueError(f"embedding_dim must be >= 1, got {embedding_dim}")
        if not widths or min(widths) < 1:
            raise ValueError(f"widths must name at least one hidden layer of width >= 1, got {widths}")
        self.embedding_dim = embedding_dim
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            self.user_embedding = nn.Embedding(n_users, 2 * embedding_dim, _weight=torch.randn(n_users, 2 * embedding_dim) * 0.1)
            self.item_embedding = nn.Embedding(n_items, 2 * embedding_dim, _weight=torch.randn(n_items, 2 * embedding_dim) * 0.1)
            self.first_of_user = nn.Linear(embedding_dim, widths[0])
            self.first_of_item = nn.Linear(embedding_dim, widths[0], bias=False)
            self.later = nn.ModuleList([nn.Linear(a, b) for a, b in pairwise(widths)])
            self.product_weight = nn.Parameter(torch.ones(embedding_dim))
            self.network_weight = nn.Linear(widths[-1], 1)

    def score_rows(self, p: Tensor, q: Tensor) -> Tensor:
        """Returns (n, k) scores of rows p, (n, 1 or k, 2 d), and q, (n or 1, k, 2 d); differentiable."""
        d = self.embedding_dim
        x = F.relu(self.first_of_user(p[..., d:]) + self.first_of_item(q[..., d:]))  # the network's first layer on [p_2, q_2]
        for layer in self.later:
            x = F.relu(layer(x))
        scores: Tensor = ((p[..., :d] * self.product_weight) * q[..., :d]).sum(-1) + self.network_weight(x).squeeze(-1)
        return scores

    def rows_of(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the rows (n, 2 d) of users (n,) and (n, k, 2 d) of items (n, k)."""
        return self.user_embedding(users), self.item_embedding(items)

    @torch.no_grad()
    def scores(self, users: NDArray[Any]) -> NDArray[np.float32]:
        """Returns (m, n_items) scores of every item for the user codes (m,); nothing is masked."""
        return self._against_all(self.user_embedding.weight[torch.as_tensor(np.asarray(users), dtype=torch.int64)])

    @torch.no_grad()
    def _against_all(self, rows: Tensor) -> NDArray[np.float32]:
        items = self.item_embedding.weight.unsqueeze(0)  # (1, n_items, 2 d)
        step = max(1, CHUNK_PAIRS // items.shape[1])
        parts = [self.score_rows(rows[at : at + step].unsqueeze(1), items) for at in range(0, len(rows), step)]
        scores = torch.cat(parts) if parts else torch.empty(0, items.shape[1])
        known = (rows != 0).any(1, keepdim=True)
        out: NDArray[np.float32] = (scores * known).float().numpy()
        return out

    @torch.no_grad()
    def fold_in(self, histories: sparse.csr_array, *, reg: float = 1.0, steps: int = 5) -> NDArray[np.float32]:
        """Returns (m, n_items) scores for histories (m, n_items) of people the model need not know, by a row fitted to each.

        A row minimises the cross-entropy of 1 on the history and, with the same weight in all, of 0 on every so many items of the catalogue
        outside it, plus reg / 2 * |p|^2, by `steps` safeguarded Gauss-Newton steps from zero, the model frozen. An empty history scores 0.
        """
        lengths = np.diff(histories.indptr)
        rows = torch.zeros(len(lengths), self.user_embedding.weight.shape[1])
        order = np.argsort(-lengths, kind="stable")[: int((lengths > 0).sum())]
        for at in range(0, len(order), CHUNK_HISTORIES):
            here = order[at : at + CHUNK_HISTORIES]
            rows[torch.from_numpy(here)] = self._fitted_rows(histories[here], reg, steps)
        return self._against_all(rows)

    def _fitted_rows(self, histories: sparse.csr_array, reg: float, steps: int) -> Tensor:
        """Returns (m, 2 d) the row that fits each history best."""
        n_items, lengths = histories.shape[1], np.diff(histories.indptr)
        others = np.arange(0, n_items, max(1, n_items // FOLD_IN_OTHERS))
        items = np.zeros((len(lengths), lengths.max() + len(others)), dtype=np.int64)
        weight = np.zeros(items.shape, dtype=np.float32)
        items[:, lengths.max() :] = others
        weight[:, lengths.max() :] = 1 - np.asarray(histories[:, others].todense()).clip(0, 1)
        weight *= (lengths / np.maximum(weight.sum(1), 1))[:, None]
        mine = np.arange(lengths.max()) < lengths[:, None]  # (m, longest)
        items[:, : lengths.max()][mine] = histories.indices
        weight[:, : lengths.max()][mine] = 1
        label = torch.zeros(items.shape)
        label[:, : lengths.max()] = 1
        w, q = torch.from_numpy(weight), self.item_embedding.weight[torch.from_numpy(items)]
        p = torch.zeros(len(lengths), q.shape[2])
        for _ in range(steps):
            with torch.enable_grad():
                wide = p.unsqueeze(1).repeat(1, items.shape[1], 1).requires_grad_()
                scores = self.score_rows(wide, q)
                (slopes,) = torch.autograd.grad(scores.sum(), [wide])  # (m, k, 2 d)
            share = torch.sigmoid(scores.detach())
            gradient = torch.einsum("mk,mkd->md", w * (share - label), slopes) + reg * p
            curvature = torch.einsum("mkd,mke->mde", slopes * (w * share * (1 - share)).unsqueeze(2), slopes)
            curvature.diagonal(dim1=1, dim2=2).add_(reg)
            move = torch.linalg.solve(curvature, gradient.unsqueeze(2)).squeeze(2)
            tried = torch.stack([p - length * move for length in STEP_LENGTHS])  # (t, m, 2 d)
            values = torch.stack([self._misfit(each, q, w, label, reg) for each in tried])  # (t, m)
            p = tried[values.argmin(0), torch.arange(len(p))]
        return p

    def _misfit(self, p: Tensor, q: Tensor, weight: Tensor, label: Tensor, reg: float) -> Tensor:
        """Returns (m,) what `fold_in` minimises."""
        losses = F.binary_cross_entropy_with_logits(self.score_rows(p.unsqueeze(1), q), label, weight=weight, reduction="none")
        return losses.sum(1) + reg / 2 * p.square().sum(1)

    @torch.no_grad()
    def forget_rows_(self, users: NDArray[Any]) -> None:
        """Sets the rows of the user codes to zero: all their scores are 0."""
        self.user_embedding.weight[torch.as_tensor(np.asarray(users), dtype=torch.int64)] = 0.0

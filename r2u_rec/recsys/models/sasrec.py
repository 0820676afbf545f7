"""SASRec: the next item from a causal transformer over what came before, and its task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional as F

from r2u_rec.data.log import InteractionLog
from r2u_rec.recsys.models.dropout import Dropout, causal_attention
from r2u_rec.recsys.tasks.sequences import Sequences, Windows, sequences_of, sequences_of_ranks, windows_before
from r2u_rec.recsys.tasks.softmax import softmax_losses

CHUNK_ROWS = 256
"""Sequences, or records, scored at once."""


class Block(nn.Module):
    """One layer: causal self-attention, then a two-layer network, each on normalised inputs and added to them."""

    def __init__(self, d: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.before_attention, self.before_network = nn.LayerNorm(d), nn.LayerNorm(d)
        self.queries_keys_values, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.network = nn.Sequential(nn.Linear(d, d), nn.ReLU(), Dropout(dropout), nn.Linear(d, d), Dropout(dropout))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (m, length, d) for (m, length, d); position t reads positions up to t."""
        m, length, d = x.shape
        qkv = self.queries_keys_values(self.before_attention(x)).view(m, length, 3, self.n_heads, d // self.n_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (m, n_heads, length, d / n_heads) each
        read = causal_attention(q, k, v, self.dropout.share if self.training else 0.0)
        x = x + self.dropout(self.out(read.transpose(1, 2).reshape(m, length, d)))
        out: Tensor = x + self.network(self.before_network(x))
        return out


class SASRec(nn.Module):
    """A causal transformer whose item table is both what it reads and what it scores with.

    The sequences are no parameter: `rebuild` sets them from records, at first and after every erasure, and the state dict does not
    hold them. No user has a row: a user without a sequence scores 0 everywhere.

    Args:
        n_users, n_items: of the log.
        embedding_dim: d, a multiple of n_heads. n_blocks: layers.
        max_length: even; inputs of a window. An item is predicted from at least max_length / 2 predecessors, or all there are.
        dropout: share in [0, 1).
        seed: of the initial values.

    Source: Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018. Deviates: a softmax over the whole catalogue instead of
        one sampled negative, which trains in fewer passes; normalisation before each part; a learned beginning, so that
        the first item has a prediction too; long histories in overlapping windows instead of being cut.
    """

    ordered = True
    item_rows = "item_embedding"
    user_rows = None

    def __init__(
        self,
        n_users: int,
        n_items: int,
        embedding_dim: int = 64,
        *,
        n_blocks: int = 2,
        n_heads: int = 1,
        max_length: int = 64,
        dropout: float = 0.2,
        seed: int,
    ) -> None:
        super().__init__()
        if embedding_dim < 1 or n_heads < 1 or embedding_dim % n_heads:
            raise ValueError(f"embedding_dim must be a multiple of n_heads, got {embedding_dim} and {n_heads}")
        if max_length < 2 or max_length % 2:
            raise ValueError(f"max_length must be even and >= 2, got {max_length}")
        self.n_users, self.n_items, self.max_length = n_users, n_items, max_length
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            std = embedding_dim**-0.5
            self.item_embedding = nn.Parameter(torch.randn(n_items, embedding_dim) * std)
            self.beginning = nn.Parameter(torch.randn(1, embedding_dim) * std)
            self.position_embedding = nn.Parameter(torch.randn(max_length, embedding_dim) * std)
            self.blocks = nn.ModuleList([Block(embedding_dim, n_heads, dropout) for _ in range(n_blocks)])
        self.last = nn.LayerNorm(embedding_dim)
        self.dropout = Dropout(dropout)
        self.sequences: Sequences | None = None

    def rebuild(self, records: InteractionLog) -> None:
        """Sets the sequences to those of `records` and nothing else.

        Raises:
            DataError: the records have no times.
            ValueError: they count other users or items than the model.
        """
        if (records.n_users, records.n_items) != (self.n_users, self.n_items):
            raise ValueError(
                f"the records count {records.n_users} users and {records.n_items} items, the model {self.n_users} and {self.n_items}: "
                "use the log that the model was made for, or one derived from it"
            )
        self.sequences = sequences_of(records)

    def hidden(self, windows: Windows) -> Tensor:
        """Returns (n, d) the vector that each prediction of `windows` is made from, differentiable."""
        codes = torch.cat([self.item_embedding, self.beginning])
        x = F.embedding(windows.inputs, codes) * codes.shape[1] ** 0.5 + self.position_embedding[: windows.inputs.shape[1]]
        x = self.dropout(x)  # (m, length, d)
        for block in self.blocks:
            x = block(x)
        x = self.last(x)
        return F.embedding(windows.window * x.shape[1] + windows.position, x.flatten(0, 1))

    def scores(self, users: NDArray[Any]) -> NDArray[np.float32]:
        """Returns (m, n_items) scores of the user codes `users` for what comes next; nothing is masked."""
        if self.sequences is None:
            raise RuntimeError("this SASRec stands on no records: call rebuild(records) first")
        return self._next(self.sequences, np.asarray(users, dtype=np.int64))

    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]:
        """Returns (m, n_items) scores for what comes after histories (m, n_items) of people the model need not know.

        The values of a history order it: oldest first with ascending values, equal ones by item code.
        """
        return self._next(sequences_of_ranks(histories), np.arange(histories.shape[0]))

    @torch.no_grad()
    def own_loss(self, histories: sparse.csr_array) -> NDArray[np.float64]:
        """Returns (m,) the mean loss in nats of the items of each history, each predicted from those before it; order as in `fold_in`."""
        sequences = sequences_of_ranks(histories)
        out = np.zeros(len(sequences.lengths))
        for start in range(0, len(out), CHUNK_ROWS):
            lengths = sequences.lengths[start : start + CHUNK_ROWS]
            rows = np.repeat(np.arange(start, start + len(lengths)), lengths)
            places = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            for at in range(0, len(rows), 16 * CHUNK_ROWS):
                here = slice(at, at + 16 * CHUNK_ROWS)
                vectors = self.hidden(windows_before(sequences, rows[here], places[here], self.max_length))
                items = torch.from_numpy(sequences.at(rows[here], places[here]))
                losses = softmax_losses(vectors, torch.arange(len(items)), items, self.item_embedding)
                out += np.bincount(rows[here], weights=losses.numpy(), minlength=len(out))
        return out / np.maximum(sequences.lengths, 1)

    @torch.no_grad()
    def _next(self, sequences: Sequences, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        out = np.zeros((len(rows), self.n_items), dtype=np.float32)
        known = np.flatnonzero(sequences.lengths[rows] > 0)
        for start in range(0, len(known), CHUNK_ROWS):
            here = known[start : start + CHUNK_ROWS]
            windows = windows_before(sequences, rows[here], sequences.lengths[rows[here]], self.max_length)
            out[here] = (self.hidden(windows) @ self.item_embedding.T).float().numpy()
        return out

    def forget_rows_(self, users: NDArray[Any]) -> None:
        """Empties the sequences of the user codes: all their scores are 0."""
        if self.sequences is not None:
            self.sequences = self.sequences.without(users)


def sasrec(embedding_dim: int = 64, **settings: Any) -> Callable[[InteractionLog, int], SASRec]:
    """Returns the builder of a `SASRec` for a log and a seed; `settings` are the model's own."""
    return lambda log, seed: SASRec(log.n_users, log.n_items, embedding_dim, seed=seed, **settings)

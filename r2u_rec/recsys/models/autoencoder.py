"""A multinomial autoencoder: a history in, a softmax over the catalogue out."""

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
from r2u_rec.recsys.tasks.softmax import softmax_losses
from r2u_rec.unlearn.curvature.row_interactions import RowInteractions

CHUNK_ROWS = 1024
"""Histories scored at once."""


class Autoencoder(nn.Module):
    """One hidden layer: hidden = tanh(sum of input rows / sqrt(length) + bias), scores = [hidden, 1] times output rows.

    Histories are no parameter: `rebuild` sets them from records, at first and after every erasure. No user has a row: who has
    no history scores 0 everywhere.

    Attributes:
        input_rows: (n_items, d). hidden_bias: (d,). output_rows: (n_items, d + 1), the last column an item's bias.

    Args:
        n_users, n_items: of the log.
        embedding_dim: d.
        dropout: share of a history's items that the encoder does not see in training, in [0, 1).
        seed: of the initial values.

    Source: Mult-DAE of Liang et al., "Variational Autoencoders for Collaborative Filtering", WWW 2018, with one hidden layer; the bias is
        a column of the output rows, so that one row holds all that an item is scored with.
    """

    item_rows = "output_rows"
    user_rows = None

    def __init__(self, n_users: int, n_items: int, embedding_dim: int = 64, *, dropout: float = 0.5, seed: int) -> None:
        super().__init__()
        if embedding_dim < 1:
            raise ValueError(f"embedding_dim must be >= 1, got {embedding_dim}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {dropout}")
        generator = torch.Generator().manual_seed(seed)
        self.n_users, self.n_items, self.dropout = n_users, n_items, dropout
        self.input_rows = nn.Parameter(torch.randn(n_items, embedding_dim, generator=generator) * embedding_dim**-0.5)
        self.hidden_bias = nn.Parameter(torch.zeros(embedding_dim))
        output = torch.randn(n_items, embedding_dim + 1, generator=generator) * embedding_dim**-0.5
        output[:, -1] = 0
        self.output_rows = nn.Parameter(output)
        self.histories: sparse.csr_array | None = None

    def rebuild(self, records: InteractionLog) -> None:
        """Sets the histories to those of `records` and nothing else; ValueError when they count other users or items than the model."""
        if (records.n_users, records.n_items) != (self.n_users, self.n_items):
            raise ValueError(
                f"the records count {records.n_users} users and {records.n_items} items, the model {self.n_users} and {self.n_items}: "
                "use the log that the model was made for, or one derived from it"
            )
        self.histories = records.matrix()

    def hidden(self, histories: sparse.csr_array) -> Tensor:
        """Returns (m, d + 1) the hidden vectors of (m, n_items) histories, the last column 1; differentiable."""
        before = self.before(histories)
        return torch.cat([torch.tanh(before), torch.ones_like(before[:, :1])], dim=1)

    def before(self, histories: sparse.csr_array) -> Tensor:
        """Returns (m, d) the sums that go into the tanh; in training some items of each history are left out."""
        lengths = np.diff(histories.indptr)
        weights = torch.from_numpy(np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths)).to(self.input_rows)
        items, starts = (torch.from_numpy(part.astype(np.int64)).to(weights.device) for part in (histories.indices, histories.indptr[:-1]))
        if self.training and self.dropout > 0:
            weights = weights * (torch.rand_like(weights) >= self.dropout) / (1 - self.dropout)
        return F.embedding_bag(items, self.input_rows, starts, mode="sum", per_sample_weights=weights) + self.hidden_bias

    @torch.no_grad()
    def input_row_interactions(
        self, histories: sparse.csr_array, owner: Tensor, items: Tensor, *, n_draws: int, rng: np.random.Generator
    ) -> RowInteractions:
        """Returns how interactions meet the input rows; each stands for the row of its own item.

        With s the scores of a history's hidden vector h, p their softmax and y an output row, the derivative of h by an input row is
        D = diag(1 - h^2) / sqrt(length). The gradient of the history's n losses is D sum of (mean of y under p - y_item), the
        Gauss-Newton curvature n D Cov_p(y) D, in which `n_draws` items drawn from p stand for the catalogue.

        Args:
            histories: (m, n_items). owner, items: (n,) row and item of each interaction.
        """
        d = self.input_rows.shape[1]
        hidden = self.hidden(histories)  # (m, d + 1)
        shares = torch.softmax(hidden @ self.output_rows.T, dim=1)  # (m, n_items)
        y = self.output_rows[:, :d]
        mean = shares @ y  # (m, d)
        lengths = torch.from_numpy(np.maximum(np.diff(histories.indptr), 1)).to(y)
        slope_of_hidden = (1 - hidden[:, :d].square()) / lengths.sqrt().unsqueeze(1)  # (m, d)
        n_losses = torch.bincount(owner, minlength=len(hidden)).to(y)
        total = n_losses.unsqueeze(1) * mean - torch.zeros_like(mean).index_add_(0, owner, y[items])
        steps = shares.cumsum(1)
        uniform = torch.from_numpy(rng.random((len(items), n_draws))).to(y)
        features = torch.empty(len(items), 1 + n_draws, d, dtype=y.dtype)
        features[:, 0] = total[owner]
        for start in range(0, len(items), CHUNK_ROWS):
            mine = owner[start : start + CHUNK_ROWS]
            of_mine = steps[mine]
            drawn = torch.searchsorted(of_mine, uniform[start : start + CHUNK_ROWS] * of_mine[:, -1:], right=True).clamp_max(len(y) - 1)
            features[start : start + CHUNK_ROWS, 1:] = y[drawn] - mean[mine].unsqueeze(1)
        features *= slope_of_hidden[owner].unsqueeze(1)
        slopes, curvatures = (torch.zeros(len(items), 1 + n_draws, dtype=y.dtype) for _ in range(2))
        slopes[:, 0] = 1
        curvatures[:, 1:] = n_losses[owner].unsqueeze(1) / n_draws
        rows = items.unsqueeze(1).expand(-1, 1 + n_draws)
        return RowInteractions("input_rows", rows, features, slopes, curvatures, torch.zeros_like(slopes))

    def scores(self, users: NDArray[Any]) -> NDArray[np.float32]:
        """Returns (m, n_items) scores of the user codes `users`; nothing is masked."""
        if self.histories is None:
            raise RuntimeError("this Autoencoder stands on no records: call rebuild(records) first")
        return self.fold_in(self.histories[np.asarray(users, dtype=np.int64)])

    @torch.no_grad()
    def fold_in(self, histories: sparse.csr_array) -> NDArray[np.float32]:
        """Returns (m, n_items) scores for histories (m, n_items) of people the model need not know; an empty one scores 0."""
        out = np.zeros(histories.shape, dtype=np.float32)
        for start in range(0, len(out), CHUNK_ROWS):
            part = histories[start : start + CHUNK_ROWS]
            scores = (self.hidden(part) @ self.output_rows.T).float().numpy()
            out[start : start + CHUNK_ROWS] = scores * (np.diff(part.indptr) > 0)[:, None]
        return out

    @torch.no_grad()
    def own_loss(self, histories: sparse.csr_array) -> NDArray[np.float64]:
        """Returns (m,) the mean loss in nats of the items of each history, given the whole of it."""
        rows = np.repeat(np.arange(histories.shape[0]), np.diff(histories.indptr))
        items = torch.from_numpy(histories.indices.astype(np.int64))
        losses = softmax_losses(self.hidden(histories), torch.from_numpy(rows), items, self.output_rows).numpy()
        sums = np.bincount(rows, weights=losses, minlength=histories.shape[0])
        return np.asarray(sums / np.maximum(np.diff(histories.indptr), 1))

    def forget_rows_(self, users: NDArray[Any]) -> None:
        """Empties the histories of the user codes: all their scores are 0."""
        if self.histories is not None:
            keep = np.ones(self.n_users, dtype=np.float32)
            keep[np.asarray(users, dtype=np.int64)] = 0
            left = sparse.csr_array(sparse.diags_array(keep) @ self.histories)
            left.eliminate_zeros()
            self.histories = left


def autoencoder(embedding_dim: int = 64, *, dropout: float = 0.5) -> Callable[[InteractionLog, int], Autoencoder]:
    """Returns the builder of an `Autoencoder` for a log and a seed."""
    return lambda log, seed: Autoencoder(log.n_users, log.n_items, embedding_dim, dropout=dropout, seed=seed)

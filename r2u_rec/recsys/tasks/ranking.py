"""RankingTask: implicit feedback as a `core.Task`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.negatives import popularity_negatives, present_negatives, uniform_negatives
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids
from r2u_rec.recsys.models.factorization import MatrixFactorization
from r2u_rec.recsys.models.interaction import interaction
from r2u_rec.recsys.models.lightgcn import LightGCN
from r2u_rec.recsys.models.neumf import NeuMF
from r2u_rec.recsys.tasks.losses import bce_derivatives, bce_loss, bpr_loss
from r2u_rec.unlearn.curvature.row_interactions import RowInteractions

Negatives = Literal["uniform", "popularity", "present"]
DRAWS = {"uniform": uniform_negatives, "popularity": popularity_negatives, "present": present_negatives}


class RankingBatch(NamedTuple):
    """Interactions with their negatives: users (n,) and items (n, 1 + n_negatives), column 0 the positive."""

    users: Tensor
    items: Tensor


Build = Callable[[InteractionLog, int], nn.Module]


@runtime_checkable
class ScoresRows(Protocol):
    """A model whose scores are made from two rows otherwise than as their product.

    Others offer `lookup(users, items)` -> the vectors (n, d) and (n, k, d) whose products are the scores.
    """

    def rows_of(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the rows (n, d) of users (n,) and (n, k, d) of items (n, k)."""
        ...

    def score_rows(self, p: Tensor, q: Tensor) -> Tensor:
        """Returns (n, k) scores of user rows p, (n, 1 or k, d), and item rows q, (n, k, d); differentiable."""
        ...


def matrix_factorization(embedding_dim: int = 64, *, sparse: bool = True) -> Build:
    """Returns the builder of a `MatrixFactorization` for a log and a seed."""
    return lambda log, seed: MatrixFactorization(log.n_users, log.n_items, embedding_dim, seed=seed, sparse=sparse)


def lightgcn(embedding_dim: int = 64, n_layers: int = 3) -> Build:
    """Returns the builder of a `LightGCN` for a log and a seed; its graph is that of the log."""

    def build(log: InteractionLog, seed: int) -> nn.Module:
        model = LightGCN(log.n_users, log.n_items, embedding_dim, n_layers, seed=seed)
        model.rebuild(log)
        return model

    return build


def neumf(embedding_dim: int = 32, widths: tuple[int, ...] = (32, 16)) -> Build:
    """Returns the builder of a `NeuMF` for a log and a seed."""
    return lambda log, seed: NeuMF(log.n_users, log.n_items, embedding_dim, widths, seed=seed)


@dataclass(frozen=True)
class RankingTask:
    """Ranks items for users from implicit feedback.

    Attributes:
        build: (log, seed) -> untrained model.
        loss: "bpr" or "bce".
        negatives: "uniform", "popularity" (count^.75) or "present" (uniform over items that have a record); drawn against the
            current records, never a known positive of the user there: an item that a user has forgotten may be drawn as a negative again.
        n_negatives: negatives an interaction.
        reg: L2 penalty on the vectors of each interaction, reg / 2 * (|p|^2 + |q|^2 + mean |q_negative|^2).
    """

    build: Build
    loss: Literal["bpr", "bce"] = "bpr"
    negatives: Negatives = "uniform"
    n_negatives: int = 1
    reg: float = 0.0

    def __post_init__(self) -> None:
        if self.loss not in ("bpr", "bce"):
            raise SettingsError(f"loss must be 'bpr' or 'bce', got {self.loss!r}")
        if self.negatives not in DRAWS:
            raise SettingsError(f"negatives must be one of {', '.join(DRAWS)}, got {self.negatives!r}")
        if self.n_negatives < 1:
            raise SettingsError(f"n_negatives must be >= 1, got {self.n_negatives}")
        if self.reg < 0:
            raise SettingsError(f"reg must be >= 0, got {self.reg}")

    def model(self, records: InteractionLog, *, seed: int) -> nn.Module:
        """Returns a fresh model for the users and items of `records`."""
        return self.build(records, seed)

    def batch(self, records: InteractionLog, ids: Ids, *, rng: np.random.Generator) -> RankingBatch:
        """Returns the interactions `ids` (any order) with negatives drawn against all of `records`."""
        rows = records.positions(ids)
        users, positives = records.user[rows], records.item[rows]
        items = np.empty((len(rows), 1 + self.n_negatives), dtype=np.int64)
        items[:, 0] = positives
        items[:, 1:] = DRAWS[self.negatives](records, users, self.n_negatives, rng)
        return RankingBatch(torch.from_numpy(users.astype(np.int64)), torch.from_numpy(items))

    def concatenate(self, batches: Sequence[RankingBatch]) -> RankingBatch:
        """Returns one batch, so that one forward pass serves several."""
        return RankingBatch(torch.cat([b.users for b in batches]), torch.cat([b.items for b in batches]))

    def shares_work(self, model: Any) -> bool:
        """Returns whether the model propagates a whole graph at each pass."""
        return hasattr(model, "rebuild")

    def losses(self, model: Any, batch: RankingBatch) -> Tensor:
        """Returns (n,) one loss an interaction."""
        return self.objective(model, batch)[0]

    def objective(self, model: Any, batch: RankingBatch) -> tuple[Tensor, Tensor]:
        """Returns (n,) losses and (n,) penalties on the vectors that each interaction touches."""
        if isinstance(model, ScoresRows):
            p, q = model.rows_of(batch.users, batch.items)
            return self._values(model.score_rows(p.unsqueeze(1), q), interaction(p, q)[1])
        return self.of_vectors(*model.lookup(batch.users, batch.items))

    def of_vectors(self, p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        """Returns (n,) losses and (n,) penalties of user vectors (n, d) and item vectors (n, 1 + k, d), the positive first."""
        return self._values(*interaction(p, q))

    def _values(self, scores: Tensor, norms: Tensor) -> tuple[Tensor, Tensor]:
        """Returns losses and penalties of scores (n, 1 + k) and norms (n,)."""
        losses = bpr_loss(scores) if self.loss == "bpr" else bce_loss(scores)
        return losses, self.reg / 2 * norms

    def chance(self, records: InteractionLog) -> float:
        """Returns the loss in nats of a model that scores everything alike: log 2 for BPR, 2 log 2 for BCE."""
        return float(np.log(2.0)) * (1 if self.loss == "bpr" else 2)

    def attach(self, model: Any, records: InteractionLog) -> None:
        """Makes `model` stand on `records` alone: its graph is rebuilt, and the rows of users without records are emptied."""
        absent = np.flatnonzero(records.user_counts == 0)
        if hasattr(model, "rebuild"):
            model.rebuild(records)
        model.forget_rows_(absent)

    @torch.no_grad()
    def row_interactions(
        self, model: Any, records: InteractionLog, ids: Ids, *, n_draws: int, rng: np.random.Generator
    ) -> list[RowInteractions]:
        """Returns how interactions meet the item rows, through the user vector, and the user rows, through item vectors.

        The item rows are those that scores are made from: the embedding itself, or the correction that a graph model adds
        to its propagated table. Where a score is no product of the two, the derivative of the score by one row takes the place of the
        other's vector (Gauss-Newton).
        """
        batch = replace(self, n_negatives=n_draws).batch(records, ids, rng=rng)
        if isinstance(model, ScoresRows):
            scores, p, q = _slopes(model, batch)  # (n, 1 + k), (n, 1 + k, d) twice
        else:
            p, q = model.lookup(batch.users, batch.items)  # (n, d), (n, 1 + k, d)
            p = p.unsqueeze(1)
            scores = (p * q).sum(-1)
        slopes, curvatures = self._derivatives(scores)  # (n, 1 + k)
        ridges = torch.full_like(slopes, self.reg / n_draws)
        ridges[:, 0] = self.reg
        item_rows = RowInteractions(model.item_rows, batch.items, p, slopes, curvatures, ridges)
        if model.user_rows is None:
            return [item_rows]
        users = batch.users.unsqueeze(1)
        if self.loss == "bpr":  # one score a pair: x_ui - x_uj
            own = (
                users.expand(-1, n_draws),
                q[:, :1] - q[:, 1:],
                -slopes[:, 1:],
                curvatures[:, 1:],
                torch.full_like(slopes[:, 1:], self.reg / n_draws),
            )
        else:
            own_ridges = torch.full_like(slopes, self.reg / (1 + n_draws))
            own = (users.expand(-1, 1 + n_draws), q, slopes, curvatures, own_ridges)
        return [item_rows, RowInteractions(model.user_rows, *own, own=True)]

    def _derivatives(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Returns first and second derivative (n, 1 + k) of each loss by each score."""
        k = scores.shape[1] - 1
        if self.loss == "bpr":
            s = torch.sigmoid(scores[:, 1:] - scores[:, :1])  # (n, k)
            w = s * (1 - s)
            return torch.cat([-s.mean(1, keepdim=True), s / k], 1), torch.cat([w.mean(1, keepdim=True), w / k], 1)
        return bce_derivatives(scores)


def _slopes(model: ScoresRows, batch: RankingBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the scores (n, k), and (n, k, d) their derivatives by the item's and by the user's row."""
    p, q = (rows.detach() for rows in model.rows_of(batch.users, batch.items))
    with torch.enable_grad():
        p = p.unsqueeze(1).repeat(1, q.shape[1], 1).requires_grad_()
        q = q.requires_grad_()
        scores = model.score_rows(p, q)
        by_p, by_q = torch.autograd.grad(scores.sum(), [p, q])
    return scores.detach(), by_q, by_p

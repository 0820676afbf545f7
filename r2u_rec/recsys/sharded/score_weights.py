"""Learned weights over the scores of shards: one number a shard, non-negative (GraphEraser) or free (UltraRE's combiner)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from r2u_rec.core.step import Step, StepInput, Terms, objective
from r2u_rec.core.training import Training, fit_
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.recsys.sharded.combined import CombinedTables
from r2u_rec.recsys.sharded.shard_tables import Absent, ShardTables, joined, shard_tables
from r2u_rec.rng import stream

TRAINING = Training(epochs=10, batch_size=4096, lr=0.02)


class WeightedTables(nn.Module):
    """Scores sum_s w_s z_s + b, where z_s is the score of shard s with standard deviation 1 over all users and items; shards are frozen."""

    users: Tensor
    items: Tensor
    speaks: Tensor

    def __init__(self, held: ShardTables) -> None:
        super().__init__()
        k = len(held.users)
        speaks = held.speaks_users.any(1)  # (k,)
        scaled = held.users / score_spread(held)[:, None, None]
        self.register_buffer("users", scaled, persistent=False)
        self.register_buffer("items", held.items.clone(), persistent=False)
        self.register_buffer("speaks", speaks, persistent=False)
        self.weights = nn.Parameter(speaks / speaks.sum().clamp_min(1))  # 1/k each
        self.bias = nn.Parameter(torch.zeros(()))
        self.k = k

    def lookup(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Returns (n, k + 1) weights and (n, m, k + 1) scores by shard, of which none is learned; their products are the scores."""
        z = torch.linalg.vecdot(self.users[:, users].unsqueeze(2), self.items[:, items]).permute(1, 2, 0)  # (n, m, k)
        p = torch.cat([self.weights, self.bias[None]]).expand(len(users), -1)
        return p, torch.cat([z, z.new_ones(*z.shape[:2], 1)], 2)

    @torch.no_grad()
    def served(self) -> CombinedTables:
        """Returns the tables that give the weighted scores; the bias, the same for all items, is left out."""
        p = (self.weights[:, None, None] * self.users).transpose(0, 1).flatten(1)  # (n_users, k * d)
        return CombinedTables(p, self.items.transpose(0, 1).flatten(1).clone())


def score_spread(held: ShardTables) -> Tensor:
    """Returns (k,) the standard deviation of each shard's scores over all users and items, from Gram matrices; never 0."""
    p, q = held.users.double(), held.items.double()
    n = p.shape[1] * q.shape[1]
    squares = ((p.mT @ p) * (q.mT @ q)).sum((1, 2)) / n  # (k,)
    means = (p.mean(1) * q.mean(1)).sum(1)
    return (squares - means.square()).clamp_min(1e-12).sqrt().float()


@dataclass(frozen=True)
class ScoreWeights:
    """An `Aggregate` that learns one weight a shard from the records that remain, anew at each call; shards are never changed.

    With the same models, parts and seed it gives the same bytes. The served model has the vectors of all shards side by side,
    (k * d) wide, so that the tables it answers from can be probed.

    Attributes:
        training: how the weights are learned.
        loss: "bpr" or "bce", over the weighted scores.
        nonnegative: keeps weights >= 0 at each step and divides them by their sum at the end; False leaves them free.
        penalty: times the norm of the weights, added to the loss.
        sample_users: learns on the records of at most so many users, drawn anew at each call; None is all.
        absent: vectors of users and items without records in a shard, see `shard_tables`.

    Source: Chen et al. 2022, Graph Unlearning (GraphEraser), LBAggr: there cross-entropy over classes, penalty 1, 1,000 nodes; its
        released code adds the output of the other shards into that of the first. Li et al. 2023, UltraRE: a simple combiner.
    """

    training: Training = TRAINING
    loss: Literal["bpr", "bce"] = "bpr"
    nonnegative: bool = True
    penalty: float = 0.0
    sample_users: int | None = 1000
    absent: Absent = "fold"

    def __post_init__(self) -> None:
        if not self.penalty >= 0:
            raise SettingsError(f"penalty must be >= 0, got {self.penalty}")
        if self.sample_users is not None and self.sample_users < 1:
            raise SettingsError(f"sample_users must be >= 1 or None for all, got {self.sample_users}")

    def __call__(self, task: Any, models: Sequence[nn.Module], parts: Sequence[InteractionLog], *, seed: int) -> nn.Module:
        weighted = WeightedTables(shard_tables(models, parts, self.absent))
        records = joined(parts)
        present = np.flatnonzero(records.user_counts)
        if self.sample_users is not None and len(present) > self.sample_users:
            chosen = stream(seed, "weights", "sample").choice(present, self.sample_users, replace=False)
            records = records.keep(records.ids_of_users(chosen))
        fit_(
            weighted,
            replace(task, loss=self.loss, reg=0.0),
            records,
            training=self.training,
            seed=int(stream(seed, "weights", "fit").integers(2**31)),
            step=_step(self.nonnegative, self.penalty),
            progress=False,
        )
        with torch.no_grad():
            if self.nonnegative:
                weighted.weights.clamp_(min=0)
                total = weighted.weights.sum()
                weighted.weights.copy_(weighted.weights / total if total > 0 else weighted.speaks / weighted.speaks.sum())
        return weighted.served()


def _step(nonnegative: bool, penalty: float) -> Step:
    def step(s: StepInput) -> Terms:
        (weights,) = (p for name, p in s.model.named_parameters() if name == "weights")
        if nonnegative:
            with torch.no_grad():
                weights.clamp_(min=0)
        _, values = objective(s.task, s.model, s.batch(s.ids))
        loss = values.mean() + penalty * torch.linalg.vector_norm(weights)
        loss.backward()
        return {"loss": loss.detach()}

    return step

"""Attention aggregation: one vector from those of all shards, each brought to a common space and weighted by what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from r2u_rec.core.training import Training, fit_
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import SettingsError
from r2u_rec.recsys.sharded.combined import CombinedTables
from r2u_rec.recsys.sharded.shard_tables import Absent, ShardTables, joined, shard_tables
from r2u_rec.rng import stream

TRAINING = Training(epochs=10, batch_size=8192, lr=1e-2, schedule="linear")


class AttentiveTables(nn.Module):
    """Learns to mix frozen shard vectors e_s: e = sum_s w_s e'_s with e'_s = e_s W_s + b_s and w = softmax_s(h . relu(e'_s A + a)).

    W_s and b_s are shared by users and items, A, a and h are not. Shards without a say on a row get the weight 0 there.
    """

    users: Tensor
    items: Tensor
    speaks_users: Tensor
    speaks_items: Tensor

    def __init__(self, held: ShardTables, hidden: int, dropout: float, *, seed: int) -> None:
        super().__init__()
        k, _, d = held.users.shape
        generator = torch.Generator().manual_seed(seed)
        for name, table in vars(held).items():  # buffers: the shards are frozen
            self.register_buffer(name, table, persistent=False)
        self.dropout = nn.Dropout(dropout)
        self.transform = nn.Parameter(procrustes_rotations(held))
        self.shift = nn.Parameter(torch.zeros(k, d))
        self.into = nn.ParameterList([torch.randn(d, hidden, generator=generator) / d**0.5 for _ in range(2)])
        self.bias = nn.ParameterList([torch.zeros(hidden) for _ in range(2)])
        self.ask = nn.ParameterList([torch.zeros(hidden) for _ in range(2)])  # all shards weigh the same at first

    def mixed(self, side: int, rows: Tensor) -> Tensor:
        """Returns (m, d) vectors of the rows (m,), users where `side` is 0 and items where it is 1."""
        vectors, speaks = ((self.users, self.speaks_users), (self.items, self.speaks_items))[side]
        speaks = speaks[:, rows].unsqueeze(-1)  # (k, m, 1)
        moved = torch.baddbmm(self.shift.unsqueeze(1), vectors[:, rows], self.transform)  # (k, m, d)
        asked = torch.relu(moved @ self.into[side] + self.bias[side]) @ self.ask[side]  # (k, m)
        weights = torch.softmax(asked.unsqueeze(-1).masked_fill(~speaks, -1e30), dim=0) * speaks  # (k, m, 1)
        return (weights * moved).sum(0)

    def lookup(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Returns vectors (n, d) of users (n,) and (n, k, d) of items (n, k); each row that occurs is computed once."""
        out = []
        for side, rows in enumerate((users, items)):
            unique, where = torch.unique(rows, return_inverse=True)
            out.append(nn.functional.embedding(where, self.mixed(side, unique)))
        return self.dropout(out[0]), out[1]

    @torch.no_grad()
    def served(self) -> CombinedTables:
        """Returns the mixed tables of this moment, apart from the shards."""
        return CombinedTables(*(self.mixed(side, torch.arange(n)) for side, n in ((0, self.users.shape[1]), (1, self.items.shape[1]))))


def procrustes_rotations(held: ShardTables, rounds: int = 5) -> Tensor:
    """Returns (k, d, d) turns after which the vectors that shards hold of the same users and items agree as well as turns can make them.

    Products within a shard are what they were: only the axes change. Without common rows a turn is arbitrary.

    Source: Gower 1975, generalised Procrustes analysis: each shard in turn is fitted to the mean of all by a singular value decomposition.
    """
    vectors = torch.cat([held.users, held.items], 1)  # (k, n, d)
    speaks = torch.cat([held.speaks_users, held.speaks_items], 1).unsqueeze(-1)
    turns = torch.eye(vectors.shape[2]).repeat(len(vectors), 1, 1)
    mean = vectors[int(speaks.sum(1).argmax())]  # at first those of the shard that says most
    for _ in range(rounds):
        left, _, right = torch.linalg.svd(vectors.mT @ mean)  # a product of the rows that both speak on: silent vectors are 0
        turns = left @ right
        mean = (vectors @ turns).sum(0) / speaks.sum(0).clamp_min(1)
    return turns


@dataclass(frozen=True)
class Attention:
    """An `Aggregate` that learns `AttentiveTables` on the records of all parts, by the task's own loss, and serves the mixed tables.

    It is learned anew at each call from the models and parts it is given, for a fixed number of epochs and with no validation: after
    an erasure nothing of an earlier aggregation is left. With the same models, parts and seed it gives the same bytes, so that
    it keeps the exactness of a partition that does not depend on data. It reads all retained records at each call.

    Attributes:
        training: how it is learned.
        hidden: of the attention; None is half the width of the vectors.
        dropout: share of the user vector's entries that are dropped while learning.
        reg: the task's L2 penalty, here on the mixed vectors; None keeps that of the task.
        absent: vectors of users and items without records in a shard, see `shard_tables`.

    Source: Chen et al. 2022, Recommendation Unlearning (RecEraser), section 3.4. There untrained initial vectors take part
        (absent="initial"), learning stops early by test figures, and the penalty is on W_s. There W_s and h start at random; here W_s
        starts where the shards agree best and h at 0, so that learning starts from the mean of aligned vectors: on ml-1m
        with 5 shards of users the mean alone ranks as well as `served()`, and a random start is worse after five epochs.
    """

    training: Training = TRAINING
    hidden: int | None = None
    dropout: float = 0.0
    reg: float | None = None
    absent: Absent = "fold"

    def __post_init__(self) -> None:
        if self.hidden is not None and self.hidden < 1:
            raise SettingsError(f"hidden must be >= 1 or None, got {self.hidden}")
        if not 0 <= self.dropout < 1:
            raise SettingsError(f"dropout must lie in [0, 1), got {self.dropout}")

    def __call__(self, task: Any, models: Sequence[nn.Module], parts: Sequence[InteractionLog], *, seed: int) -> nn.Module:
        held = shard_tables(models, parts, self.absent)
        d = held.users.shape[2]
        mixing = AttentiveTables(held, self.hidden or max(1, d // 2), self.dropout, seed=int(stream(seed, "attention").integers(2**31)))
        own = task if self.reg is None else replace(task, reg=self.reg)
        fit_(mixing, own, joined(parts), training=self.training, seed=int(stream(seed, "aggregate").integers(2**31)), progress=False)
        return mixing.served()

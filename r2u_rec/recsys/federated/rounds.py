"""Federated matrix factorisation: users keep their records and their own vectors; the server keeps the item table.

An in-process simulation: no federated engine fits beside the other libraries (flwr[simulation] conflicts with recbole's ray and
downgrades packages). What a network would carry, and what a client could not do, is kept apart by hand: a client reads the item table,
its own vector and its own records, and sends changes of item rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import CapabilityError, DivergenceError, SettingsError
from r2u_rec.recsys.federated.negatives import mixed_negatives
from r2u_rec.recsys.models.factorization import MatrixFactorization
from r2u_rec.recsys.tasks.ranking import RankingBatch, RankingTask
from r2u_rec.rng import stream

AGGREGATES = ("mean", "root", "sum")


@dataclass(frozen=True)
class Federated:
    """Settings of federated training.

    Attributes:
        rounds: in which clients train. client_share: of the clients with records that take part in a round, in (0, 1].
        local_epochs: steps of a client in a round, each over all of its records.
        lr: of plain gradient steps on item rows, whose gradients are summed over a client's records: a row changes by as much as the
            client meets it. user_lr: of Adam on the client's own vector. Both fall linearly to 0 over the rounds.
        negative_share: negatives that a client draws for a round, for each of its records; its records share them.
        pool_share: of all items that make each half of the pool of semi-hard negatives; 1 draws uniformly.
        aggregate: what the server adds to an item row from n clients that changed it: the "sum" of their changes, their "mean", or
            the sum divided by the "root" of n.

    On the validation part of ml-100k (seed 900, d = 64) these defaults give NDCG@20 .250 where ordinary training gives .272. Semi-hard
    negatives, FRU's own, lower it (5 local epochs: .246 by a whole pool, .239 by a fifth); so do "sum" (.225) and Adam on item rows (.221).

    Source: FRU's federated training (WSDM 2023: 200 rounds of 10 % of the clients, beta = .5 for `negative_share`). The client's
        optimisers (Adam's moments begin anew in each round), the linear decay and the aggregate are ours.
    """

    rounds: int = 200
    client_share: float = 0.1
    local_epochs: int = 10
    lr: float = 0.05
    user_lr: float = 0.03
    negative_share: float = 0.5
    pool_share: float = 1.0
    aggregate: Literal["mean", "root", "sum"] = "root"

    def __post_init__(self) -> None:
        for name in ("rounds", "local_epochs"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be >= 1, got {getattr(self, name)}")
        for name in ("client_share", "pool_share"):
            if not 0 < getattr(self, name) <= 1:
                raise SettingsError(f"{name} must lie in (0, 1], got {getattr(self, name)}")
        for name in ("lr", "user_lr", "negative_share"):
            if not (getattr(self, name) > 0 and math.isfinite(getattr(self, name))):
                raise SettingsError(f"{name} must be > 0 and finite, got {getattr(self, name)}")
        if self.aggregate not in AGGREGATES:
            raise SettingsError(f"aggregate must be one of {', '.join(AGGREGATES)}, got {self.aggregate!r}")


@dataclass(frozen=True)
class Updates:
    """What the clients of one round send: changes of item rows.

    Attributes:
        clients: (m,) int32 ascending user codes.
        owner: (n,) int32 user code of each row, ascending. item: (n,) int32 item code.
        change: (n, d) what the client changed the row by.
    """

    clients: NDArray[np.int32]
    owner: NDArray[np.int32]
    item: NDArray[np.int32]
    change: Tensor

    def aggregated(self, n_items: int, how: str) -> Tensor:
        """Returns (n_items, d) what the server adds to the item table."""
        item = torch.from_numpy(self.item.astype(np.int64))
        total = torch.zeros(n_items, self.change.shape[1], dtype=self.change.dtype).index_add_(0, item, self.change)
        if how == "sum":
            return total
        n = torch.bincount(item, minlength=n_items).clamp_min(1).to(total.dtype)
        return total / (n if how == "mean" else n.sqrt())[:, None]


Listen = Callable[[int, Updates], None]
"""(round, updates) -> None: called with what reaches the server."""


@dataclass(frozen=True)
class FederatedTrainer:
    """Trains a matrix factorisation by federated rounds; a `core.Trainer`, so that any method can train so.

    LightGCN is refused: its propagation needs edges of other people, which no client has.

    Attributes:
        settings: of the rounds. listen: called with the updates of each round.
    """

    settings: Federated = field(default_factory=Federated)
    listen: Listen | None = None

    def train(self, task: RankingTask, records: InteractionLog, *, seed: int) -> nn.Module:
        """Returns a fresh model fitted to `records`; the same seed gives the same bytes.

        Raises:
            CapabilityError: a model other than a matrix factorisation.
            SettingsError: no records, or a user who has every item.
            DivergenceError: a change that is not finite.
        """
        model = factorization_of(task, records, seed=seed)
        histories = records.matrix()
        users, items = (table.detach() for table in model.tables())
        for t in range(self.settings.rounds):
            clients = clients_of(np.diff(histories.indptr), self.settings, stream(seed, "federated", "clients", t))
            updates = trained_locally_(task, users, items, histories, clients, self.settings, t, seed=seed)
            items += updates.aggregated(len(items), self.settings.aggregate)
            if self.listen is not None:
                self.listen(t, updates)
        task.attach(model, records)
        return model.eval()


def factorization_of(task: RankingTask, records: InteractionLog, *, seed: int) -> MatrixFactorization:
    """Returns the task's untrained model, which must be a matrix factorisation; SettingsError when there are no records."""
    if len(records) == 0:
        raise SettingsError("there are 0 records to train on: check the filter or the split")
    model = task.model(records, seed=seed)
    if not isinstance(model, MatrixFactorization):
        raise CapabilityError(
            f"federated training needs a MatrixFactorization, whose user rows can stay with the users, the task builds a "
            f"{type(model).__name__}: train it with a GradientTrainer"
        )
    return model


def clients_of(counts: NDArray[Any], settings: Federated, rng: np.random.Generator) -> NDArray[np.int32]:
    """Returns (m,) ascending user codes that take part in a round, among those with records; at least one."""
    eligible_users = np.flatnonzero(counts)
    return np.sort(rng.choice(eligible_users, size=max(1, round(settings.client_share * len(eligible_users))), replace=False)).astype(
        np.int32
    )


class LocalTables(nn.Module):
    """The vectors of m clients and each one's own copies of the item rows that it trains, as a model of the task."""

    def __init__(self, users: Tensor, items: Tensor) -> None:
        super().__init__()
        self.users, self.items = nn.Parameter(users), nn.Parameter(items)

    def lookup(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Returns (n, d) vectors of clients (n,) and (n, k, d) of copies (n, k)."""
        return self.users[users], nn.functional.embedding(items, self.items)


def trained_locally_(
    task: RankingTask,
    users: Tensor,
    items: Tensor,
    histories: sparse.csr_array,
    clients: NDArray[np.int32],
    settings: Federated,
    t: int,
    *,
    seed: int,
    epochs: int | None = None,
) -> Updates:
    """Lets `clients` train in round `t`: their rows of `users` change in place, what they did to item rows is returned.

    All clients step at once on copies that no two share, which gives each the very numbers that it would have alone.

    Args:
        users: (n_users, d), of which a client sees its own row. items: (n_items, d), the server's table, left as it is.
        histories: (n_users, n_items) CSR of ones.
        epochs: in place of `local_epochs`.
    """
    rng = stream(seed, "federated", "local", t)
    own, rows = histories[clients], torch.from_numpy(clients.astype(np.int64))
    n_own = np.diff(own.indptr)
    owner = np.repeat(np.arange(len(clients)), n_own)  # (n,) the client of each record
    n_negatives = np.ceil(settings.negative_share * n_own).astype(np.int64)
    negatives = mixed_negatives(users[rows], items, own, n_negatives, settings.pool_share, rng)
    n_items = len(items)
    pairs = np.concatenate([owner * n_items + own.indices, np.repeat(np.arange(len(clients)), n_negatives) * n_items + negatives])
    copies, at = np.unique(pairs, return_inverse=True)
    positives, negatives = at[: len(owner)], at[len(owner) :]
    first, drawn = (np.cumsum(n_negatives) - n_negatives)[owner], n_negatives[owner]
    item = torch.from_numpy(copies % n_items)
    local = LocalTables(users[rows], items[item])  # indexing copies
    left = 1 - t / settings.rounds
    by_adam = torch.optim.Adam([local.users], lr=settings.user_lr * left)
    by_gradient = torch.optim.SGD([local.items], lr=settings.lr * left)
    batch_users = torch.from_numpy(owner)
    for _ in range(settings.local_epochs if epochs is None else epochs):
        chosen = first[:, None] + (rng.random((len(owner), task.n_negatives)) * drawn[:, None]).astype(np.int64)
        batch = RankingBatch(batch_users, torch.from_numpy(np.concatenate([positives[:, None], negatives[chosen]], 1)))
        losses, penalties = task.objective(local, batch)
        local.zero_grad(set_to_none=True)
        (losses + penalties).sum().backward()  # type: ignore[no-untyped-call]
        by_adam.step()
        by_gradient.step()
    change = local.items.detach() - items[item]
    if not (torch.isfinite(change).all() and torch.isfinite(local.users).all()):
        raise DivergenceError(
            f"a change of round {t} is not finite (lr {settings.lr:g}, user_lr {settings.user_lr:g}): lower the learning rates"
        )
    users[rows] = local.users.detach()
    return Updates(clients, clients[copies // n_items], (copies % n_items).astype(np.int32), change)

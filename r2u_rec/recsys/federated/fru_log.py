"""The log of federated updates: what each client sent in each round, compressed to the rows that changed most."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from r2u_rec.core.stored import StoredParts, StoredSource, as_tensor
from r2u_rec.recsys.federated.rounds import Updates


@dataclass(frozen=True)
class UpdateLog:
    """Everything that forgetting needs of the past.

    Attributes:
        users, items: (n_users, d) and (n_items, d) tables before the first round. Rows of users who are gone are zero.
        rounds: what is kept of each round; a client who lost only some records stays among the round's clients without any rows.
    """

    stored_as: ClassVar[str] = "federated_log"

    users: Tensor
    items: Tensor
    rounds: tuple[Updates, ...]

    def parts(self) -> StoredParts:
        """Returns both tables and the updates of each round."""
        tensors = {"users": self.users, "items": self.items}
        for t, r in enumerate(self.rounds):
            tensors |= {f"{t} {name}": as_tensor(getattr(r, name)) for name in ("clients", "owner", "item")} | {f"{t} change": r.change}
        return StoredParts(tensors, {"n_rounds": len(self.rounds)})

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the log that was written."""
        kept = source.tensors
        rounds = (
            Updates(kept[f"{t} clients"].numpy(), kept[f"{t} owner"].numpy(), kept[f"{t} item"].numpy(), kept[f"{t} change"])
            for t in range(source.values["n_rounds"])
        )
        return cls(kept["users"], kept["items"], tuple(rounds))

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        tensors = [self.users, self.items, *(r.change for r in self.rounds)]
        arrays = [array for r in self.rounds for array in (r.clients, r.owner, r.item)]
        return sum(t.numel() * t.element_size() for t in tensors) + sum(array.nbytes for array in arrays)

    def without(self, touched: NDArray[Any], gone: NDArray[Any]) -> UpdateLog:
        """Returns the log without any row of the user codes `touched`, and in which `gone` of them never took part."""
        users = self.users.clone()
        users[torch.from_numpy(np.asarray(gone, dtype=np.int64))] = 0.0
        rounds = []
        for r in self.rounds:
            kept = ~np.isin(r.owner, touched)
            clients = r.clients[~np.isin(r.clients, gone)]
            rounds.append(replace(r, clients=clients, owner=r.owner[kept], item=r.item[kept], change=r.change[torch.from_numpy(kept)]))
        return UpdateLog(users, self.items, tuple(rounds))


def compressed(updates: Updates, share: float) -> Updates:
    """Returns the updates of which each client keeps the `share` of its rows (at least one) whose change has the largest norm."""
    norms = updates.change.norm(dim=1).numpy()
    order = np.lexsort((-norms, updates.owner))  # client by client, the largest change first
    owner = updates.owner[order]
    starts = np.searchsorted(owner, owner)
    rank = np.arange(len(owner)) - starts
    sizes = np.searchsorted(owner, owner, side="right") - starts
    kept = np.sort(order[rank < np.maximum(np.ceil(share * sizes), 1)])
    return replace(updates, owner=updates.owner[kept], item=updates.item[kept], change=updates.change[torch.from_numpy(kept)])

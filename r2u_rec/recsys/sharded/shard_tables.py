"""Tables of all shards: the vectors of every user and item in every shard, and the shards of each user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.recsys.serving.fold_in import ridge_vectors
from r2u_rec.recsys.sharded.sharding import SERVING

Absent = Literal["fold", "silent", "initial"]
ABSENTS = ("fold", "silent", "initial")


@dataclass(frozen=True)
class ShardTables:
    """Vectors of all shards, frozen.

    Attributes:
        users, items: (k, n_users, d) and (k, n_items, d), 0 where the shard has no say.
        speaks_users, speaks_items: (k, n_users) and (k, n_items) bool, whether the shard has a say on the user or item.
    """

    users: Tensor
    items: Tensor
    speaks_users: Tensor
    speaks_items: Tensor


def joined(parts: Sequence[InteractionLog]) -> InteractionLog:
    """Returns the records of disjoint parts of one log as one log again."""
    order = np.argsort(np.concatenate([part.ids for part in parts]), kind="stable")

    def column(name: str) -> Any:
        return None if getattr(parts[0], name) is None else np.concatenate([getattr(part, name) for part in parts])[order]

    return replace(parts[0], **{name: column(name) for name in ("ids", "user", "item", "time", "rating")})


def shard_tables(models: Sequence[nn.Module], parts: Sequence[InteractionLog], absent: Absent = "fold") -> ShardTables:
    """Returns the vectors of all shards as they are now.

    Args:
        models: one a shard, with `tables()`, attached to its part.
        parts: the records of each shard.
        absent: the vector of a user without records in a shard: "fold", the vector that fits the user's whole history on the shard's item
            table by ridge (items likewise, by those who have them, on the user table); "silent", nothing; "initial", the
            vector that it drew before training. A user without a record in any shard gets no vector in any case.

    Raises:
        CapabilityError: a model has no `tables()`. SettingsError: tables of different widths, or an unknown `absent`.
    """
    if absent not in ABSENTS:
        raise SettingsError(f"absent must be one of {', '.join(ABSENTS)}, got {absent!r}")
    for model in models:
        if not hasattr(model, "tables"):
            raise CapabilityError(
                f"{type(model).__name__} has no tables(): learned aggregation needs the vectors of each shard, use served()"
            )
    with torch.no_grad():
        tables = [tuple(table.detach().float().clone() for table in model.tables()) for model in models]  # type: ignore[operator]
    widths = {table.shape[1] for pair in tables for table in pair}
    if len(widths) > 1:
        raise SettingsError(f"the shards' vectors have widths {sorted(widths)}: shards must agree in their embedding_dim")
    history = joined(parts).matrix()
    sides = []
    for side, of, whole in ((0, "user_counts", history), (1, "item_counts", sparse.csr_array(history.T))):
        held = torch.from_numpy(np.stack([getattr(part, of) for part in parts]) > 0)  # (k, n)
        vectors = torch.stack([pair[side] for pair in tables])  # (k, n, d)
        known = held.any(0)
        sized = held.any(1, keepdim=True)  # a shard without records has no say
        speaks = (held if absent == "silent" else known.expand_as(held)) & sized
        if absent == "fold":
            for shard in np.flatnonzero(sized.numpy()):
                missing = (known & ~held[shard]).numpy().nonzero()[0]
                if missing.size:
                    vectors[shard, missing] = _folded(tables[shard], side, whole[missing], held[shard])
        sides.append((vectors * speaks.unsqueeze(-1), speaks))
    return ShardTables(sides[0][0], sides[1][0], sides[0][1], sides[1][1])


def _folded(pair: tuple[Tensor, ...], side: int, histories: sparse.csr_array, held: Tensor) -> Tensor:
    """Returns (m, d) vectors of one side fitted on the other side's table, as long on average as those that the shard learned."""
    own = pair[side][held]
    found = ridge_vectors(pair[1 - side], histories, **SERVING)
    return found * (own.square().sum(1).mean() / found.square().sum(1).mean().clamp_min(1e-12)).sqrt()

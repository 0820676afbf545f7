"""A small log, models whose vectors the test chooses, and a task that writes down which records it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.recsys.tasks.ranking import RankingTask

N_USERS, N_ITEMS = 40, 20
TRAINER = GradientTrainer(Training(epochs=3, batch_size=64, lr=0.05), progress=False)
QUICK = Training(epochs=2, batch_size=128, lr=0.02)


def log_of(user: Any, item: Any, n_users: int = N_USERS, n_items: int = N_ITEMS) -> InteractionLog:
    keys = [Vocabulary.of([f"{kind} {i}" for i in range(n)]) for kind, n in (("person", n_users), ("thing", n_items))]
    return InteractionLog(np.arange(len(user)) * 3 + 1000, np.asarray(user, np.int32), np.asarray(item, np.int32), None, None, *keys)


def small_log(seed: int = 0) -> InteractionLog:
    """About a third of all pairs; the last user and the last item have no record."""
    has = np.random.default_rng(seed).random((N_USERS, N_ITEMS)) < 0.35
    has[-1] = has[:, -1] = False
    return log_of(*np.nonzero(has))


class Vectors(nn.Module):
    """Tables that the test chooses."""

    def __init__(self, users: Any, items: Any) -> None:
        super().__init__()
        self.pair = torch.as_tensor(users, dtype=torch.float32), torch.as_tensor(items, dtype=torch.float32)

    def tables(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.pair


@dataclass(frozen=True)
class Known:
    """A trainer that gives the tables that the test chooses, whatever the records."""

    users: Any
    items: Any

    def train(self, task: Any, records: Any, *, seed: int) -> Vectors:
        return Vectors(self.users, self.items)


@dataclass(frozen=True)
class Noted(RankingTask):
    """The task as it is, which writes down every record that it makes a batch of."""

    asked: set[int] = field(default_factory=set)

    def batch(self, records: Any, ids: Any, *, rng: np.random.Generator) -> Any:
        self.asked.update(np.asarray(ids).tolist())
        return super().batch(records, ids, rng=rng)


def state(model: nn.Module) -> bytes:
    return b"".join(value.numpy().tobytes() for value in model.state_dict().values())

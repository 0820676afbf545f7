"""A tiny transformer that learns by heart which class each sequence has, for tests of unlearning layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.ids import as_ids, positions_of

N_SYMBOLS, LENGTH, N_CLASSES, DIM = 12, 5, 4, 16


@dataclass(frozen=True)
class Sequences:
    """Records: symbols (n, LENGTH) and a class (n,) each. The class is the first symbol modulo four, but of the odd ones out."""

    ids: Any
    symbols: Any
    label: Any

    def __len__(self) -> int:
        return len(self.ids)

    def keep(self, ids: Any) -> Self:
        at = positions_of(self.ids, as_ids(ids))
        return replace(self, ids=self.ids[at], symbols=self.symbols[at], label=self.label[at])

    def drop(self, ids: Any) -> Self:
        return self.keep(np.delete(self.ids, positions_of(self.ids, as_ids(ids))))


def sequences(n: int = 96, n_odd: int = 8, seed: int = 0) -> Sequences:
    rng = np.random.default_rng(seed)
    symbols = rng.integers(0, N_SYMBOLS, (n, LENGTH))
    label = symbols[:, 0] % N_CLASSES
    label[:n_odd] = (label[:n_odd] + 1) % N_CLASSES  # learned by heart, or not at all
    return Sequences(np.arange(n, dtype=np.int64) * 3 + 1, symbols, label)


class Encoder(nn.Module):
    """An embedding, one transformer layer, a linear head on the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(N_SYMBOLS, DIM)
        self.position = nn.Parameter(0.1 * torch.randn(LENGTH, DIM))
        self.block = nn.TransformerEncoderLayer(DIM, 2, 2 * DIM, dropout=0.1, batch_first=True)
        self.head = nn.Linear(DIM, N_CLASSES)

    def forward(self, symbols: Tensor) -> Tensor:
        return self.head(self.block(self.embedding(symbols) + self.position).mean(1))  # (n, N_CLASSES)


class Classify:
    """Cross-entropy of the class of each sequence."""

    def model(self, records: Sequences, *, seed: int) -> Encoder:
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            return Encoder()

    def batch(self, records: Sequences, ids: Any, *, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        at = np.searchsorted(records.ids, ids)
        return torch.from_numpy(records.symbols[at]), torch.from_numpy(records.label[at])

    def losses(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none")

    def attach(self, model: nn.Module, records: Sequences) -> None:
        pass


TRAINER = GradientTrainer(Training(epochs=60, batch_size=32, lr=0.01), progress=False)


def mean_loss(model: nn.Module, records: Sequences) -> float:
    task = Classify()
    with torch.no_grad():
        return float(task.losses(model, task.batch(records, records.ids, rng=np.random.default_rng(0))).mean())

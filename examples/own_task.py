"""A task of one's own, with nobody to recommend to: a small classifier of points, prepared for losing one of its classes.

    python examples/own_task.py

What the core needs of a problem is four functions: model, batch, losses, attach.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.protocols import Split
from r2u_rec.core.strategies import standard
from r2u_rec.core.training import Training, fit_
from r2u_rec.ids import as_ids, positions_of
from r2u_rec.unlearn.gradient_ascent import GradientAscent

N_CLASSES = 5


@dataclass(frozen=True)
class Points:
    ids: Any
    x: Any  # (n, 2) float32
    label: Any  # (n,) int64

    def __len__(self) -> int:
        return len(self.ids)

    def keep(self, ids: Any) -> Points:
        at = positions_of(self.ids, as_ids(ids))
        return replace(self, ids=self.ids[at], x=self.x[at], label=self.label[at])

    def drop(self, ids: Any) -> Points:
        return self.keep(np.setdiff1d(self.ids, ids))


class Classify:
    def model(self, records: Points, *, seed: int) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, N_CLASSES))

    def batch(self, records: Points, ids: Any, *, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        at = np.searchsorted(records.ids, ids)
        return torch.from_numpy(records.x[at]), torch.from_numpy(records.label[at])

    def losses(self, model: nn.Module, batch: Any) -> torch.Tensor:
        return F.cross_entropy(model(batch[0]), batch[1], reduction="none")

    def attach(self, model: nn.Module, records: Points) -> None:
        """Nothing in this model derives from data but its parameters."""

    def chance(self, records: Points) -> float:
        return float(np.log(N_CLASSES))


def accuracy(model: nn.Module, points: Points) -> float:
    with torch.no_grad():
        return float((model(torch.from_numpy(points.x)).argmax(1).numpy() == points.label).mean())


def main() -> None:
    rng, task = np.random.default_rng(0), Classify()
    label = np.arange(2000) % N_CLASSES
    angle = 2 * np.pi * label / N_CLASSES
    x = np.stack([np.cos(angle), np.sin(angle)], 1) + 0.25 * rng.normal(size=(2000, 2))
    points = Points(np.arange(2000), x.astype(np.float32), label)
    forget = points.ids[label == 0]  # the class that may be withdrawn
    split = Split(forget, points.ids[label != 0], forget[:0])
    training, prepared = (
        Training(epochs=30, batch_size=64, lr=5e-3),
        Preparation(alpha=0.06, geometry="sign", bound="chance", delta=True, epochs=10),
    )
    ascent = GradientAscent(steps=200, lr=2e-3, optimizer="adam", target="chance")
    for name, step in (("standard", standard), ("Ready2Unlearn", Ready2Unlearn(split, prepared))):
        model = task.model(points, seed=0)
        fit_(model, task, points, training=training, seed=0, step=step)
        steps: list[int] = []
        after = copy.deepcopy(model)
        rule = replace(ascent, stop=lambda moved, done, loss, steps=steps: steps.append(done) is not None)
        rule.edit_(task, after, points.keep(forget), None, seed=0)
        for said, now in (("before", model), ("after", after)):
            gone, left = (accuracy(now, points.keep(ids)) for ids in (split.forget, split.retain))
            print(f"{name:<14}{said:<7} accuracy on the class {gone:.3f}, on the others {left:.3f}")
        print(f"{name:<14}{len(steps)} ascent steps to chance level; the class is hidden, not proven gone")


if __name__ == "__main__":
    main()

"""Unlearning layers: low-rank additions to a frozen model, trained by a selective teacher, merged, and fused from request to request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from r2u_rec.core.protocols import B, Rec, Task
from r2u_rec.core.step import objective, to_device
from r2u_rec.core.stored import StoredParts, StoredSource
from r2u_rec.errors import DivergenceError, SettingsError
from r2u_rec.ids import Ids
from r2u_rec.rng import stream
from r2u_rec.unlearn.layers.fusion import Layer, fuse
from r2u_rec.unlearn.layers.student import Student, matching_matrix_names

DISTANCES = ("likelihood", "squared")


@dataclass(frozen=True)
class LayersMemory:
    """What is kept from request to request: the layer that stands on each weight now, by the weight's name."""

    stored_as: ClassVar[str] = "unlearning_layers"

    layers: dict[str, Layer]

    def parts(self) -> StoredParts:
        """Returns the layers."""
        return StoredParts(values={"weights": list(self.layers)}, inner=dict(self.layers))

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the memory that was written."""
        return cls({name: source.inner(name) for name in source.values["weights"]})

    @property
    def nbytes(self) -> int:
        """Bytes kept."""
        return sum(layer.nbytes for layer in self.layers.values())


@dataclass(frozen=True)
class UnlearningLayers:
    """Trains layers that make a frozen model forget. A tuner for `Tuned`; approximate; reads the request and retained records.

    The model (teacher) never trains. A copy of it (student) with a low-rank addition left @ right on each chosen weight
    minimises, over pairs of a retained and a forget batch,

        (1 - forget_weight) * mean [task objective + distance(teacher, student)]  over retained
        + forget_weight * mean distance(target, student)                          over forget,

    where what is compared is made of the loss of each example, so that the same code serves any task: by default the log-odds z of what
    was observed, z = -log(exp(loss) - 1), which for a pairwise logistic loss is the difference of scores itself. The target of a
    forget example is z_teacher - push * ReLU(z_augmented - z_teacher) - margin, where an augmented student was trained on the
    forget records for as many steps: finite, so that the student settles on it. It stands for "away from the teacher" and "reversed
    task loss", which without a bound destroy the model.

    Layers of a later request train from the same frozen model and are fused with the earlier ones in closed form (`fuse`).

    What remains: the frozen weights keep the imprint of the forgotten records: it is covered, not removed. The memory holds the fused
    layer, so that
    access to the memory allows the layer to be subtracted and the old weights to be recovered; with `keep_layers=False` nothing is kept and
    a later request trains on the merged model. Erased rows are emptied by `attach`, whatever a layer adds to them.

    Attributes:
        steps: of training, each on one retained and one forget batch; and as many for the augmented student where push > 0.
        lr: of Adam. rank: of each layer, at most the smaller side of the weight.
        batch_size: records in each batch.
        forget_weight: in (0, 1).
        push: of what the augmented student gains. margin: taken off beside it, in the same unit.
        distance: "likelihood": the Kullback-Leibler divergence between two Bernoulli variables of the observation, with log-odds z; for
            losses that are negative log-likelihoods. "squared": half the squared difference, with z = -loss.
        tables: shell patterns of the weights that get a layer; None takes every trainable matrix.
        keep_layers: keep the layer for fusing.

    The defaults were chosen for matrix factorisation, d = 64, with a layer on the table that all records share, on the validation part of
    ml-100k (seed 900), where a request of 200 steps takes two thirds of the time of retraining. Lower ranks do
    not forget there (at push = 2 rank 32 leaves an AUC of .86, 16 with smaller batches .97, full rank .48), and neither does a margin
    without the augmented student (AUC .93 at 60 % of the quality).

    Source: Chen and Yang 2023, "Unlearn What You Want to Forget", sections 3.1 to 3.3 (layers, selective teacher, fusing); the
        bounded target is that of E2URec (Wang et al. 2024), which lowers the logits where the augmented model raises them (there
        push = 2, rank 16, forget_weight .4). Ours: distances between losses instead of whole distributions, so that any task will do.
    """

    steps: int = 100
    lr: float = 0.01
    rank: int = 64
    batch_size: int = 8192
    forget_weight: float = 0.5
    push: float = 1.25
    margin: float = 0.0
    distance: Literal["likelihood", "squared"] = "likelihood"
    tables: tuple[str, ...] | None = None
    keep_layers: bool = True
    reads_retained: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("steps", "rank", "batch_size"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be >= 1, got {getattr(self, name)}")
        if not self.lr > 0:
            raise SettingsError(f"lr must be > 0, got {self.lr}")
        if not 0 < self.forget_weight < 1:
            raise SettingsError(f"forget_weight must lie in (0, 1), got {self.forget_weight}")
        if not (self.push >= 0 and self.margin >= 0 and self.push + self.margin > 0):
            raise SettingsError(
                f"push and margin must be >= 0 and not both 0, got {self.push} and {self.margin}: the target would be the teacher itself"
            )
        if self.distance not in DISTANCES:
            raise SettingsError(f"distance must be one of {', '.join(DISTANCES)}, got {self.distance!r}")

    def remember(self, task: Task[Rec], model: nn.Module, records: Rec, *, seed: int) -> LayersMemory:
        """Keeps no layers yet; SettingsError when `tables` matches no matrix of the model."""
        matching_matrix_names(model, self.tables)
        return LayersMemory({})

    def edit_(self, task: Task[Rec], model: nn.Module, forget: Rec, left: Rec, memory: LayersMemory, *, seed: int) -> LayersMemory:
        """Merges new layers into `model`; returns the memory with the layers that now stand on it.

        Raises:
            DivergenceError: the objective is not finite.
            SettingsError: losses below 0 with distance="likelihood".
        """
        _add_(model, memory.layers, -1.0)  # the frozen model
        names = matching_matrix_names(model, self.tables)
        model.eval()
        augmented = None
        if self.push > 0:
            augmented = Student(model, names, self.rank, self.lr, stream(seed, "layers", "augmented"))
            self._train(task, model, augmented, None, forget, None, seed=seed)
        student = Student(model, names, self.rank, self.lr, stream(seed, "layers", "student"))
        self._train(task, model, student, augmented, forget, left, seed=seed)
        new = student.trained(lambda m: self._pass(task, m, forget, seed=seed))
        fused = {name: fuse([memory.layers[name], layer]) if name in memory.layers else layer for name, layer in new.items()}
        _add_(model, fused, 1.0)
        return LayersMemory(fused if self.keep_layers else {})

    def _train(
        self, task: Task[Rec], teacher: nn.Module, student: Student, augmented: Student | None, forget: Rec, left: Rec | None, *, seed: int
    ) -> None:
        """Trains the student's layers; with `left` None, on the forget records' own objective (augmented)."""
        part = "augmented" if left is None else "student"
        for step in range(self.steps):
            rng = stream(seed, "layers", part, "step", step)
            batch = _batch(task, forget, self._some(forget.ids, rng), student, rng)
            if left is None:
                loss = objective(task, student.model, batch)[1].mean()
            else:
                target = self._target(task, teacher, augmented, batch)
                loss = self.forget_weight * self._distance(target, self._strength(task.losses(student.model, batch))).mean()
                if len(left):
                    batch = _batch(task, left, self._some(left.ids, rng), student, rng)
                    losses, values = objective(task, student.model, batch)
                    with torch.no_grad():
                        wanted = self._strength(task.losses(teacher, batch))
                    loss = loss + (1 - self.forget_weight) * (values + self._distance(wanted, self._strength(losses))).mean()
            if not torch.isfinite(loss):
                raise DivergenceError(
                    f"the objective of the {part} layers is {float(loss.detach())} at step {step} (lr {self.lr:g}): lower lr or push"
                )
            student.step(loss)

    @torch.no_grad()
    def _target(self, task: Task[Any, B], teacher: nn.Module, augmented: Student | None, batch: B) -> Tensor:
        """Returns (n,) the strengths at which forgetting is enough."""
        strength = self._strength(task.losses(teacher, batch))
        target = strength - self.margin
        if augmented is not None:
            target = target - self.push * torch.relu(self._strength(task.losses(augmented.model, batch)) - strength)
        return target

    def _strength(self, losses: Tensor) -> Tensor:
        """Returns (n,) how strongly the model holds each example: log-odds, or the negative loss."""
        return log_odds(losses) if self.distance == "likelihood" else -losses

    def _distance(self, wanted: Tensor, found: Tensor) -> Tensor:
        """Returns (n,) how far the strengths `found` are from those wanted."""
        return bernoulli_kl(wanted, found) if self.distance == "likelihood" else 0.5 * (found - wanted).square()

    def _some(self, ids: Ids, rng: np.random.Generator) -> Ids:
        return rng.choice(ids, size=self.batch_size, replace=False) if self.batch_size < len(ids) else ids

    def _pass(self, task: Task[Rec], model: nn.Module, records: Rec, *, seed: int) -> None:
        """Runs the model over the records once."""
        device = next(model.parameters()).device
        for start in range(0, len(records), self.batch_size):
            rng = stream(seed, "layers", "features", start)
            task.losses(model, to_device(task.batch(records, records.ids[start : start + self.batch_size], rng=rng), device))


def log_odds(losses: Tensor) -> Tensor:
    """Returns (n,) the log-odds of what has the probability exp(-loss): -log(exp(loss) - 1), at most 14.

    Raises:
        SettingsError: a loss below 0.
    """
    if (losses.detach() < 0).any():
        raise SettingsError(
            f"distance='likelihood' needs losses >= 0 (negative log-likelihoods), got {float(losses.detach().min()):.3g}: "
            "use distance='squared'"
        )
    losses = losses.clamp_min(1e-6)  # at 0 the odds are infinite
    return -losses - torch.log(-torch.expm1(-losses))


def bernoulli_kl(wanted: Tensor, found: Tensor) -> Tensor:
    """Returns (n,) the Kullback-Leibler divergence from coins with log-odds `wanted` to coins with log-odds `found`."""
    return torch.sigmoid(wanted) * (wanted - found) + softplus(found) - softplus(wanted)


def _batch(task: Task[Rec, B], records: Rec, ids: Ids, student: Student, rng: np.random.Generator) -> B:
    return to_device(task.batch(records, ids, rng=rng), next(student.model.parameters()).device)


@torch.no_grad()
def _add_(model: nn.Module, layers: dict[str, Layer], sign: float) -> None:
    """Adds the layers to the weights, or takes them off again."""
    for name, layer in layers.items():
        model.get_parameter(name).add_(layer.delta, alpha=sign)

"""RetainRegularised: an ascent on the records to forget with a descent on those that stay beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from r2u_rec.core.protocols import Rec, Task
from r2u_rec.core.step import objective, to_device
from r2u_rec.errors import SettingsError
from r2u_rec.rng import stream
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.preference import NegativePreference


@dataclass(frozen=True)
class RetainRegularised:
    """Descends -L_f + weight * L_r: the ascent as it is, with the objective of a batch of retained records drawn anew at each step.

    With `GradientAscent` it is the gradient-difference form, with `NegativePreference` NPO with a retain term; bounds, targets and
    stop rules are theirs, and they see the forget loss alone. Approximate: an ascent that stops early leaves a residual imprint. Reads
    the request and samples of what remains; keeps nothing. During the ascent the model stands on all records, as in training: a graph
    loses its edges afterwards.

    Attributes:
        ascent: the ascent, and which tables move; the retain term moves the same.
        weight: of the mean objective (loss and penalties) of the retained batch, >= 0. The forget term is a mean or a sum, as `ascent`
            says: beside a sum the weight must grow with the request.
        batch_size: retained records a step; None takes them all. The noise of small batches is what costs quality, more than the steps.

    On ml-100k (BPR matrix factorisation, one in ten leaves) on the validation part of seeds 900 to 902 the weight here, with all
    records, beside an ascent with optimizer="adam", lr=.005 and one table, forgot after 49 steps, bounded by "cap" at 1 nat after
    56, by NPO with beta=1 after 52, each with nearly the quality of retraining; batches of 8192 lost some 5 to 15 %. The number of
    steps depends on the data: use a stop rule.

    Source: gradient difference as in Liu, Liu and Stone (2022), "Continual Learning and Private Unlearning", and the TOFU benchmark (Maini
        et al. 2024); with NPO: Zhang et al. (2024), section 3.
    """

    ascent: GradientAscent | NegativePreference
    weight: float = 6.0
    batch_size: int | None = None

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise SettingsError(f"weight of the retain term must be >= 0, got {self.weight}")
        if self.batch_size is not None and self.batch_size < 1:
            raise SettingsError(f"batch_size must be >= 1 or None, got {self.batch_size}")

    def check(self, task: object) -> None:
        """Raises CapabilityError when the ascent needs of the task what it lacks."""
        self.ascent.check(task)

    def remember(self, task: Task[Rec], model: nn.Module, records: Rec, *, seed: int) -> None:
        """Keeps nothing."""

    def edit_(self, task: Task[Rec], model: nn.Module, forget: Rec, left: Rec, memory: None, *, seed: int) -> None:
        """Edits in place, in eval mode; raises DivergenceError when a loss is not finite."""
        if len(left) == 0:
            self.ascent.climb_(task, model, forget, seed=seed)
            return
        device = next(model.parameters()).device
        n = min(self.batch_size or len(left), len(left))

        def retained(model: nn.Module, done: int) -> Tensor:
            rng = stream(seed, "retained", done)
            ids = rng.choice(left.ids, size=n, replace=False) if n < len(left) else np.array(left.ids)
            values = objective(task, model, to_device(task.batch(left, ids, rng=rng), device))[1]
            return self.weight * values.mean()

        self.ascent.climb_(task, model, forget, seed=seed, beside=retained)

"""Influence: one Newton step away from the records to forget, with the curvature of all that the model stands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor, nn

from r2u_rec.core.protocols import B, Rec, Task
from r2u_rec.core.step import objective
from r2u_rec.errors import SettingsError
from r2u_rec.unlearn.curvature.flat import FlatParameters, HessianProduct, batches, dense_twin, summed_gradient
from r2u_rec.unlearn.curvature.solvers import ConjugateGradient, Solver

Rows = Callable[[Task, nn.Module, Any, Any], Mapping[str, Tensor]]
"""(task, model, forget, left) -> rows that may move, by parameter name."""
Replaced = Callable[[Task, nn.Module, Any, Any], Tensor]
"""(task, model, batch of the request, left) -> (n,) losses under the labels that the records that stay suggest."""


@dataclass(frozen=True)
class Influence:
    """theta' = theta + length (H + damping I)^-1 g, g the summed gradient of the request's objective (penalties included).

    On a quadratic objective without damping one step of length 1 from its minimum equals retraining when H is that of what remains,
    and is the tangent of retraining in the weight of the request when H is that of everything. Elsewhere it is approximate: what
    the step leaves of third order, of directions with less curvature than `damping`, and of parameters that do not move, remains.
    Reads the request and all records that stay, at every product with H; keeps nothing.

    H and g are sums over records, not means: (1 / n) times the inverse of the mean's Hessian is the same thing. A damping of .01
    on the Hessian of the mean is one of .01 n here, which keeps nearly the whole imprint on tables whose rows meet few records each.

    Damping was measured on ml-100k (BPR matrix factorisation, one table, validation part, seeds 900 to 902): .2 forgets at length 1,
    .1 at .9, .4 at 1.2; 1 leaves nearly everything. With both tables the damping that makes H definite does. 8 draws were not tuned.

    Attributes:
        damping: added to the diagonal of H, >= 0.
        length: of the step.
        tables: shell patterns of the parameters that may move; None takes all. A model that is a product of two tables is convex in
            each alone and not in both: then damping must exceed its most negative curvature, or the solver says so.
        rows: which rows of them may move; None takes all. The others stay bit for bit.
        hessian: "retained" that of the records that stay, standing on themselves (down-dated); "all" that of everything.
        spill_over: add to g, for each record that stays, the gradient of its loss while the model stands on everything less that while
            it stands on what remains (a graph without the edges): the second half of what leaving changes. 0 where a record's
            loss depends on no other record; records whose loss does not change add 0, so that they need not be found.
        stationary: the model is taken for a minimum of its objective, as all influence functions do; False takes minus the gradient
            of what remains in place of g: a Newton step that also makes up for training that ended early.
        replaced: forget the labels of the request instead of its records: their losses under these labels are then part of what
            remains, and leave g. Use with hessian="all".
        n_draws: draws of what a task samples beside each record, averaged, in gradients; H takes one. Fewer than in `BlockNewton`,
            because gradients run over all records that stay; the committed figures have 8.
        batch_size: records differentiated at once; a larger one saves half of the time when it holds all, and costs memory.

    Source: Koh and Liang (2017), sections 2 and 3, for one record; sums of records and down-dating as in Guo et al. (2020), "Certified
        Data Removal", eq. 2. spill_over: Zhang et al. (2023), IFRU, whose released code solves by Adam at a rate of 5e3 to 2e4 and stops by
        the quality on records with flipped labels; there is no such signal in an erasure, and here a linear solver runs to
        its tolerance. rows and replaced: Li et al. (2023), SCIF.
    """

    damping: float = 0.2
    length: float = 1.0
    tables: tuple[str, ...] | None = None
    rows: Rows | None = None
    hessian: Literal["retained", "all"] = "retained"
    spill_over: bool = False
    stationary: bool = True
    replaced: Replaced | None = None
    solver: Solver = field(default_factory=ConjugateGradient)
    n_draws: int = 8
    batch_size: int = 131_072

    def __post_init__(self) -> None:
        if not self.damping >= 0:
            raise SettingsError(f"damping must be >= 0, got {self.damping}")
        if not self.length >= 0:
            raise SettingsError(f"length must be >= 0, got {self.length}")
        if self.hessian not in ("retained", "all"):
            raise SettingsError(f"hessian must be 'retained' or 'all', got {self.hessian!r}")
        for name in ("n_draws", "batch_size"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be >= 1, got {getattr(self, name)}")

    def remember(self, task: Task[Rec], model: nn.Module, records: Rec, *, seed: int) -> None:
        """Keeps nothing."""

    def edit_(self, task: Task[Rec], model: nn.Module, forget: Rec, left: Rec, memory: None, *, seed: int) -> None:
        """Moves the model in place; DivergenceError when the solver does not reach its tolerance. Nothing to do when none is left."""
        if len(left) == 0:
            return
        moving = FlatParameters(model, self.tables, None if self.rows is None else self.rows(task, model, forget, left))
        # One stands on everything, as the model was trained, the other on what remains; both at the same parameters.
        whole, after = dense_twin(task, model), dense_twin(task, model, left)
        for twin in (whole, after):
            for name, p in twin.named_parameters():
                p.requires_grad_(name in moving.names)
        right = self._right(task, whole, after, moving, forget, left, seed)
        step = self.solver.solve(self._hessian(task, whole, after, moving, forget, left, seed), right, self.damping)
        moving.add_(model, self.length * step)

    def _right(
        self, task: Task[Rec, B], whole: nn.Module, after: nn.Module, moving: FlatParameters, forget: Rec, left: Rec, seed: int
    ) -> Tensor:
        """Returns (m,) g: minus the gradient of the objective that remains, as far as it is known not to be 0."""

        def gradient(model: nn.Module, records: Rec, name: str, losses: Callable[[nn.Module, B], Tensor] | None = None) -> Tensor:
            device = next(model.parameters()).device
            found = batches(task, records, self.batch_size, n_draws=self.n_draws, seed=seed, name=name, device=device)
            return summed_gradient(task, model, moving, found, 1 / self.n_draws, losses)

        if not self.stationary:
            right = -gradient(after if self.spill_over else whole, left, "influence retained")
        else:
            right = gradient(whole, forget, "influence request")
            if self.spill_over:
                right += gradient(whole, left, "influence retained") - gradient(after, left, "influence retained")
        if self.replaced is None:
            return right

        def relabelled(model: nn.Module, batch: B) -> Tensor:
            losses, values = objective(task, model, batch)
            return self.replaced(task, model, batch, left) + values - losses  # type: ignore[misc]

        return right - gradient(whole, forget, "influence request", relabelled)

    def _hessian(
        self, task: Task[Rec, B], whole: nn.Module, after: nn.Module, moving: FlatParameters, forget: Rec, left: Rec, seed: int
    ) -> Callable[[Tensor], Tensor]:
        device = next(whole.parameters()).device

        def drawn(records: Rec, name: str) -> list[B]:
            return list(batches(task, records, self.batch_size, n_draws=1, seed=seed, name=name, device=device))

        kept = drawn(left, "curvature retained")
        if self.hessian == "retained":
            return HessianProduct(task, after, moving, kept)
        parts = [HessianProduct(task, whole, moving, kept), HessianProduct(task, whole, moving, drawn(forget, "curvature request"))]
        return lambda vector: parts[0](vector) + parts[1](vector)

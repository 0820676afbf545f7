"""The settings of Ready2Unlearn, and the combinations that are refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from r2u_rec.core.prepare.bounds import BOUNDS, Bound
from r2u_rec.core.prepare.direction import GEOMETRIES, Geometry, Planned
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids

Request = Callable[[np.random.Generator], Ids]
"""Draws one simulated request: the ascending ids of the records that would be withdrawn together."""


@dataclass(frozen=True)
class Preparation:
    """How a model is prepared while it learns. The defaults are the paper's; those of the setting `prepare.ready2unlearn` are measured.

    Attributes:
        alpha: length of the inner ascent; a number, or `Planned` from the steps of deployment. Source: Algorithm 1, line 5.
        alpha_unit: "request": alpha as it is; "record": alpha times the number of records in the request, so that the move
            grows with the request as a sum of gradients would.
        geometry: of the inner step: "gradient" as in the paper, "sign" for an unlearner that uses Adam, "normalised", or "random"
            signs as a control.
        displace: shell patterns of the parameters that the inner step moves; None moves all. Tables with sparse gradients move
            only the rows touched.
        lambda0: weight of the forget term -L_f at the displaced point; 1 in the paper.
        lambda1, lambda2, lambda3: weights of retain, recovery and current loss. Source: equation 1; 2, 0 or 3, and 4 in Section 4.
        share_weighted: multiply lambda0 by the request's share of all records.
        bound, bound_level: what replaces the unbounded L_f (`core.prepare.bounds`); level in nats, for "chance" the task's own by default.
        delta: count the forget loss at the displaced point relative to the one at theta: alpha = 0 then gives back training
            without a forget term.
        order: 1 for the paper's first-order meta-gradient, 2 for the exact one (dense gradients only).
        epochs: the last M epochs prepare, or a stage (start, stop), 0-based, stop excluded; None for all.
        every: only every k-th step of those epochs prepares.
        warmup: epochs over which lambda0, lambda1 and lambda2 grow in proportion from 0, counted from where preparation begins; it may
            be a fraction. Adam's second moment is estimated from smaller gradients by then: at full weight the first
            prepared steps are far longer than the learning rate and undo the training so far.
        n_forget, n_retain, n_recovery: records drawn for x_f, x_r, x_rc; n_forget None takes the whole request.
        balanced: draw x half from revocable and half from stable records in prepared steps.
        normalised_weights: divide by lambda1 + lambda2 + lambda3, so that the outer step is as long as a standard one
            (Adam's lagging second moment otherwise turns the larger gradient into a higher learning rate).
        request: draws simulated requests as x_f; None draws n_forget records at random. x_r then comes from everything
            outside the request, not from the stable records alone.
        allow_divergence: run a combination known to diverge, to show that it does.
    """

    alpha: float | Planned = 1e-5
    alpha_unit: Literal["request", "record"] = "request"
    geometry: Geometry = "gradient"
    displace: tuple[str, ...] | None = None
    lambda0: float = 1.0
    lambda1: float = 2.0
    lambda2: float = 0.0
    lambda3: float = 4.0
    share_weighted: bool = False
    bound: Bound = "none"
    bound_level: float | None = None
    delta: bool = False
    order: Literal[1, 2] = 1
    epochs: int | tuple[int, int] | None = None
    every: int = 1
    warmup: float = 0.0
    n_forget: int | None = 32
    n_retain: int = 32
    n_recovery: int = 32
    balanced: bool = False
    normalised_weights: bool = False
    request: Request | None = None
    allow_divergence: bool = False

    def __post_init__(self) -> None:
        for name in ("lambda0", "lambda1", "lambda2", "lambda3"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} must be >= 0, got {getattr(self, name)}")
        if self.length < 0:
            raise SettingsError(f"alpha must be >= 0, got {self.length}: the inner step is an ascent")
        if self.order not in (1, 2):
            raise SettingsError(f"order must be 1 or 2, got {self.order}")
        for name, known in (("geometry", GEOMETRIES), ("bound", BOUNDS), ("alpha_unit", ("request", "record"))):
            if getattr(self, name) not in known:
                raise SettingsError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        if self.bound in ("cap", "soft") and not (self.bound_level is not None and self.bound_level > 0):
            raise SettingsError(
                f"bound={self.bound!r} needs bound_level > 0, got {self.bound_level}: give the loss in nats at which forgetting is enough"
            )
        start, stop = self.epochs if isinstance(self.epochs, tuple) else (0, 1 if self.epochs is None else self.epochs)
        if not 0 <= start < stop:
            raise SettingsError(f"epochs must be a number >= 1 or a stage (start, stop) with 0 <= start < stop, got {self.epochs}")
        if not (self.warmup >= 0 and math.isfinite(self.warmup)):
            raise SettingsError(f"warmup must be a number of epochs >= 0, got {self.warmup}: 0 begins at full weight")
        if self.every < 1:
            raise SettingsError(f"every must be >= 1, got {self.every}: 1 prepares at each step")
        if self.n_forget is not None and self.n_forget < 1:
            raise SettingsError(f"n_forget must be >= 1 or None, got {self.n_forget}")
        if self.n_forget is None and self.request is None:
            raise SettingsError("n_forget=None takes a whole simulated request, and request is None: give one of them")
        if self.lambda1 > 0 and self.n_retain < 1:
            raise SettingsError(f"n_retain must be >= 1 with lambda1={self.lambda1}, got {self.n_retain}")
        if self.lambda2 > 0 and self.n_recovery < 1:
            raise SettingsError(f"n_recovery must be >= 1 with lambda2={self.lambda2}, got {self.n_recovery}")

    @property
    def length(self) -> float:
        """alpha as a number."""
        return self.alpha.alpha if isinstance(self.alpha, Planned) else float(self.alpha)

    def prepares(self, epoch: int, n_epochs: int, index: int) -> bool:
        """Returns whether this step is a prepared one."""
        start, stop = self.stage(n_epochs)
        return start <= epoch < stop and index % self.every == 0

    def stage(self, n_epochs: int) -> tuple[int, int]:
        """Returns the first epoch that prepares and the first that no longer does."""
        if isinstance(self.epochs, tuple):
            return self.epochs
        return (0 if self.epochs is None else max(n_epochs - self.epochs, 0)), n_epochs

    def grown(self, epoch: int, n_epochs: int, index: int, n_steps: int) -> float:
        """Returns in (0, 1] how far the forward-looking weights have grown at the end of step `index` of `n_steps` in `epoch`."""
        done = epoch - self.stage(n_epochs)[0] + (index + 1) / n_steps  # epochs of the stage
        return 1.0 if done >= self.warmup else done / self.warmup

    def refuse_divergence(self, forget_share: float) -> None:
        """Refuses an unbounded forget term that outweighs the current loss on the same records.

        With a small inner step the displaced point is the undisplaced one, and first-order Algorithm 1 is a signed
        re-weighting: revocable records count lambda3 * share - lambda0. Below zero, training is gradient ascent on
        them, without bound. The delta form cannot go below zero.

        Raises:
            SettingsError: the net weight is below zero, nothing bounds the term, and it is not allowed explicitly.
        """
        if self.bound != "none" or self.delta or self.allow_divergence:
            return
        share = 0.5 if self.balanced else forget_share
        lambda0 = self.lambda0 * (forget_share if self.share_weighted else 1.0)
        net = self.lambda3 * share - lambda0
        if net < 0:
            raise SettingsError(
                f"the net weight of revocable records is lambda3 * {share:.3g} - lambda0 = {net:.3g} < 0 with bound='none': training "
                f"would ascend without bound. Set bound='cap' or 'chance', or delta=True, or lambda3 >= {lambda0 / max(share, 1e-12):.3g}, "
                "or balanced=True (allow_divergence=True runs it all the same)"
            )

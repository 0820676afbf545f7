"""Adaptive: a schedule that lowers the forward-looking weights when validation quality falls behind standard training."""

from __future__ import annotations

import math
from dataclasses import dataclass

from r2u_rec.errors import SettingsError


@dataclass
class Adaptive:
    """Scales the forward-looking weights so that the validation value stays within a stated loss of standard training.

    The reference may be left to the training itself: the highest value observed so far stands for standard training,
    which is what the epochs before preparation are. No second model has to be trained for it.

    Attributes:
        reference: validation value of standard training (higher is better); None: the highest value observed so far.
        loss_share: what may be lost, as a share of the reference; .01 is the paper's "at most 1 %".
        shrink, grow: factors on a value below and above the floor; the scale never exceeds 1.
        scale: the present factor on lambda0, lambda1 and lambda2.
        best: the highest value observed so far; None before the first.
    """

    reference: float | None = None
    loss_share: float = 0.01
    shrink: float = 0.5
    grow: float = 1.2
    scale: float = 1.0
    best: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.loss_share < 1:
            raise SettingsError(f"loss_share must lie in [0, 1), got {self.loss_share}")
        if not 0 < self.shrink < 1 <= self.grow:
            raise SettingsError(f"shrink must lie in (0, 1) and grow be >= 1, got {self.shrink} and {self.grow}")

    @property
    def floor(self) -> float:
        """The validation value not to fall below; minus infinity while there is none to hold it against."""
        reference = self.best if self.reference is None else self.reference
        return -math.inf if reference is None else reference - self.loss_share * abs(reference)

    def observe(self, value: float, prepared: bool = True) -> None:
        """Shrinks the scale when `value` is below the floor, lets it recover otherwise.

        Args:
            prepared: whether any step since the last value was a prepared one; the scale only moves when it was.
        """
        self.best = value if self.best is None else max(self.best, value)
        if not prepared:
            return
        self.scale = self.scale * self.shrink if value < self.floor else min(1.0, self.scale * self.grow)

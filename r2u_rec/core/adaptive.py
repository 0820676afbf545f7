"""Adaptive: weights that give way when the prepared model falls behind standard training on validation data."""

from __future__ import annotations

from dataclasses import dataclass

from r2u_rec.errors import SettingsError


@dataclass
class Adaptive:
    """Scales the forward-looking weights so that the validation value stays within a stated loss of standard training.

    Attributes:
        reference: validation value of standard training (higher is better).
        loss_share: what may be lost, as a share of the reference; .01 is the paper's "at most 1 %".
        shrink, grow: factors on a value below and above the floor; the scale never exceeds 1.
        scale: the present factor on lambda0, lambda1 and lambda2.
    """

    reference: float
    loss_share: float = 0.01
    shrink: float = 0.5
    grow: float = 1.2
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.loss_share < 1:
            raise SettingsError(f"loss_share must lie in [0, 1), got {self.loss_share}")
        if not 0 < self.shrink < 1 <= self.grow:
            raise SettingsError(f"shrink must lie in (0, 1) and grow be >= 1, got {self.shrink} and {self.grow}")

    @property
    def floor(self) -> float:
        """The validation value not to fall below."""
        return self.reference - self.loss_share * abs(self.reference)

    def observe(self, value: float) -> None:
        """Shrinks the scale when `value` is below the floor, lets it recover otherwise."""
        self.scale = self.scale * self.shrink if value < self.floor else min(1.0, self.scale * self.grow)

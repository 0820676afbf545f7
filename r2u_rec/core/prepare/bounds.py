"""How the unbounded forget term -L_f is bounded, one example at a time."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from r2u_rec.errors import SettingsError

Bound = Literal["none", "cap", "chance", "soft"]
BOUNDS = get_args(Bound)


def bounded(losses: Tensor, bound: Bound, level: float | None) -> Tensor:
    """Returns (n,) what is maximised in place of each loss.

    Args:
        losses: (n,) losses in nats.
        bound: "none" the loss itself; "cap" and "chance" min(loss, level): an example past the level pulls no more;
            "soft" level - softplus(level - loss): about the loss far below the level, and never above the level.
        level: the bound in nats; needed by all but "none". For "chance" it is the loss of a model that knows nothing.

    Raises:
        SettingsError: an unknown bound, or one that needs a level and has none above 0.
    """
    if bound not in BOUNDS:
        raise SettingsError(f"bound must be one of {', '.join(BOUNDS)}, got {bound!r}")
    if bound == "none":
        return losses
    if level is None or not level > 0:
        raise SettingsError(f"bound={bound!r} needs bound_level > 0, got {level}: give the loss in nats at which forgetting is enough")
    if bound == "soft":
        return level - F.softplus(level - losses)
    return torch.clamp(losses, max=level)


def bound_is_inactive(losses: Tensor, bound: Bound, level: float | None) -> bool:
    """Returns whether `bounded` gives just the losses that it is given, so that the gradient is theirs too."""
    if bound == "none":
        return True
    return bound in ("cap", "chance") and level is not None and bool((losses.detach() <= level).all())

"""Ways to train in which revocable records are blurred or bounded, and DP-SGD for everyone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from r2u_rec.registry.specs import ArmSpec, setting

if TYPE_CHECKING:
    from r2u_rec.core.step import Step
    from r2u_rec.data.log import InteractionLog
    from r2u_rec.registry.context import MethodContext

    StepOf = Callable[[InteractionLog], Step]

PAPER = "Ready2Unlearn, baselines of Section 4.1.2"


@dataclass(frozen=True)
class NoisySettings:
    """Noise on the vectors of revocable interactions."""

    sigma: float = setting(0.3, "noise on the vectors of revocable interactions, in their own scale", PAPER)


def _noisy(context: MethodContext, s: NoisySettings) -> StepOf:
    from r2u_rec.recsys.tasks.noisy import noisy

    return lambda records: noisy(records.ids_of_users(context.revocable), s.sigma)


@dataclass(frozen=True)
class ClippedSettings:
    """The gradient of revocable interactions is bounded."""

    max_norm: float = setting(0.01, "bound of what revocable interactions add to a step's gradient", "measured on ml-100k")


def _clipped(context: MethodContext, s: ClippedSettings) -> StepOf:
    from r2u_rec.core.privacy.clipping import clipped

    return lambda records: clipped(records.ids_of_users(context.revocable), s.max_norm)


@dataclass(frozen=True)
class PrivateSettings:
    """DP-SGD on embedding tables, for every record."""

    max_norm: float = setting(0.1, "bound of one interaction's gradient", PAPER)
    noise_multiplier: float = setting(0.5, "standard deviation of the noise over that bound")


def _private(context: MethodContext, s: PrivateSettings) -> StepOf:
    from r2u_rec.recsys.tasks.private_tables import private_tables

    return lambda records: private_tables(batch_size=context.training.batch_size, max_norm=s.max_norm, noise_multiplier=s.noise_multiplier)


NOISY = ArmSpec("noisy", "noisy", PAPER, NoisySettings, frozenset({"steps", "losses", "tables"}), _noisy)
CLIPPED = ArmSpec("clipped", "clipped", PAPER, ClippedSettings, frozenset({"steps", "losses"}), _clipped)
PRIVATE = ArmSpec(
    "private",
    "DP-SGD",
    "Abadi et al. 2016; Section 4.2.2",
    PrivateSettings,
    frozenset({"steps", "losses", "tables", "rows"}),
    _private,
    reads_revocable=False,
)

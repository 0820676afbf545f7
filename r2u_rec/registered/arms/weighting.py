"""Standard training, and ways to train in which revocable records count less, later, or never reach shared parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from r2u_rec.registry.specs import ArmSpec, NoSettings, setting

if TYPE_CHECKING:
    from r2u_rec.core.step import Step
    from r2u_rec.data.log import InteractionLog
    from r2u_rec.registry.context import MethodContext

    StepOf = Callable[[InteractionLog], Step]

PAPER = "Ready2Unlearn, baselines of Section 4.1.2"
STEPS = frozenset({"steps"})


def _standard(context: MethodContext, s: NoSettings) -> StepOf:
    from r2u_rec.core.strategies import standard

    return lambda records: standard


@dataclass(frozen=True)
class IsolatedSettings:
    """Revocable users never write the shared parameters: erasing them is exact by construction there."""

    isolate: tuple[str, ...] | None = setting(
        None, "shell patterns of the parameters that revocable users never write; null: those that everyone is served from"
    )


def _isolated(context: MethodContext, s: IsolatedSettings) -> StepOf:
    from r2u_rec.core.strategies import isolated

    tables = context.item_tables if s.isolate is None else s.isolate
    return lambda records: isolated(records.ids_of_users(context.revocable), tables or ("*",))


@dataclass(frozen=True)
class ReweightedSettings:
    """Revocable interactions count less."""

    weight: float = setting(0.25, "weight of revocable interactions", PAPER)


def _reweighted(context: MethodContext, s: ReweightedSettings) -> StepOf:
    from r2u_rec.core.strategies import reweighted

    return lambda records: reweighted(records.ids_of_users(context.revocable), s.weight)


@dataclass(frozen=True)
class PhasedSettings:
    """All interactions first, then those of stable users alone."""

    phase_share: float = setting(0.5, "share of the epochs that see all interactions", PAPER)


def _phased(context: MethodContext, s: PhasedSettings) -> StepOf:
    from r2u_rec.core.strategies import phased

    return lambda records: phased(records.ids_of_users(context.revocable), s.phase_share)


STANDARD = ArmSpec("standard", "standard", "plain training", NoSettings, STEPS, _standard, reads_revocable=False)
ISOLATED = ArmSpec("isolated", "isolated", "ours: revocable users never write item rows", IsolatedSettings, STEPS, _isolated)
REWEIGHTED = ArmSpec("reweighted", "re-weighted", PAPER, ReweightedSettings, STEPS, _reweighted)
PHASED = ArmSpec("phased", "phased", PAPER, PhasedSettings, STEPS, _phased)

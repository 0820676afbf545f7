"""Edits that read the retained data too: ascent and NPO with a retain term, unlearning layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from r2u_rec.registered.methods.ascent import MEASURED, STEPS, TABLES_HELP, Tables, edited_tables
from r2u_rec.registry.specs import MethodSpec, setting

if TYPE_CHECKING:
    from r2u_rec.core.protocols import Method
    from r2u_rec.registry.context import MethodContext

Length = float | Literal["canaries", "shadow"]
LENGTH_HELP = "how far along its whole way the edit goes; canaries, shadow: set at the end of training"


@dataclass(frozen=True)
class AscentRetainSettings:
    """Ascent on the request and descent on what remains, together. Approximate."""

    steps: int = setting(49, "steps of both together", MEASURED)
    lr: float = setting(0.005, "size of a step", MEASURED)
    weight: float = setting(6.0, "of the retain term", MEASURED)
    length: Length = setting(1.0, LENGTH_HELP)
    tables: Tables = setting("item", TABLES_HELP)


@dataclass(frozen=True)
class NPORetainSettings:
    """Negative preference on the request and descent on what remains. Approximate."""

    steps: int = setting(52, "steps of both together", MEASURED)
    lr: float = setting(0.005, "size of a step", MEASURED)
    beta: float = setting(1.0, "inverse temperature", MEASURED)
    weight: float = setting(6.0, "of the retain term", MEASURED)
    length: Length = setting(1.0, LENGTH_HELP)
    tables: Tables = setting("item", TABLES_HELP)


@dataclass(frozen=True)
class EULSettings:
    """EUL: low-rank unlearning layers learned beside the frozen model, then fused into it. Approximate."""

    steps: int = setting(100, "of training the layers", MEASURED)
    lr: float = setting(0.01, "of training the layers", MEASURED)
    rank: int = setting(64, "of a layer", MEASURED)
    batch_size: int = setting(8192, "interactions a step", MEASURED)
    forget_weight: float = setting(0.5, "of the forget term", MEASURED)
    push: float = setting(1.25, "how far from the teacher the forget term pushes", MEASURED)
    length: Length = setting(1.0, LENGTH_HELP)
    tables: Tables = setting("item", TABLES_HELP)


def scaled_tuner(context: MethodContext, tuner: Any, length: Length) -> Any:
    """Returns the edit that reads what remains, carried as far as `length` says."""
    from r2u_rec.unlearn.scaled import ScaledTuner

    return ScaledTuner(tuner, context.length(length))


def _ascent_retain(context: MethodContext, s: AscentRetainSettings) -> Method:
    from r2u_rec.unlearn.gradient_ascent import GradientAscent
    from r2u_rec.unlearn.retain_regularised import RetainRegularised
    from r2u_rec.unlearn.tuned import Tuned

    climb = GradientAscent(s.steps, s.lr, optimizer="adam", tables=edited_tables(context, s.tables))
    return Tuned(context.trainer(), scaled_tuner(context, RetainRegularised(climb, s.weight, batch_size=None), s.length))


def _npo_retain(context: MethodContext, s: NPORetainSettings) -> Method:
    from r2u_rec.unlearn.preference import NegativePreference
    from r2u_rec.unlearn.retain_regularised import RetainRegularised
    from r2u_rec.unlearn.tuned import Tuned

    climb = NegativePreference(s.steps, s.lr, s.beta, optimizer="adam", tables=edited_tables(context, s.tables))
    return Tuned(context.trainer(), scaled_tuner(context, RetainRegularised(climb, s.weight, batch_size=None), s.length))


def _eul(context: MethodContext, s: EULSettings) -> Method:
    from r2u_rec.unlearn.layers.student_layers import UnlearningLayers
    from r2u_rec.unlearn.tuned import Tuned

    edit = UnlearningLayers(
        steps=s.steps,
        lr=s.lr,
        rank=s.rank,
        batch_size=s.batch_size,
        forget_weight=s.forget_weight,
        push=s.push,
        tables=edited_tables(context, s.tables),
        keep_layers=False,
    )
    return Tuned(context.trainer(), scaled_tuner(context, edit, s.length))


ASCENT_RETAIN = MethodSpec(
    name="ascent_retain",
    title="ascent + retain term",
    source="gradient difference; Liu et al. 2022",
    family="tuned",
    reads="retained",
    settings=AscentRetainSettings,
    needs=STEPS,
    build=_ascent_retain,
)
NPO_RETAIN = MethodSpec(
    name="npo_retain",
    title="NPO + retain term",
    source="Zhang et al. 2024, Section 3",
    family="tuned",
    reads="retained",
    settings=NPORetainSettings,
    needs=STEPS,
    build=_npo_retain,
)
EUL = MethodSpec(
    name="eul",
    title="EUL layers",
    source="Chen and Yang 2023, low-rank layers with a selective teacher",
    family="tuned",
    reads="retained",
    settings=EULSettings,
    needs=STEPS,
    build=_eul,
)

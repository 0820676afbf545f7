"""Influence functions for recommenders, and alternating Newton steps on what remains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from r2u_rec.registered.methods.ascent import MEASURED, STEPS, TABLES_HELP, Tables, edited_tables
from r2u_rec.registered.methods.retained import LENGTH_HELP, Length, scaled_tuner
from r2u_rec.registry.specs import MethodSpec, setting

if TYPE_CHECKING:
    from r2u_rec.core.protocols import Method
    from r2u_rec.registry.context import MethodContext

TABLES = STEPS | {"tables"}


@dataclass(frozen=True)
class InfluenceSettings:
    """One step against the influence of the request, by Hessian products. Approximate."""

    solver: Literal["cg", "lissa"] = setting("cg", "conjugate gradients, or a Neumann series")
    damping: float = setting(0.2, "added to the diagonal", MEASURED)
    length: Length = setting(1.0, LENGTH_HELP)
    tables: Tables = setting("item", TABLES_HELP)


@dataclass(frozen=True)
class ScifSettings:
    """SCIF: influence on the rows of those who ask, with labels that say nothing. Approximate."""

    damping: float = setting(0.1, "added to the diagonal", "Li et al. 2023")


@dataclass(frozen=True)
class IfruSettings:
    """IFRU: influence with the spill-over on neighbours. Approximate."""

    hops: int = setting(0, "how far on the graph of interactions the influence reaches")
    damping: float = setting(0.2, "added to the diagonal", MEASURED)
    length: Length = setting(1.0, LENGTH_HELP)
    tables: Tables = setting("item", TABLES_HELP)


@dataclass(frozen=True)
class AltEraserSettings:
    """AltEraser: alternating Newton steps on what remains, one small system a row. Approximate."""

    rounds: int = setting(3, "over users, then items", "Liu et al. 2022")


def _influence(context: MethodContext, s: InfluenceSettings) -> Method:
    from r2u_rec.unlearn.curvature.influence import Influence
    from r2u_rec.unlearn.curvature.solvers import ConjugateGradient, Neumann
    from r2u_rec.unlearn.tuned import Tuned

    solver = ConjugateGradient() if s.solver == "cg" else Neumann()
    edit = Influence(s.damping, tables=edited_tables(context, s.tables), solver=solver)
    return Tuned(context.trainer(), scaled_tuner(context, edit, s.length))


def _ifru(context: MethodContext, s: IfruSettings) -> Method:
    from r2u_rec.recsys.edits.spill_over import ifru
    from r2u_rec.unlearn.tuned import Tuned

    edit = ifru(s.hops, damping=s.damping, tables=edited_tables(context, s.tables))
    return Tuned(context.trainer(), scaled_tuner(context, edit, s.length))


def _scif(context: MethodContext, s: ScifSettings) -> Method:
    from r2u_rec.recsys.edits.spill_over import scif
    from r2u_rec.unlearn.tuned import Tuned

    return Tuned(context.trainer(), scif(damping=s.damping))


def _alt_eraser(context: MethodContext, s: AltEraserSettings) -> Method:
    from r2u_rec.recsys.edits.alt_eraser import AltEraser

    return AltEraser(context.trainer(), n_rounds=s.rounds)


INFLUENCE = MethodSpec(
    name="influence",
    title="influence",
    source="Koh and Liang 2017, conjugate gradients on the item table (solver=lissa: Neumann series)",
    family="tuned",
    reads="retained",
    settings=InfluenceSettings,
    needs=TABLES,
    build=_influence,
)
SCIF = MethodSpec(
    name="scif",
    title="SCIF",
    source="Li et al. 2023, selective and collaborative influence",
    family="tuned",
    reads="retained",
    settings=ScifSettings,
    needs=TABLES | {"rows"},
    build=_scif,
)
IFRU = MethodSpec(
    name="ifru",
    title="IFRU",
    source="Zhang et al. 2023, influence with spill-over, by conjugate gradients",
    family="tuned",
    reads="retained",
    settings=IfruSettings,
    needs=TABLES,
    build=_ifru,
)
ALT_ERASER = MethodSpec(
    name="alt_eraser",
    title="AltEraser",
    source="Liu et al. 2022, alternating Newton blocks",
    family="tuned",
    reads="retained",
    settings=AltEraserSettings,
    needs=TABLES | {"rows", "row interactions"},
    build=_alt_eraser,
)

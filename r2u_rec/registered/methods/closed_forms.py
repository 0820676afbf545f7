"""Closed forms and alternating methods: each on the model that it was made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from r2u_rec.errors import CapabilityError
from r2u_rec.registry.specs import MethodSpec, NoSettings, setting

if TYPE_CHECKING:
    from r2u_rec.core.protocols import Method
    from r2u_rec.registry.context import MethodContext


def _exact(context: MethodContext, s: NoSettings) -> Method:
    if context.spec.closed_form is None:
        raise CapabilityError(f"{context.spec.class_name} is not solved in closed form: choose another method")
    return context.spec.closed_form(context.settings)


@dataclass(frozen=True)
class UnlearnAlsSettings:
    """Alternating solves go on from the trained factors. Approximate."""

    sweeps: int = setting(20, "over all users and items, after those that the request names", "Xu et al. 2023")


def _unlearn_als(context: MethodContext, s: UnlearnAlsSettings) -> Method:
    from r2u_rec.recsys.closed_form.als import AlsTrainer
    from r2u_rec.recsys.closed_form.unlearn_als import UnlearnAls

    trainer = context.standard_trainer()
    inner = getattr(trainer, "trainer", trainer)  # a cache around it stands in the way of its sweeps
    if not isinstance(inner, AlsTrainer):
        raise CapabilityError(f"unlearn_als needs a model that is trained by alternating least squares, not {context.spec.class_name}")
    return UnlearnAls(inner, s.sweeps)


EXACT = MethodSpec(
    name="exact",
    title="exact down-date",
    source="what was added is subtracted: Woodbury for EASE, counts for ItemKNN (Cao and Yang 2015)",
    family="closed",
    reads="request",
    settings=NoSettings,
    needs=frozenset({"closed form"}),
    build=_exact,
    exact=True,
)
UNLEARN_ALS = MethodSpec(
    name="unlearn_als",
    title="Unlearn-ALS",
    source="Xu et al. 2023",
    family="closed",
    reads="retained",
    settings=UnlearnAlsSettings,
    needs=frozenset({"als"}),
    build=_unlearn_als,
)

"""EASE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from r2u_rec.registry.specs import ModelSpec, Recipe, setting

if TYPE_CHECKING:
    from r2u_rec.core.training import Training
    from r2u_rec.recsys.closed_form.ease import Ease


@dataclass(frozen=True)
class EASESettings:
    """EASE: a linear item-item model, solved at once and erased from exactly."""

    reg: float = setting(250.0, "ridge", "Steck 2019, section 4")


def _closed_form(s: EASESettings) -> Ease:
    from r2u_rec.recsys.closed_form.ease import Ease

    return Ease(reg=s.reg)


def _recipe(s: EASESettings, training: Training | None) -> Recipe:
    from r2u_rec.recsys.closed_form.fit_of import Attaching, FitOf

    return Recipe(Attaching(), trainer=FitOf(_closed_form(s)))


EASE = ModelSpec(
    name="ease",
    class_name="EASE",
    title="EASE",
    source="Steck 2019",
    settings=EASESettings,
    offers=frozenset({"fold-in", "closed form"}),
    recipe=_recipe,
    closed_form=_closed_form,
    method="exact",
)

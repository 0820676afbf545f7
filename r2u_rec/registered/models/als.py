"""Alternating least squares, by the library implicit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from r2u_rec.registered.models.ranking import MEASURED
from r2u_rec.registry.specs import ModelSpec, Recipe, setting

if TYPE_CHECKING:
    from r2u_rec.core.training import Training


@dataclass(frozen=True)
class ALSSettings:
    """ALS: implicit feedback by alternating exact least squares."""

    embedding_dim: int = setting(64, "dimensions of a vector", MEASURED)
    reg: float = setting(30.0, "ridge on every row", MEASURED)
    alpha: float = setting(4.0, "an interaction weighs 1 + alpha, every other pair 1", MEASURED)
    sweeps: int = setting(15, "over users, then items", MEASURED)


def _recipe(s: ALSSettings, training: Training | None) -> Recipe:
    from r2u_rec.recsys.closed_form.als import AlsTrainer
    from r2u_rec.recsys.closed_form.fit_of import Attaching

    return Recipe(Attaching(), trainer=AlsTrainer(**asdict(s)))


ALS = ModelSpec(
    name="als",
    class_name="ALS",
    title="ALS of implicit",
    source="Hu et al. 2008, implicit",
    settings=ALSSettings,
    offers=frozenset({"fold-in", "als"}),
    recipe=_recipe,
    method="unlearn_als",
    extra="implicit",
)

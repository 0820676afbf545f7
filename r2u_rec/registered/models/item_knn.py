"""ItemKNN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from r2u_rec.registered.models.ranking import MEASURED
from r2u_rec.registry.specs import ModelSpec, Recipe, setting

if TYPE_CHECKING:
    from r2u_rec.core.training import Training
    from r2u_rec.recsys.closed_form.item_knn import ItemKnn


@dataclass(frozen=True)
class ItemKNNSettings:
    """ItemKNN: the nearest items of each item by cosine."""

    n_neighbours: int = setting(200, "length of each item's list", MEASURED)
    shrinkage: float = setting(5.0, "added to the denominator of the cosine: trusts items of few users less", MEASURED)


def _closed_form(s: ItemKNNSettings) -> ItemKnn:
    from r2u_rec.recsys.closed_form.item_knn import ItemKnn

    return ItemKnn(s.n_neighbours, s.shrinkage)


def _recipe(s: ItemKNNSettings, training: Training | None) -> Recipe:
    from r2u_rec.recsys.closed_form.fit_of import Attaching, FitOf

    return Recipe(Attaching(), trainer=FitOf(_closed_form(s)))


ITEM_KNN = ModelSpec(
    name="item_knn",
    class_name="ItemKNN",
    title="ItemKNN",
    source="Sarwar et al. 2001, cosine",
    settings=ItemKNNSettings,
    offers=frozenset({"fold-in", "closed form"}),
    recipe=_recipe,
    closed_form=_closed_form,
    method="exact",
)

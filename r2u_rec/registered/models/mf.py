"""Matrix factorisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from r2u_rec.registered.models.ranking import GRADIENT, ITEM_TABLES, LOOP, RankingLoss, ranking_recipe
from r2u_rec.registry.specs import ModelSpec, Recipe, setting

if TYPE_CHECKING:
    from r2u_rec.core.training import Training


@dataclass(frozen=True)
class MFSettings(RankingLoss):
    """Matrix factorisation: one vector a user, one vector an item, their product the score."""

    embedding_dim: int = setting(64, "dimensions of a vector", "LightGCN, section 4.1.2")


def _recipe(s: MFSettings, training: Training | None) -> Recipe:
    def build() -> object:
        from r2u_rec.recsys.tasks.ranking import matrix_factorization

        return matrix_factorization(s.embedding_dim)

    return ranking_recipe(build, s, training)


MF = ModelSpec(
    name="mf",
    class_name="MF",
    title="MF",
    source="Rendle et al. 2009 (BPR)",
    settings=MFSettings,
    offers=GRADIENT | {"tables", "rows"},
    recipe=_recipe,
    training=LOOP,
    item_tables=ITEM_TABLES,
)

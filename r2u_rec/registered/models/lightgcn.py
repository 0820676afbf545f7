"""LightGCN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from r2u_rec.registered.models.ranking import GRADIENT, ITEM_TABLES, LOOP, RankingLoss, ranking_recipe
from r2u_rec.registry.specs import ModelSpec, Recipe, setting

if TYPE_CHECKING:
    from r2u_rec.core.training import Training


@dataclass(frozen=True)
class LightGCNSettings(RankingLoss):
    """LightGCN: vectors smoothed over the graph of interactions."""

    embedding_dim: int = setting(64, "dimensions of a vector", "LightGCN, section 4.1.2")
    n_layers: int = setting(3, "layers of propagation", "LightGCN, section 4.1.2")


def _recipe(s: LightGCNSettings, training: Training | None) -> Recipe:
    def build() -> object:
        from r2u_rec.recsys.tasks.ranking import lightgcn

        return lightgcn(s.embedding_dim, s.n_layers)

    return ranking_recipe(build, s, training)


LIGHTGCN = ModelSpec(
    name="lightgcn",
    class_name="LightGCN",
    title="LightGCN",
    source="He et al. 2020",
    settings=LightGCNSettings,
    offers=GRADIENT | {"tables", "graph"},
    recipe=_recipe,
    training=LOOP,
    item_tables=ITEM_TABLES,
    extra="graph",
)

"""NeuMF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from r2u_rec.errors import SettingsError
from r2u_rec.registered.models.ranking import GRADIENT, ITEM_TABLES, MEASURED, RankingLoss, ranking_recipe
from r2u_rec.registry.specs import ModelSpec, Recipe, setting

if TYPE_CHECKING:
    from r2u_rec.core.training import Training


@dataclass(frozen=True)
class NeuMFSettings(RankingLoss):
    """NeuMF: a weighted product and a network side by side."""

    embedding_dim: int = setting(32, "dimensions of a vector", MEASURED)
    widths: tuple[int, ...] = setting((32, 16), "hidden layers of the network", MEASURED)
    loss: Literal["bpr", "bce"] = setting("bce", "pairs of an interaction and a negative (bpr), or each alone (bce)", "He et al. 2017")
    n_negatives: int = setting(4, "negatives an interaction", "He et al. 2017")
    reg: float = setting(0.01, "L2 penalty on the vectors of an interaction", MEASURED)


def _recipe(s: NeuMFSettings, training: Training | None) -> Recipe:
    if not s.widths or min(s.widths) < 1:
        raise SettingsError(f"model.widths must name at least one hidden layer of width >= 1, got {list(s.widths)}: such as 32,16")

    def build() -> object:
        from r2u_rec.recsys.tasks.ranking import neumf

        return neumf(s.embedding_dim, tuple(s.widths))

    return ranking_recipe(build, s, training)


NEUMF = ModelSpec(
    name="neumf",
    class_name="NeuMF",
    title="NeuMF",
    source="He et al. 2017",
    settings=NeuMFSettings,
    offers=GRADIENT,
    recipe=_recipe,
    training={"epochs": 30, "batch_size": 2048, "lr": 5e-3, "optimizer": "adam", "schedule": "linear", "average_share": 0.0},
    method_defaults={"newton": {"n_draws": 16, "n_kept": 2, "longest": 1.5}},
    item_tables=ITEM_TABLES,
)

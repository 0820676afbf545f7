"""What the models of `RankingTask` have in common: the settings of the loss, and the recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from r2u_rec.errors import SettingsError
from r2u_rec.registry.specs import Recipe, setting

if TYPE_CHECKING:
    from r2u_rec.core.training import Training

GRADIENT = frozenset({"steps", "losses", "row interactions", "fold-in"})
"""What every model of our own that is trained by gradient steps offers."""

ITEM_TABLES = ("item_*",)
"""What everyone is served from in the factor models."""

MEASURED = "measured on ml-100k"
LOOP = {"epochs": 200, "batch_size": 8192, "lr": 5e-3, "optimizer": "adam", "schedule": "linear", "average_share": 0.25}
"""Defaults of the loop of matrix factorisation on MovieLens-100K."""


@dataclass(frozen=True)
class RankingLoss:
    """How interactions are learned from."""

    loss: Literal["bpr", "bce"] = setting("bpr", "pairs of an interaction and a negative (bpr), or each alone (bce)", "Rendle et al. 2009")
    negatives: Literal["uniform", "popularity"] = setting("uniform", "how negatives are drawn")
    n_negatives: int = setting(1, "negatives an interaction", "Rendle et al. 2009")
    reg: float = setting(0.015, "L2 penalty on the vectors of an interaction", MEASURED)


def ranking_recipe(build: Callable[[], Any], s: Any, training: Training | None) -> Recipe:
    """Returns the recipe of a model whose settings hold the fields of `RankingLoss`; `build` gives the builder of its module."""
    from r2u_rec.recsys.tasks.ranking import RankingTask

    check_dim(s.embedding_dim)
    return Recipe(RankingTask(build(), s.loss, s.negatives, s.n_negatives, s.reg), training)


def check_dim(d: int) -> None:
    """Raises SettingsError for a number of dimensions that cannot be meant."""
    if not 1 <= d <= 65_536:
        raise SettingsError(f"embedding_dim must lie in [1, 65536], got {d}: 16 to 256 is usual")

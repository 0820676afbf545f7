"""General models of the library recbole, through one adapter."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from r2u_rec.errors import SettingsError
from r2u_rec.registered.models.ranking import GRADIENT
from r2u_rec.registry.specs import ModelSpec, Recipe, setting

if TYPE_CHECKING:
    from r2u_rec.core.training import Training


@dataclass(frozen=True)
class RecBoleSettings:
    """A general model of recbole with the library's own defaults."""

    options: tuple[str, ...] = setting((), "NAME=VALUE, the model's settings as recbole names them, such as embedding_size=64", "recbole")
    negatives: Literal["uniform", "popularity"] = setting("uniform", "how negatives are drawn")
    n_negatives: int = setting(1, "negatives an interaction")

    def values(self) -> dict[str, object]:
        """Returns name -> value of the options; SettingsError for a word that is no NAME=VALUE."""
        found: dict[str, object] = {}
        for word in self.options:
            name, equals, value = word.partition("=")
            if not name or not equals:
                raise SettingsError(f"model.options takes NAME=VALUE, such as embedding_size=64, got {word!r}")
            try:
                found[name] = json.loads(value)
            except ValueError:
                found[name] = value
        return found


def recbole_model(recbole_name: str, title: str = "", offers: frozenset[str] = GRADIENT) -> ModelSpec:
    """Returns the spec of the general model that recbole calls `recbole_name`."""

    def recipe(s: RecBoleSettings, training: Training | None) -> Recipe:
        from r2u_rec.recsys.recbole.task import recbole_task

        return Recipe(recbole_task(recbole_name, negatives=s.negatives, n_negatives=s.n_negatives, **s.values()), training)

    return ModelSpec(
        name=f"recbole_{recbole_name.lower()}",
        class_name=f"RecBole({recbole_name!r})",
        title=f"{title or recbole_name} of RecBole",
        source="recbole, through the adapter",
        settings=RecBoleSettings,
        offers=offers,
        recipe=recipe,
        training={"epochs": 50, "batch_size": 2048, "lr": 1e-3, "optimizer": "adam", "schedule": "constant", "average_share": 0.0},
        method="newton" if "row interactions" in offers else "retrain",
        method_defaults={"newton": {"damping": 3.0}},
        extra="recbole",
    )


BPR = recbole_model("BPR")
LIGHTGCN = recbole_model("LightGCN", offers=GRADIENT | {"graph"})
NEUMF = recbole_model("NeuMF", offers=frozenset({"steps"}))
SGL = recbole_model("SGL", offers=frozenset({"steps", "graph"}))
MULTIVAE = recbole_model("MultiVAE", offers=frozenset({"steps", "fold-in"}))

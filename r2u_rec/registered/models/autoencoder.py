"""The multinomial autoencoder of histories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from r2u_rec.errors import SettingsError
from r2u_rec.registered.models.ranking import GRADIENT, MEASURED, check_dim
from r2u_rec.registry.specs import ModelSpec, Recipe, setting

if TYPE_CHECKING:
    from r2u_rec.core.training import Training


@dataclass(frozen=True)
class MultiDAESettings:
    """An autoencoder of histories: a history in, a softmax over the catalogue out."""

    embedding_dim: int = setting(64, "dimensions of the hidden vector", MEASURED)
    dropout: float = setting(0.8, "share of a history that training hides", MEASURED)
    polish: float | None = setting(None, "L2 weight with which the output layer is brought to its optimum after training; null: it is not")


def _recipe(s: MultiDAESettings, training: Training | None) -> Recipe:
    from r2u_rec.recsys.models.autoencoder import autoencoder
    from r2u_rec.recsys.tasks.history import HistoryTask, Polished

    check_dim(s.embedding_dim)
    if not 0 <= s.dropout < 1:
        raise SettingsError(f"model.dropout must lie in [0, 1), got {s.dropout}: 0 hides nothing")
    return Recipe(
        HistoryTask(autoencoder(s.embedding_dim, dropout=s.dropout)),
        training,
        around=None if s.polish is None else partial(Polished, reg=s.polish),
    )


AUTOENCODER = ModelSpec(
    name="autoencoder",
    class_name="MultiDAE",
    title="autoencoder",
    source="Liang et al. 2018, Mult-DAE",
    settings=MultiDAESettings,
    offers=GRADIENT,
    recipe=_recipe,
    training={"epochs": 30, "batch_size": 4096, "lr": 5e-3, "optimizer": "adam", "schedule": "linear", "average_share": 0.0},
    method_defaults={
        "newton": {
            "n_draws": 48,
            "n_kept": 24,
            "damping": 10.0,
            "table_shares": ("input_rows=0.3",),
            "evidence": "adaptive",
            "longest": 1.5,
        },
    },
    item_tables=("output_rows", "input_rows"),
)

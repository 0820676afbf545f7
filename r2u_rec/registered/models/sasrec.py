"""SASRec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from r2u_rec.errors import SettingsError
from r2u_rec.registered.models.ranking import GRADIENT, MEASURED, check_dim
from r2u_rec.registry.specs import ModelSpec, Recipe, setting

if TYPE_CHECKING:
    from r2u_rec.core.training import Training


@dataclass(frozen=True)
class SASRecSettings:
    """SASRec: the next item of a sequence, by a causal transformer."""

    embedding_dim: int = setting(32, "dimensions of a vector", MEASURED)
    max_length: int = setting(64, "items of a window, even", MEASURED)
    dropout: float = setting(0.4, "share of the values that training hides", MEASURED)
    loss: Literal["bce", "softmax"] = setting("bce", "against negatives (bce), or over the whole catalogue (softmax)", MEASURED)
    n_negatives: int = setting(4, "bce: negatives an interaction", MEASURED)


def _recipe(s: SASRecSettings, training: Training | None) -> Recipe:
    from r2u_rec.recsys.models.sasrec import sasrec
    from r2u_rec.recsys.tasks.sequence import SequenceTask

    check_dim(s.embedding_dim)
    if not 0 <= s.dropout < 1:
        raise SettingsError(f"model.dropout must lie in [0, 1), got {s.dropout}: 0 hides nothing")
    if s.max_length < 2 or s.max_length % 2:
        raise SettingsError(f"model.max_length must be even and >= 2, got {s.max_length}")
    build = sasrec(s.embedding_dim, max_length=s.max_length, dropout=s.dropout)
    return Recipe(SequenceTask(build, s.loss, s.n_negatives), training)


SASREC = ModelSpec(
    name="sasrec",
    class_name="SASRec",
    title="SASRec",
    source="Kang and McAuley 2018",
    settings=SASRecSettings,
    offers=GRADIENT,
    recipe=_recipe,
    training={"epochs": 16, "batch_size": 1024, "lr": 7e-3, "optimizer": "adam", "schedule": "linear", "average_share": 0.0},
    method_defaults={"newton": {"n_kept": 16, "damping": 1.0, "evidence": "own_loss", "longest": 1.5}},
    item_tables=("item_embedding",),
)

"""What there is by name: one line each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from r2u_rec.registry.registry import Registry
from r2u_rec.registry.specs import ArmSpec, MethodSpec, ModelSpec

_MODELS = "r2u_rec.registered.models"
_ARMS = "r2u_rec.registered.arms"
_METHODS = "r2u_rec.registered.methods"

MODELS: Registry[ModelSpec] = Registry(
    "model",
    ModelSpec,
    "r2u_rec.models",
    {
        "mf": f"{_MODELS}.mf:MF",
        "lightgcn": f"{_MODELS}.lightgcn:LIGHTGCN",
        "ease": f"{_MODELS}.ease:EASE",
        "item_knn": f"{_MODELS}.item_knn:ITEM_KNN",
        "neumf": f"{_MODELS}.neumf:NEUMF",
        "autoencoder": f"{_MODELS}.autoencoder:AUTOENCODER",
        "sasrec": f"{_MODELS}.sasrec:SASREC",
        "als": f"{_MODELS}.als:ALS",
        "implicit_bpr": f"{_MODELS}.implicit_bpr:IMPLICIT_BPR",
        "recbole_bpr": f"{_MODELS}.of_recbole:BPR",
        "recbole_lightgcn": f"{_MODELS}.of_recbole:LIGHTGCN",
        "recbole_neumf": f"{_MODELS}.of_recbole:NEUMF",
        "recbole_sgl": f"{_MODELS}.of_recbole:SGL",
        "recbole_multivae": f"{_MODELS}.of_recbole:MULTIVAE",
    },
)
ARMS: Registry[ArmSpec] = Registry(
    "way to train",
    ArmSpec,
    "r2u_rec.arms",
    {
        "standard": f"{_ARMS}.weighting:STANDARD",
        "isolated": f"{_ARMS}.weighting:ISOLATED",
        "reweighted": f"{_ARMS}.weighting:REWEIGHTED",
        "phased": f"{_ARMS}.weighting:PHASED",
        "noisy": f"{_ARMS}.noise:NOISY",
        "clipped": f"{_ARMS}.noise:CLIPPED",
        "private": f"{_ARMS}.noise:PRIVATE",
        "ready2unlearn": f"{_ARMS}.ready2unlearn:READY2UNLEARN",
    },
)
METHODS: Registry[MethodSpec] = Registry(
    "method",
    MethodSpec,
    "r2u_rec.methods",
    {
        "retrain": f"{_METHODS}.references:RETRAIN",
        "rows_deleted": f"{_METHODS}.references:ROWS_DELETED",
        "fine_tune": f"{_METHODS}.references:FINE_TUNE",
        "exact": f"{_METHODS}.closed_forms:EXACT",
        "unlearn_als": f"{_METHODS}.closed_forms:UNLEARN_ALS",
        "newton": f"{_METHODS}.newton:NEWTON",
        "ascent": f"{_METHODS}.ascent:ASCENT",
        "npo": f"{_METHODS}.ascent:NPO",
        "ascent_retain": f"{_METHODS}.retained:ASCENT_RETAIN",
        "npo_retain": f"{_METHODS}.retained:NPO_RETAIN",
        "influence": f"{_METHODS}.influence:INFLUENCE",
        "scif": f"{_METHODS}.influence:SCIF",
        "ifru": f"{_METHODS}.influence:IFRU",
        "eul": f"{_METHODS}.retained:EUL",
        "alt_eraser": f"{_METHODS}.influence:ALT_ERASER",
        "sisa": f"{_METHODS}.shards:SISA",
        "receraser": f"{_METHODS}.shards:RECERASER",
        "ultrare": f"{_METHODS}.shards:ULTRARE",
        "grapheraser": f"{_METHODS}.shards:GRAPHERASER",
        "fru": f"{_METHODS}.federated:FRU",
    },
)

_SCORERS = "r2u_rec.revocability.scorers"
SCORERS: Registry[Callable[..., Any]] = Registry(
    "scorer",
    Callable,  # type: ignore[arg-type]
    "r2u_rec.scorers",
    {
        "blend": f"{_SCORERS}.blend:blend",
        "engagement": f"{_SCORERS}.behaviour:engagement",
        "active_days": f"{_SCORERS}.behaviour:active_days",
        "sessions": f"{_SCORERS}.behaviour:sessions",
        "recent_intensity": f"{_SCORERS}.behaviour:recent_intensity",
        "evolving_interest": f"{_SCORERS}.behaviour:evolving_interest",
        "stability": f"{_SCORERS}.behaviour:stability",
        "inactive_seconds": f"{_SCORERS}.behaviour:inactive_seconds",
        "churn": f"{_SCORERS}.behaviour:churn",
        "hazard": f"{_SCORERS}.behaviour:hazard",
        "uniqueness": f"{_SCORERS}.exposure:uniqueness",
        "crowd": f"{_SCORERS}.exposure:crowd",
        "sensitivity": f"{_SCORERS}.exposure:sensitivity",
        "disclosure": f"{_SCORERS}.exposure:disclosure",
        "supplied": f"{_SCORERS}.blend:supplied",
        "uniform": f"{_SCORERS}.blend:uniform",
    },
    name_of=lambda function: str(function.__name__),
)
"""Functions that `revocability.scorers.card.scorer` marks; each brings its card."""
STORED = {
    "newton": "r2u_rec.unlearn.curvature.block_newton:NewtonMemory",
    "table_blocks": "r2u_rec.unlearn.curvature.blocks:TableBlocks",
    "scaled": "r2u_rec.unlearn.scaled:ScaledMemory",
    "sharded": "r2u_rec.unlearn.sharded:ShardedMemory",
    "unlearning_layer": "r2u_rec.unlearn.layers.fusion:Layer",
    "unlearning_layers": "r2u_rec.unlearn.layers.student_layers:LayersMemory",
    "federated_log": "r2u_rec.recsys.federated.fru_log:UpdateLog",
    "ease": "r2u_rec.recsys.closed_form.ease:EaseMemory",
    "item_knn": "r2u_rec.recsys.closed_form.item_knn:ItemKnnMemory",
    "ease_model": "r2u_rec.recsys.closed_form.ease:EaseModel",
    "item_knn_model": "r2u_rec.recsys.closed_form.item_knn:ItemKnnModel",
    "als_model": "r2u_rec.recsys.closed_form.als:AlsModel",
    "matrix_factorization": "r2u_rec.recsys.models.factorization:MatrixFactorization",
    "popularity": "r2u_rec.recsys.serving.popularity:Popularity",
    "combined_tables": "r2u_rec.recsys.sharded.combined:CombinedTables",
    "sharded_recommender": "r2u_rec.recsys.sharded.sharding:ShardedRecommender",
}
"""Classes of this package that say themselves what is stored of them: imported when a folder or an object of it is met."""

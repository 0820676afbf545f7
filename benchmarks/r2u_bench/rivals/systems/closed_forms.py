"""Closed forms and alternating methods: each on the recommender it was made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.systems.registry import MethodSpec, System
from r2u_rec.recsys.closed_form.als import AlsTrainer
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.closed_form.item_knn import ItemKnn
from r2u_rec.recsys.closed_form.unlearn_als import UnlearnAls


def _ease(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    return MethodSpec(Ease(**(case.settings["model"] or {})))


def _item_knn(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    return MethodSpec(ItemKnn(**(case.settings["model"] or {})))


def _als(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    return MethodSpec(UnlearnAls(AlsTrainer(**(case.settings["model"] or {})), options["sweeps"]))


SYSTEMS = (
    System("ease_exact", "EASE, down-date", "Woodbury down-date; Steck 2019", "closed", "request", frozenset({"ease"}), _ease),
    System(
        "item_knn_exact",
        "ItemKNN, counts subtracted",
        "Cao and Yang 2015, statistical queries",
        "closed",
        "request",
        frozenset({"item_knn"}),
        _item_knn,
    ),
    System("unlearn_als", "Unlearn-ALS", "Xu et al. 2023", "closed", "retained", frozenset({"als"}), _als, {"sweeps": 20}),
)

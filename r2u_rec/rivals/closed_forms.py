"""Closed forms and alternating methods: each on the recommender it was made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from r2u_rec.recsys.als import AlsTrainer
from r2u_rec.recsys.ease import Ease
from r2u_rec.recsys.item_knn import ItemKnn
from r2u_rec.recsys.unlearn_als import UnlearnAls
from r2u_rec.rivals.case import Case
from r2u_rec.rivals.registry import Built, System


def _ease(case: Case, options: Mapping[str, Any]) -> Built:
    return Built(Ease(**(case.settings["model"] or {})))


def _item_knn(case: Case, options: Mapping[str, Any]) -> Built:
    return Built(ItemKnn(**(case.settings["model"] or {})))


def _als(case: Case, options: Mapping[str, Any]) -> Built:
    return Built(UnlearnAls(AlsTrainer(**(case.settings["model"] or {})), options["sweeps"]))


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

"""Systems that train in shards, and train again only those that a request touches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.systems.registry import MethodSpec, System
from r2u_rec.recsys.sharded.grapheraser import grapheraser
from r2u_rec.recsys.sharded.receraser import receraser
from r2u_rec.recsys.sharded.sharding import ByUser, served
from r2u_rec.recsys.sharded.ultrare import ultrare
from r2u_rec.unlearn.sharded import Sharded

NEEDS = frozenset({"steps", "losses", "tables"})


def _sisa(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    aggregate = served(options["combine"], fold_all=options["fold_all"])
    return MethodSpec(Sharded(case.gradient_trainer(), ByUser(), aggregate, shards=options["shards"], slices=options["slices"]))


def _learned(make: Callable[..., Sharded]) -> Callable[[BenchmarkContext, Mapping[str, Any]], MethodSpec]:
    """Returns the builder of a system whose partition is learned from vectors that the recommender's own training gives."""

    def build(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
        return MethodSpec(make(case.gradient_trainer(), case.task, pretrain=case.trainer(), **options))

    return build


SISA = {"shards": 5, "slices": 1, "combine": "mean", "fold_all": True}
SYSTEMS = (
    System("sisa", "SISA", "Bourtoule et al. 2021, users dealt by a keyed hash", "shards", "retained", NEEDS, _sisa, SISA),
    System(
        "receraser",
        "RecEraser",
        "Chen et al. 2022, balanced partition and attention",
        "shards",
        "retained",
        NEEDS,
        _learned(receraser),
        {"shards": 5, "by": "user", "own_items": False},
    ),
    System(
        "ultrare",
        "UltraRE",
        "Li et al. 2023, optimal transport and a simple combiner",
        "shards",
        "retained",
        NEEDS,
        _learned(ultrare),
        {"shards": 5, "by": "user", "own_items": False},
    ),
    System(
        "grapheraser",
        "GraphEraser",
        "Chen et al. 2022, BLPA or BEKM, learned weights",
        "shards",
        "retained",
        NEEDS,
        _learned(grapheraser),
        {"shards": 5, "by": "blpa"},
    ),
)

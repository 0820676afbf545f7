"""The recommenders of the benchmark, and how each is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from r2u_rec.core.training import Training
from r2u_rec.recsys.task import Build, RankingTask, lightgcn, matrix_factorization
from r2u_rec.rivals.fit_of import Attaching, FitOf
from r2u_rec.rivals.registry import Recipe, Recommender

GRADIENT = frozenset({"steps", "losses", "contacts", "fold-in"})
SHAPE = ("embedding_dim", "n_layers")


def _training(settings: Mapping[str, Any]) -> Training:
    return Training(**(settings.get("training") or {}))


def _ranking(settings: Mapping[str, Any], build: Build) -> RankingTask:
    own = {key: value for key, value in settings.items() if key not in (*SHAPE, "training")}
    return RankingTask(build, **own)


def _mf(settings: Mapping[str, Any]) -> Recipe:
    d = settings.get("embedding_dim", 64)
    dense = _ranking(settings, matrix_factorization(d, sparse=False))
    return Recipe(_ranking(settings, matrix_factorization(d)), _training(settings), dense=dense)


def _lightgcn(settings: Mapping[str, Any]) -> Recipe:
    build = lightgcn(settings.get("embedding_dim", 64), settings.get("n_layers", 2))
    return Recipe(_ranking(settings, build), _training(settings))


def _ease(settings: Mapping[str, Any]) -> Recipe:
    from r2u_rec.recsys.ease import Ease

    return Recipe(Attaching(), trainer=FitOf(Ease(**settings)))


RECOMMENDERS = (
    Recommender("mf", "MF", "Rendle et al. 2009 (BPR), on tables", GRADIENT | {"tables", "rows"}, _mf),
    Recommender("lightgcn", "LightGCN", "He et al. 2020", GRADIENT | {"tables", "graph"}, _lightgcn),
    Recommender("ease", "EASE", "Steck 2019", frozenset({"ease", "fold-in"}), _ease),
)

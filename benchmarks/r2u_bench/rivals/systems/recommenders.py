"""The recommenders of the benchmark, and how each is trained.

The settings of one that is trained by gradient steps are `build` (of the model), `task`, `training` (of the loop), `newton` (fields of
`BlockNewton` for its tables) and `evidence` (what canaries are judged by); those of a closed form are its own fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from r2u_bench.rivals.systems.registry import Recommender
from r2u_rec.core.training import Training
from r2u_rec.recsys.closed_form.als import AlsTrainer
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.closed_form.fit_of import Attaching, FitOf
from r2u_rec.recsys.closed_form.implicit_bpr import ImplicitBprTrainer
from r2u_rec.recsys.closed_form.item_knn import ItemKnn
from r2u_rec.recsys.models.autoencoder import autoencoder
from r2u_rec.recsys.models.sasrec import sasrec
from r2u_rec.recsys.tasks.history import HistoryTask, Polished
from r2u_rec.recsys.tasks.ranking import RankingTask, lightgcn, matrix_factorization, neumf
from r2u_rec.recsys.tasks.sequence import SequenceTask
from r2u_rec.registry import Recipe

GRADIENT = frozenset({"steps", "losses", "contacts", "fold-in"})
CLOSED = frozenset({"fold-in"})
ITEM_TABLES = ("item_*",)
"""What everyone is served from in the factor models."""


def _part(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    return dict(settings.get(name) or {})


def _training(settings: Mapping[str, Any]) -> Training:
    return Training(**_part(settings, "training"))


def _ranking(made: Callable[..., Any], settings: Mapping[str, Any]) -> Recipe:
    return Recipe(RankingTask(made(**_part(settings, "build")), **_part(settings, "task")), _training(settings))


def _sasrec(settings: Mapping[str, Any]) -> Recipe:
    return Recipe(SequenceTask(sasrec(**_part(settings, "build")), **_part(settings, "task")), _training(settings))


def _autoencoder(settings: Mapping[str, Any]) -> Recipe:
    """An output layer at its optimum is part of the recipe where `polish` is set."""
    polish = settings.get("polish")
    return Recipe(
        HistoryTask(autoencoder(**_part(settings, "build"))),
        _training(settings),
        around=None if polish is None else partial(Polished, **polish),
    )


def _factors(name: str, title: str, source: str, offers: frozenset[str], made: Callable[..., Any]) -> Recommender:
    return Recommender(name, title, source, offers, partial(_ranking, made), item_tables=ITEM_TABLES)


def _closed(made: Callable[..., Any], settings: Mapping[str, Any]) -> Recipe:
    return Recipe(Attaching(), trainer=FitOf(made(**settings)))


def _own(made: Callable[..., Any], settings: Mapping[str, Any]) -> Recipe:
    return Recipe(Attaching(), trainer=made(**settings))


def _recbole(name: str, settings: Mapping[str, Any]) -> Recipe:
    from r2u_rec.recsys.recbole.task import recbole_task

    return Recipe(recbole_task(name, **_part(settings, "task"), **_part(settings, "build")), _training(settings))


def _of_recbole(name: str, title: str, offers: frozenset[str]) -> Recommender:
    return Recommender(
        f"recbole_{name.lower()}", f"{title} of RecBole", "recbole, through the adapter", offers, partial(_recbole, name), "recbole"
    )


RECOMMENDERS = (
    _factors("mf", "MF", "Rendle et al. 2009 (BPR)", GRADIENT | {"tables", "rows"}, matrix_factorization),
    _factors("lightgcn", "LightGCN", "He et al. 2020", GRADIENT | {"tables", "graph"}, lightgcn),
    _factors("neumf", "NeuMF", "He et al. 2017", GRADIENT, neumf),
    Recommender("autoencoder", "autoencoder", "Liang et al. 2018, Mult-DAE", GRADIENT, _autoencoder),
    Recommender("sasrec", "SASRec", "Kang and McAuley 2018", GRADIENT, _sasrec, item_tables=("item_embedding",)),
    Recommender("ease", "EASE", "Steck 2019", CLOSED | {"ease"}, partial(_closed, Ease)),
    Recommender("item_knn", "ItemKNN", "Sarwar et al. 2001, cosine", CLOSED | {"item_knn"}, partial(_closed, ItemKnn)),
    Recommender("als", "ALS of implicit", "Hu et al. 2008, implicit", CLOSED | {"als"}, partial(_own, AlsTrainer)),
    Recommender("implicit_bpr", "BPR of implicit", "implicit", CLOSED, partial(_own, ImplicitBprTrainer)),
    _of_recbole("BPR", "BPR", GRADIENT),
    _of_recbole("LightGCN", "LightGCN", GRADIENT | {"graph"}),
    _of_recbole("NeuMF", "NeuMF", frozenset({"steps"})),
    _of_recbole("SGL", "SGL", frozenset({"steps", "graph"})),
    _of_recbole("MultiVAE", "MultiVAE", frozenset({"steps", "fold-in"})),
)

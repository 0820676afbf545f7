"""A system and a recommender that plug into the benchmark of rivals from outside the package.

The system replaces the item vectors that a request met by the mean of all item vectors, in part: a crude way to forget, and a short one.
The recommender is matrix factorisation with binary cross-entropy in place of BPR. Both are named in `pyproject.toml` beside this
file; once the package is installed, `r2u bench rivals --list` shows them among the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.systems.registry import MethodSpec, Recommender, System

from r2u_rec.core.training import Training
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.registry import Recipe
from r2u_rec.unlearn.post_hoc import PostHoc


@dataclass(frozen=True)
class TowardsTheMean:
    """Moves each item row that the request met towards the mean row, by `share` of the way for each of the request's records on it."""

    share: float

    def remember(self, task: Any, model: Any, records: Any, *, seed: int) -> None:
        """Keeps nothing."""

    @torch.no_grad()
    def edit_(self, task: Any, model: Any, forget: Any, memory: Any, *, seed: int) -> None:
        """Edits in place; reads the request alone."""
        rows = model.tables()[1]
        weight = 1 - (1 - self.share) ** torch.from_numpy(forget.item_counts).to(rows)
        rows += weight[:, None] * (rows.mean(0) - rows)


def build_system(case: BenchmarkContext, options: Mapping[str, Any]) -> MethodSpec:
    """Returns the method: standard training, then the edit, carried as far as the benchmark's canaries say."""
    return MethodSpec(PostHoc(case.trainer(), case.scaled(TowardsTheMean(options["share"]))))


def build_recipe(settings: Mapping[str, Any]) -> Recipe:
    """Returns how the recommender is trained, from its settings in the preset."""
    build = matrix_factorization(**(settings.get("build") or {}))
    return Recipe(RankingTask(build, "bce", **(settings.get("task") or {})), Training(**(settings.get("training") or {})))


TOWARDS_THE_MEAN = System(
    name="towards_the_mean",
    title="rows towards their mean",
    source="an example",
    family="edit",
    reads="request",
    needs=frozenset({"losses", "rows"}),
    build=build_system,
    options={"share": 0.02},
)
MF_BCE = Recommender(
    name="mf_bce",
    title="MF, cross-entropy",
    source="an example",
    offers=frozenset({"steps", "losses", "contacts", "fold-in", "tables", "rows"}),
    recipe=build_recipe,
)

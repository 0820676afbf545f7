"""What a system is built for: one recommender in one study, with the preset's settings and trained models kept on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from r2u_bench.rivals.kept import CachedTrainer
from r2u_bench.rivals.systems.models import recipe_of, settings_of
from r2u_bench.rivals.systems.registry import recommender
from r2u_rec.core.protocols import Task
from r2u_rec.core.trainer import Trainer
from r2u_rec.registered.arms.ready2unlearn import as_printed
from r2u_rec.registry.specs import ModelSpec, Recipe
from r2u_rec.registry.tables import ARMS
from r2u_rec.study.context import FitContext, cohorts_of
from r2u_rec.study.length import CommonRule
from r2u_rec.study.quality import Part
from r2u_rec.study.study import Study

LONGEST = 3.0
PREPARED = ("ready2unlearn", "paper")
"""Ways of the presets that are Ready2Unlearn, whose settings stand under `preparation`."""


@dataclass(eq=False)
class BenchmarkContext:
    """One recommender in one study.

    Attributes:
        name: of the recommender. settings: of the preset: of the recommender, and of ways to train.
        folder: where trained models are kept.
        n_halves: random halves of each history, for canaries and judges alike.
    """

    study: Study
    name: str
    settings: Mapping[str, Any]
    folder: Path
    n_halves: int = 2
    keeping: list[CachedTrainer] = field(default_factory=list)

    @property
    def of_model(self) -> Mapping[str, Any]:
        """The preset's settings of the recommender, and of methods on it."""
        return self.settings["model"] or {}

    @cached_property
    def recipe(self) -> Recipe:
        """How the recommender is trained."""
        return recipe_of(recommender(self.name), self.of_model)

    @property
    def task(self) -> Task[Any, Any]:
        return self.recipe.task

    @property
    def part(self) -> Part:
        """The part of the split by which quality is measured: "test", or "validation" where settings are chosen."""
        return "validation" if self.settings.get("part") == "validation" else "test"

    @property
    def newton(self) -> dict[str, Any]:
        """The preset's settings of the Newton step on this recommender; empty where it has none."""
        return dict(self.of_model.get("newton") or {})

    @property
    def item_tables(self) -> tuple[str, ...] | None:
        """The tables that everyone is served from: those that the preset names for the Newton step, or the recommender itself.

        None, all parameters, where neither does.
        """
        named = self.newton.get("tables")
        return recommender(self.name).item_tables if named is None else tuple(named)

    def way(self, name: str) -> dict[str, Any]:
        """Returns the preset's settings of a way to train."""
        return dict((self.settings.get("ways") or {}).get(name) or {})

    @property
    def rule(self) -> CommonRule:
        """The rule by which every edit finds its length: canaries against one shadow model.

        No retrained model is seen, no canary asks later, and nobody by whom an outcome is judged is one. An edit that forgets at no
        length keeps its own.
        """
        return CommonRule("shadow", self.of_model.get("evidence", "fold-in").replace("-", "_").replace(" ", "_"), LONGEST)

    def fit(self, way: str = "standard") -> FitContext:
        """Returns what the library's arms and methods are built for: the recommender trained by a way, models kept on disk and shared."""
        arm = ARMS.get("ready2unlearn" if way in PREPARED else way)
        spec: ModelSpec = replace(recommender(self.name), item_tables=self.item_tables)
        return FitContext(
            spec,
            settings_of(spec, self.of_model),
            self.recipe,
            self.study.seed,
            arm,
            arm_settings(way, self.way(way)),
            **cohorts_of(self.study),
            n_canaries=self.study.largest_request,
            n_halves=self.n_halves,
            fallback_length=1.0,
            progress=False,
            wrap=partial(self._kept, way),
            common_rule=self.rule,
        )

    def trainer(self, way: str = "standard") -> Trainer:
        """Returns how the recommender is trained by a way; models are kept on disk and shared."""
        return self.fit(way).trainer()

    @property
    def spared_seconds(self) -> float:
        """Processor seconds of trainings that were read from files."""
        return sum(kept.spared_seconds for kept in self.keeping)

    def _kept(self, way: str, trainer: Trainer, arm: str) -> CachedTrainer:
        way = way if arm != "standard" else arm  # the shadow model of a prepared one is a standard one
        recipe = json.dumps([self.name, self.settings.get("model"), way, self.way(way), repr(self.recipe.training)], sort_keys=True)
        kept = CachedTrainer(trainer, self.folder, recipe)
        self.keeping.append(kept)
        return kept


def arm_settings(way: str, s: Mapping[str, Any]) -> Any:
    """Returns the settings of the library's arm for a way of the presets; with `request_share` Ready2Unlearn simulates requests."""
    if way in PREPARED:
        return as_printed(**s.get("preparation", {}), last_share=s.get("epochs_share", 0.25), request_share=s.get("request_share"))
    return ARMS.get(way).settings(**{STORED_AS.get((way, name), name): value for name, value in s.items()})


STORED_AS = {("phased", "share"): "phase_share"}
"""(Way, key of the presets, by which trials are keyed) -> the setting of the library's arm."""

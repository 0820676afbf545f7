"""What a system is built for: one recommender in one study, with the preset's settings and trained models kept on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from r2u_bench.rivals.kept import CachedTrainer
from r2u_bench.rivals.systems.registry import Recommender, recommender
from r2u_rec.core.protocols import Task
from r2u_rec.core.trainer import GradientTrainer, Trainer
from r2u_rec.core.training import Training
from r2u_rec.registered.arms.ready2unlearn import as_printed
from r2u_rec.registry import ARMS, ModelSpec, NoSettings, Recipe
from r2u_rec.study.context import FitContext, cohorts_of
from r2u_rec.study.quality import Part
from r2u_rec.study.study import Study
from r2u_rec.unlearn.scaled import Scaled, ScaledTuner

LONGEST = 3.0
PREPARED = ("ready2unlearn", "paper")
"""Ways of the presets that are Ready2Unlearn, whose settings stand under `preparation`."""


@dataclass(eq=False)
class BenchmarkContext:
    """One recommender in one study.

    Attributes:
        recipe: how the recommender is trained. settings: of the preset: of the recommender, and of ways to train.
        folder: where trained models are kept.
        n_halves: random halves of each history, for canaries and judges alike.
    """

    study: Study
    name: str
    recipe: Recipe
    settings: Mapping[str, Any]
    folder: Path
    n_halves: int = 2
    keeping: list[CachedTrainer] = field(default_factory=list)

    @property
    def task(self) -> Task[Any, Any]:
        return self.recipe.task

    @property
    def training(self) -> Training:
        """Settings of the loop; CapabilityError for a recommender that is not trained by it."""
        return self.fit().training

    @property
    def part(self) -> Part:
        """The part of the split by which quality is measured: "test", or "validation" where settings are chosen."""
        return "validation" if self.settings.get("part") == "validation" else "test"

    @property
    def newton(self) -> dict[str, Any]:
        """The preset's settings of the Newton step on this recommender; empty where it has none."""
        return dict((self.settings["model"] or {}).get("newton") or {})

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

    def fit(self, way: str = "standard") -> FitContext:
        """Returns what the library's arms and methods are built for: the recommender trained by a way, models kept on disk and shared."""
        arm = ARMS.get("ready2unlearn" if way in PREPARED else way)
        return FitContext(
            spec_of(recommender(self.name), self.item_tables),
            NoSettings(),
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
        )

    def gradient_trainer(self) -> GradientTrainer:
        """Returns the recommender's loop, without a cache: for methods that go on from models."""
        return self.fit().gradient_trainer()

    def trainer(self, way: str = "standard") -> Trainer:
        """Returns how the recommender is trained by a way; models are kept on disk and shared."""
        return self.fit(way).trainer()

    def length(self, given: float | str = "canaries") -> Any:
        """Returns the number given, or the rule by which every edit finds its length: canaries against one shadow model.

        No retrained model is seen, no canary asks later, and nobody by whom an outcome is judged is one. An edit that forgets at no
        length keeps its own.
        """
        evidence = (self.settings["model"] or {}).get("evidence", "fold-in").replace("-", "_").replace(" ", "_")
        return self.fit().length("shadow" if given == "canaries" else float(given), evidence=evidence, longest=LONGEST)

    def scaled(self, unlearner: Any, length: float | str = "canaries") -> Scaled:
        """Returns the edit, carried as far as canaries say, or as a number says."""
        return Scaled(unlearner, self.length(length))

    def scaled_tuner(self, tuner: Any, length: float | str = "canaries") -> ScaledTuner:
        """Returns the edit that reads what remains, carried as far as canaries say, or as a number says."""
        return ScaledTuner(tuner, self.length(length))

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


def spec_of(made: Recommender, item_tables: tuple[str, ...] | None) -> ModelSpec:
    """Returns a recommender of the benchmark as the library describes models."""
    return ModelSpec(
        made.name, made.title, made.title, made.source, NoSettings, made.offers, lambda settings, training: made.recipe({}), None,
        item_tables=item_tables,
    )  # fmt: skip


def arm_settings(way: str, s: Mapping[str, Any]) -> Any:
    """Returns the settings of the library's arm for a way of the presets; with `request_share` Ready2Unlearn simulates requests."""
    if way in PREPARED:
        return as_printed(**s.get("preparation", {}), last_share=s.get("epochs_share", 0.25), request_share=s.get("request_share"))
    return ARMS.get(way).settings(**{STORED_AS.get((way, name), name): value for name, value in s.items()})


STORED_AS = {("phased", "share"): "phase_share"}
"""(Way, key of the presets, by which trials are keyed) -> the setting of the library's arm."""

"""What a system is built for: one recommender in one study, and what every system may use of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from r2u_bench.rivals.kept import CachedTrainer
from r2u_bench.rivals.systems.registry import Recipe
from r2u_rec.core.trainer import GradientTrainer, Trainer
from r2u_rec.core.training import Training
from r2u_rec.errors import CapabilityError, EvidenceError
from r2u_rec.evaluate.length.canary_rule import CanaryRule, ShadowRule
from r2u_rec.study.study import Study
from r2u_rec.unlearn.curvature.block_newton import Calibrate, Erase
from r2u_rec.unlearn.scaled import Scaled, ScaledTuner

LONGEST = 3.0


@dataclass(frozen=True)
class FallbackLengthRule:
    """A rule for the length, and length 1, the edit as it was published, where no length makes the canaries forgotten."""

    rule: Calibrate

    def __call__(self, task: Any, model: Any, records: Any, erase: Erase) -> float:
        try:
            return self.rule(task, model, records, erase)
        except EvidenceError:
            return 1.0


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
    def task(self) -> Any:
        return self.recipe.task

    @property
    def training(self) -> Training:
        """Settings of the loop; CapabilityError for a recommender that is not trained by it."""
        if self.recipe.training is None:
            raise CapabilityError(f"{self.name} is not trained by gradient steps: choose a system that does not need them")
        return self.recipe.training

    @property
    def part(self) -> str:
        """The part of the split by which quality is measured: "test", or "validation" where settings are chosen."""
        return str(self.settings.get("part") or "test")

    @property
    def newton(self) -> dict[str, Any]:
        """The preset's settings of the Newton step on this recommender; empty where it has none."""
        return dict((self.settings["model"] or {}).get("newton") or {})

    @property
    def n_asking(self) -> int:
        """Users of the largest request."""
        return self.study.largest_request

    def way(self, name: str) -> dict[str, Any]:
        """Returns the preset's settings of a way to train."""
        return dict((self.settings.get("ways") or {}).get(name) or {})

    def gradient_trainer(self, strategy: Any = None) -> GradientTrainer:
        """Returns the recommender's loop with the step of `strategy`, without a cache: for methods that go on from models."""
        return (
            GradientTrainer(self.training, progress=False) if strategy is None else GradientTrainer(self.training, strategy, progress=False)
        )

    def trainer(self, way: str = "standard", strategy: Any = None) -> Trainer:
        """Returns how the recommender is trained, with the strategy of a way to train; models are kept on disk and shared.

        Args:
            way: names the strategy among the files.
            strategy: records -> step; None is standard training.
        """
        plain: Trainer = self.recipe.trainer if self.recipe.trainer is not None else self.gradient_trainer(strategy)
        if self.recipe.around is not None:
            plain = self.recipe.around(plain)
        recipe = json.dumps([self.name, self.settings.get("model"), way, self.way(way), repr(self.recipe.training)], sort_keys=True)
        kept = CachedTrainer(plain, self.folder, recipe)
        self.keeping.append(kept)
        return kept

    def rule(self) -> FallbackLengthRule:
        """Returns the rule by which every edit finds its length: canaries against one shadow model, no retrained model seen.

        No canary asks later, and nobody by whom an outcome is judged is one. An edit that forgets at no length keeps its own.
        """
        study = self.study
        canaries = CanaryRule(
            study.calibration_log,
            study.candidates,
            n_canaries=self.n_asking,
            n_halves=self.n_halves,
            longest=LONGEST,
            seed=study.seed,
            evidence=(self.settings["model"] or {}).get("evidence", "fold-in"),
        )
        return FallbackLengthRule(ShadowRule(canaries, self.trainer()))

    def scaled(self, unlearner: Any, length: Any = "canaries") -> Any:
        """Returns the edit, carried as far as canaries say, or as a number says."""
        return Scaled(unlearner, self.rule() if length == "canaries" else float(length))

    def scaled_tuner(self, tuner: Any, length: Any = "canaries") -> Any:
        """Returns the edit that reads what remains, carried as far as canaries say, or as a number says."""
        return ScaledTuner(tuner, self.rule() if length == "canaries" else float(length))

    def revocable_ids(self, records: Any) -> Any:
        """Returns the ids of what revocable users have in `records`."""
        return records.ids_of_users(self.study.revocable)

    def simulated_request(self, records: Any, share: float) -> Any:
        """Returns rng -> ids: a request of a share of the revocable users who are in `records`."""
        present = self.study.revocable[records.user_counts[self.study.revocable] > 0]
        n = max(1, round(share * len(present)))
        return lambda rng: records.ids_of_users(np.asarray(rng.choice(present, size=n, replace=False)))

    @property
    def spared_seconds(self) -> float:
        """Processor seconds of trainings that were read from files."""
        return sum(kept.spared_seconds for kept in self.keeping)

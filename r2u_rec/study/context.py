"""FitContext: what an arm or a method is built for: one model, how it is trained, and what sets the length of an edit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from r2u_rec.core.protocols import Task
from r2u_rec.core.trainer import GradientTrainer, Trainer
from r2u_rec.core.training import History, Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.registry.context import LengthWord
from r2u_rec.registry.specs import ArmSpec, ModelSpec, Recipe, lacking
from r2u_rec.registry.tables import ARMS
from r2u_rec.study.length import CommonRule, FallbackLengthRule
from r2u_rec.study.study import Study
from r2u_rec.unlearn.post_hoc import Unlearner
from r2u_rec.unlearn.scaled import Scaled, ScaledTuner
from r2u_rec.unlearn.tuned import Tuner

EVIDENCE: Mapping[str, Literal["fold-in", "own loss", "adaptive"]] = {"fold_in": "fold-in", "own_loss": "own loss", "adaptive": "adaptive"}
NOBODY: NDArray[np.int64] = np.empty(0, dtype=np.int64)


def unchanged(trainer: Trainer, arm: str) -> Trainer:
    """Returns the trainer."""
    return trainer


def cohorts_of(study: Study) -> dict[str, Any]:
    """Returns the fields of a `FitContext` that say who plays which part in a study."""
    return {"revocable": study.revocable, "calibration": study.calibration_log, "candidates": study.candidates}


@dataclass(frozen=True, eq=False)
class FitContext:
    """Implements `registry.context.MethodContext`.

    Attributes:
        spec, settings, recipe: of the model. seed: of everything random.
        arm, arm_settings: how the model is trained.
        revocable: (m,) codes of the users whom a model prepares for.
        calibration: log of users who are kept out of training, by whom the length of an edit is set; None: there are none.
        candidates: codes of the trained users whose removal may be simulated for that.
        n_canaries, n_halves: users whose removal is simulated jointly, and halvings of each history.
        fallback_length: of an edit where no length makes the canaries forgotten; None: that is an error.
        common_rule: for the length of every edit that asks for a rule, whichever it asks for; None: the one that it asks for.
        stored_length: of the edit, where a rule set it when the model was trained; stands in for a rule.
        validate: model -> value, higher is better, that a training is watched by.
        checkpoint: file for checkpoints of trainings. on_history: hears the history of each.
        progress: show a bar; None: on a terminal only.
        wrap: (trainer, name of the arm) -> trainer, such as a cache around it.
    """

    spec: ModelSpec
    settings: Any
    recipe: Recipe
    seed: int = 0
    arm: ArmSpec = field(default_factory=lambda: ARMS.get("standard"))
    arm_settings: Any = None
    revocable: NDArray[np.int64] = field(default_factory=lambda: NOBODY)
    calibration: InteractionLog | None = None
    candidates: NDArray[np.int64] = field(default_factory=lambda: NOBODY)
    n_canaries: int = 100
    n_halves: int = 5
    fallback_length: float | None = None
    common_rule: CommonRule | None = None
    stored_length: float | None = None
    validate: Callable[[nn.Module], float] | None = None
    checkpoint: Path | None = None
    on_history: Callable[[History], None] | None = None
    progress: bool | None = None
    wrap: Callable[[Trainer, str], Trainer] = unchanged

    @property
    def task(self) -> Task[Any, Any]:
        task: Task[Any, Any] = self.recipe.task
        return task

    @property
    def training(self) -> Training:
        """Settings of the loop; CapabilityError for a model that no loop trains."""
        if self.recipe.training is None:
            raise CapabilityError(f"{self.spec.class_name} is not trained by gradient steps: choose a method that does not need them")
        return self.recipe.training

    @property
    def item_tables(self) -> tuple[str, ...] | None:
        return self.spec.item_tables

    def trainer(self) -> Trainer:
        """Returns how the model is trained by its arm.

        Raises:
            SettingsError: the arm does not fit the model.
        """
        if missing := lacking(self.arm.needs, self.spec) if self.arm.name != "standard" else []:
            raise SettingsError(
                f"prepare.arm={self.arm.name} does not fit {self.spec.class_name}: it needs a model that {', and '.join(missing)}; "
                "set prepare.arm=standard"
            )
        return self._whole(self.arm)

    def standard_trainer(self) -> Trainer:
        """Returns how the model is trained plainly, unwatched."""
        return replace(self, validate=None, on_history=None, checkpoint=None)._whole(ARMS.get("standard"))

    def gradient_trainer(self, step: Callable[[InteractionLog], Any] | None = None) -> GradientTrainer:
        """Returns the model's loop, never wrapped, with the step given or the standard one."""
        plain = GradientTrainer(self.training, progress=self.progress)
        return plain if step is None else replace(plain, strategy=step)

    def length(self, given: float | LengthWord | Any, *, evidence: str = "fold_in", longest: float = 3.0) -> Any:
        """Returns the number given, or the rule that canaries or a shadow model make.

        Raises:
            SettingsError: a rule without calibration users, or evidence that needs a shadow model without one.
        """
        if given not in ("canaries", "shadow"):
            return float(given)
        if self.common_rule is not None:
            given, evidence, longest = self.common_rule.by, self.common_rule.evidence, self.common_rule.longest
        if self.stored_length is not None:
            return self.stored_length
        if self.calibration is None or len(self.calibration) == 0:
            raise SettingsError(
                f"length={given} compares with users who are kept out of training, and there are none: hold some out "
                "(calibration_share above 0), or give the length as a number, such as 1.0"
            )
        if evidence == "adaptive" and given != "shadow":
            raise SettingsError(f"evidence=adaptive holds canaries against a shadow model, and length is {given}: set it to shadow")
        from r2u_rec.evaluate.length.canary_rule import CanaryRule, ShadowRule  # brings scikit-learn, which serving needs not

        canaries = CanaryRule(
            self.calibration,
            self.candidates,
            n_canaries=self.n_canaries,
            n_halves=self.n_halves,
            longest=longest,
            seed=self.seed,
            evidence=EVIDENCE[evidence],
        )
        rule = canaries if given == "canaries" else ShadowRule(canaries, self.standard_trainer())
        return rule if self.fallback_length is None else FallbackLengthRule(rule, self.fallback_length)

    def scaled(self, unlearner: Unlearner, given: float | LengthWord, *, evidence: str = "fold_in", longest: float = 3.0) -> Scaled:
        """Returns the edit, carried as far as `length` says."""
        return Scaled(unlearner, self.length(given, evidence=evidence, longest=longest))

    def scaled_tuner(self, tuner: Tuner, given: float | LengthWord, *, evidence: str = "fold_in", longest: float = 3.0) -> ScaledTuner:
        """Returns the edit that reads what remains, carried as far as `length` says."""
        return ScaledTuner(tuner, self.length(given, evidence=evidence, longest=longest))

    def _whole(self, arm: ArmSpec) -> Trainer:
        plain: Trainer
        if self.recipe.trainer is not None:
            plain = self.recipe.trainer
        else:
            settings = self.arm_settings if arm is self.arm and self.arm_settings is not None else arm.settings()
            step = arm.step(self, settings)
            plain = GradientTrainer(
                self.training, step, self.validate, self.checkpoint, self.on_history, progress=self.progress, label=arm.name
            )
        if self.recipe.around is not None:
            plain = self.recipe.around(plain)
        return self.wrap(plain, arm.name)

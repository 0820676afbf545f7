"""CanaryRule and ShadowRule: canaries set the length of a forgetting step at the end of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from r2u_rec.core.protocols import Task
from r2u_rec.core.trainer import Trainer
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import EvidenceError, SettingsError
from r2u_rec.evaluate.imprint import MIN_HISTORY, FoldInProbe
from r2u_rec.evaluate.length.canaries import Expectation, choose_length, evidence_of, first_crossing, weakest_attack_length
from r2u_rec.evaluate.membership import adaptive_auc, attack_features, auc
from r2u_rec.ids import Ids
from r2u_rec.rng import stream

Erase = Callable[[Ids, float], Any]
"""(ids, length) -> a copy of the model after a step of that length against the records `ids`."""

EVIDENCE = ("fold-in", "own loss", "adaptive")


class Removal:
    """Lengths to models after a simulated removal, each standing on what remains, as after a request.

    A model that passes vectors along the edges of a graph forgets part of a request with its edges: a length found with the
    edges still there goes too far.
    """

    def __init__(self, task: Task[InteractionLog], records: InteractionLog, ids: Ids, erase: Erase) -> None:
        self.task, self.ids, self.erase = task, ids, erase
        self.left = records.drop(ids)

    def __call__(self, length: float) -> Any:
        """Returns a copy of the model after a step of that length."""
        moved = self.erase(self.ids, length)
        self.task.attach(moved, self.left)
        return moved


@dataclass(frozen=True, eq=False)
class CanaryRule:
    """Finds the length at which the evidence of canaries equals that of never-trained users; needs no retrained model.

    It may be handed to a method that takes a rule for its length. Never give it the users by whom the outcome is judged.

    Attributes:
        calibration_users: log of people never trained on, with histories as long as those of the users who will leave.
        candidates: user codes that canaries are drawn from, such as the users who may withdraw; None = all trained users.
        n_canaries: users whose removal is simulated jointly; fewer when there are not as many candidates.
        n_halves: halvings of each history.
        longest: longest step tried.
        seed: of the draw, the halves and the folds.
        evidence: what canaries are judged by. "fold-in": factor models. "own loss": models that give it away sooner, as those of sequences
            do. "adaptive": by both and two-sided, as an attacker who learns to combine them; with a shadow model only.
    """

    calibration_users: InteractionLog
    candidates: NDArray[np.int64] | None = None
    n_canaries: int = 100
    n_halves: int = 5
    longest: float = 3.0
    seed: int = 0
    evidence: Literal["fold-in", "own loss", "adaptive"] = "fold-in"

    def __post_init__(self) -> None:
        if self.evidence not in EVIDENCE:
            raise SettingsError(f"evidence must be one of {', '.join(EVIDENCE)}, got {self.evidence!r}")

    def __call__(self, task: Task[InteractionLog], model: nn.Module, records: InteractionLog, erase: Erase) -> float:
        """Returns the length for `model`, trained on `records`.

        Raises:
            EvidenceError: no candidate has a history in `records`, too few or trained calibration users, or no length forgets.
            SettingsError: evidence="adaptive".
        """
        evidence = self.evidence
        if evidence == "adaptive":
            raise SettingsError("evidence='adaptive' holds each canary against a shadow model: use ShadowRule, or 'fold-in' or 'own loss'")
        users = self.draw(records)
        canaries = FoldInProbe(records, users, n_halves=self.n_halves, seed=self.seed)
        calibration_users = FoldInProbe(
            self.calibration_users, np.unique(self.calibration_users.user), n_halves=self.n_halves, seed=self.seed
        )
        expectation = Expectation(canaries, calibration_users, records.matrix(), seed=self.seed)
        after = Removal(task, records, records.ids_of_users(canaries.users), erase)
        return choose_length(
            after,
            canaries,
            lambda moved: expectation.under(moved, evidence).auc,
            longest=self.longest,
            evidence=evidence,
        )

    def draw(self, records: InteractionLog) -> NDArray[np.int64]:
        """Returns the ascending codes of the canaries; EvidenceError without a candidate."""
        eligible_users = np.flatnonzero(records.user_counts >= MIN_HISTORY)
        if self.candidates is not None:
            eligible_users = np.intersect1d(eligible_users, self.candidates)
        if eligible_users.size == 0:
            raise EvidenceError(
                f"no candidate has {MIN_HISTORY} records or more to remove: name other candidates, or set the length yourself"
            )
        n = min(self.n_canaries, eligible_users.size)
        return np.sort(stream(self.seed, "canaries").choice(eligible_users, size=n, replace=False))


@dataclass(frozen=True, eq=False)
class ShadowRule:
    """As `CanaryRule`, but the evidence of untrained canaries is measured on one shadow model, trained without them.

    It costs one more training at release, and none at a request. Who will ask is not known at release, so canaries drawn from
    the revocable users can be among them; the shadow model then has not seen them either. Each
    canary is compared with itself under the shadow model. The length is where the attack fails: where the change against the
    shadow model no longer ranks canaries above calibration users, whom neither model has seen; or, for the adaptive attack, which never
    falls below chance, where it is weakest.

    Attributes:
        canaries: the draw of canaries, its seed, and the calibration users.
        trainer: the recipe of the released model, or of its standard form.
    """

    canaries: CanaryRule
    trainer: Trainer[InteractionLog]

    def __call__(self, task: Task[InteractionLog], model: nn.Module, records: InteractionLog, erase: Erase) -> float:
        """Returns the length for `model`, trained on `records`; raises as `CanaryRule`."""
        rule = self.canaries
        users = rule.draw(records)
        ids = records.ids_of_users(users)
        after = Removal(task, records, ids, erase)
        shadow: Any = self.trainer.train(task, after.left, seed=int(stream(rule.seed, "shadow").integers(2**31)))
        probe = FoldInProbe(records, users, n_halves=rule.n_halves, seed=rule.seed)
        calibration_users = FoldInProbe(
            rule.calibration_users, np.unique(rule.calibration_users.user), n_halves=rule.n_halves, seed=rule.seed
        )
        alone, of_calibration = probe.measure(shadow), calibration_users.measure(shadow)

        def tell_apart(length: float) -> float:
            """Returns how well the change against the shadow model separates canaries from calibration users, minus chance."""
            moved = after(length)
            found, others = probe.measure(moved), calibration_users.measure(moved)
            if rule.evidence == "adaptive":
                return adaptive_auc(*attack_features(found, others, [alone], [of_calibration]), seed=rule.seed) - 0.5
            changes = [evidence_of(a, rule.evidence) - evidence_of(b, rule.evidence) for a, b in ((found, alone), (others, of_calibration))]
            return auc(*changes)[0] - 0.5

        if rule.evidence == "adaptive":
            return weakest_attack_length(tell_apart, longest=rule.longest)
        return first_crossing(tell_apart, longest=rule.longest)

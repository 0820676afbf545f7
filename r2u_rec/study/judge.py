"""Retrained references of a request, and the judge who holds every outcome against them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from r2u_rec.core.trainer import Trainer
from r2u_rec.evaluate.cost import measured
from r2u_rec.evaluate.proof import ForgettingEvaluator
from r2u_rec.evaluate.ranking import RankingResult
from r2u_rec.evaluate.verdict import Verdict
from r2u_rec.recsys.serving.popularity import Popularity
from r2u_rec.study.study import Study

REFERENCE_SEEDS = 1000
"""Seeds of the references start this far above the study's own."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A model retrained without a request, by another seed.

    Attributes:
        quality: of those who stay. seconds: wall time of its training.
    """

    model: Any
    seed: int
    quality: RankingResult
    seconds: float


def retrained_references(study: Study, request: str, task: Any, trainer: Trainer, n_references: int) -> Iterator[Reference]:
    """Yields models trained on what remains after the request, one a seed from `REFERENCE_SEEDS` above the study's."""
    left = study.left(request)
    for seed in range(study.seed + REFERENCE_SEEDS, study.seed + REFERENCE_SEEDS + n_references):
        model, cost = measured(lambda seed=seed: trainer.train(task, left, seed=seed))  # type: ignore[misc]
        yield Reference(model, seed, study.quality(model, request), cost.seconds)


def rows_deleted(study: Study, request: str, task: Any, model: Any) -> Any:
    """Returns a copy without the rows and edges of those who ask, nothing else changed: what the evaluator must be able to see."""
    deleted = copy.deepcopy(model)
    task.attach(deleted, study.left(request))
    return deleted


@dataclass(frozen=True, eq=False)
class RequestJudge:
    """Holds outcomes of one request against its references; made by `judge_of`, which tests the evaluator first."""

    study: Study
    request: str
    evaluator: ForgettingEvaluator
    references: Sequence[Reference]

    def quality(self, model: Any) -> RankingResult:
        """Returns the ranking quality of those who stay."""
        return self.study.quality(model, self.request)

    def verdict(self, model: Any) -> Verdict:
        """Returns what the model shows of those who asked."""
        return self.evaluator.judge(model)

    def point(self, step: float, model: Any) -> dict[str, float]:
        """Returns one point of a forgetting curve."""
        return {"step": step, "auc": self.verdict(model).auc, "retained": self.quality(model).mean()[self.study.quality_name]}


def judge_of(study: Study, request: str, references: Sequence[Reference], *, remembered: Any, n_halves: int) -> RequestJudge:
    """Returns the judge of a request.

    Args:
        remembered: the trained model, with only the rows of those who ask deleted.
        n_halves: random halves of each history.

    Raises:
        EvidenceError: fewer than two references, too few users, or the self-test of the evaluator failed.
    """
    evaluator = ForgettingEvaluator(
        [reference.model for reference in references],
        *study.probes(request, n_halves),
        remembered=remembered,
        popularity=Popularity.of(study.left(request)),
        seed=study.seed,
    )
    return RequestJudge(study, request, evaluator, references)

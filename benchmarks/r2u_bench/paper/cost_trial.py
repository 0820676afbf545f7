"""A trial of cost: what a prepared step costs beside a standard one, and how long each way to train takes to the same quality.

Times are of the processor where the model is on one, so that trials side by side do not disturb each other, else of the clock. The
ways are run one after another in one process. Rows: one a way.

    what    "cost"
    way     standard; repaired: the last `prepare_share` of the epochs prepares; every: every step does, as in Algorithm 1;
            literal: the paper's settings, every step
    step_ratio   median time of a prepared step over that of a standard one
    whole_ratio  time of the whole training over that of standard training, with the same epochs
    time_ratio   time to the first epoch whose validation quality is within `tolerance` of standard's best, over the same time of
                 standard training; for `repaired`, which is ready only at its end, the whole training if its final quality is
                 within; None when never reached
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from r2u_bench.paper.experiment import Spec
from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.protocols import Split
from r2u_rec.core.step import Step, StepInput, Terms
from r2u_rec.core.strategies import standard
from r2u_rec.core.training import Training, fit_
from r2u_rec.errors import DivergenceError, SettingsError

WAYS = ("standard", "repaired", "every", "literal")
TEXT_ONLY = ("kind", "task", "tolerance", "device")


@dataclass(frozen=True)
class Subject:
    """What is trained: the task, the records, the split, the settings, and quality on validation records (higher is better)."""

    task: Any
    records: Any
    split: Split
    training: Training
    quality: Callable[[nn.Module], float]
    preparation: Preparation
    literal: Preparation
    seed: int


@dataclass(frozen=True)
class Measured:
    """Seconds of each epoch and quality after it; seconds of the steps of the last epoch."""

    seconds: list[float]
    quality: list[float]
    steps: list[float]

    def until(self, level: float) -> float | None:
        """Returns the time to the first epoch of at least this quality; None when there is none."""
        at = next((i for i, value in enumerate(self.quality) if value >= level), None)
        return None if at is None else sum(self.seconds[: at + 1])


def run(spec: Spec) -> list[dict[str, Any]]:
    """Returns one row a way; see the module.

    Raises:
        SettingsError: a task that is neither "text" nor "image".
    """
    makers = {"text": _text, "image": _image}
    if spec.get("task") not in makers:
        raise SettingsError(f"task must be one of {', '.join(makers)}, got {spec.get('task')!r}")
    subject = makers[str(spec["task"])](spec)
    clock = time.process_time if subject.training.device == "cpu" else time.perf_counter
    whole = replace(subject.preparation, epochs=None)
    steps: dict[str, Step] = {
        "standard": standard,
        "repaired": Ready2Unlearn(subject.split, subject.preparation),
        "every": Ready2Unlearn(subject.split, whole),
        "literal": Ready2Unlearn(subject.split, subject.literal),
    }
    found = {way: _measured(subject, step, clock) for way, step in steps.items()}
    return rows_of(found, float(spec.get("tolerance", 0.01)))


def rows_of(found: dict[str, Measured | None], tolerance: float) -> list[dict[str, Any]]:
    """Returns the rows of the measured ways; None stands for one that diverged.

    Args:
        tolerance: share of standard's best quality that may be lacking.
    """
    base = found["standard"]
    if base is None:
        raise DivergenceError("standard training diverged: there is nothing to hold costs against; lower lr")
    best = max(base.quality)
    level = best - tolerance * abs(best)
    own = base.until(level)
    rows = []
    for way, each in found.items():
        row: dict[str, Any] = {"what": "cost", "way": way, "diverged": each is None, "standard_step_seconds": statistics.median(base.steps)}
        if each is None or own is None:
            rows.append({**row, "step_ratio": None, "whole_ratio": None, "time_ratio": None, "final_quality": None})
            continue
        total = sum(each.seconds)
        taken = each.until(level) if way != "repaired" else (total if each.quality[-1] >= level else None)
        compared = own if way != "repaired" else sum(base.seconds)
        rows.append(
            {
                **row,
                "step_ratio": statistics.median(each.steps) / statistics.median(base.steps),
                "whole_ratio": total / sum(base.seconds),
                "time_ratio": None if taken is None else taken / compared,
                "final_quality": each.quality[-1],
                "standard_quality": best,
            }
        )
    return rows


def _measured(subject: Subject, step: Step, clock: Callable[[], float]) -> Measured | None:
    model = subject.task.model(subject.records, seed=subject.seed)
    found = Measured([], [], [])
    began = clock()

    def timed(s: StepInput) -> Terms:
        first = clock()
        terms = step(s)
        if s.epoch == s.n_epochs - 1:
            found.steps.append(clock() - first)
        return terms

    def after(epoch: int, judged: nn.Module, row: dict[str, float]) -> None:
        nonlocal began
        found.seconds.append(clock() - began)
        judged.eval()
        found.quality.append(subject.quality(judged))
        began = clock()

    try:
        fit_(
            model, subject.task, subject.records, training=subject.training, seed=subject.seed, step=timed, callbacks=[after],
            progress=False,
        )  # fmt: skip
    except DivergenceError:
        return None
    return found if all(map(math.isfinite, found.quality)) else None


def _text(spec: Spec) -> Subject:
    """Quality is the negative held-out loss."""
    from r2u_bench.paper.texts.arms import arm_of, preparation
    from r2u_bench.paper.texts.data import material, start_of
    from r2u_bench.paper.texts.settings import text_settings
    from r2u_rec.language.measure import document_losses

    s = text_settings({key: value for key, value in spec.items() if key not in TEXT_ONLY} | {"arm": "repaired"})
    start = start_of(s)
    m = material(s, start)
    arm = arm_of(replace(s, arm="standard"), start, m, m.split.recovery)
    heldout = m.documents.keep(m.heldout)
    training = Training(epochs=s.epochs, batch_size=s.batch_size, lr=s.lr, device=str(spec.get("device", "cpu")))
    split = Split(m.split.forget, m.split.retain, m.split.recovery)
    literal = replace(s, arm="literal")

    def quality(model: nn.Module) -> float:
        return -float(document_losses(model, arm.task, heldout).mean())

    return Subject(arm.task, arm.records, split, training, quality, preparation(s), preparation(literal), s.seed)


def _image(spec: Spec) -> Subject:
    """Quality is accuracy on validation images, settings are those of the trials on images."""
    from r2u_bench.paper.images.arms import printed, repaired, split_of, task_of
    from r2u_bench.paper.images.trial import problem_of, training_of
    from r2u_rec.vision.measure import accuracy

    problem = problem_of(spec)
    split = split_of(problem.train.ids, problem.revocable)

    def quality(model: nn.Module) -> float:
        kept, lost = problem.validation_retain, problem.validation_forget
        return (len(kept) * accuracy(model, kept) + len(lost) * accuracy(model, lost)) / (len(kept) + len(lost))

    settings = repaired(spec), printed({**spec, "arm": "literal"})
    return Subject(task_of(spec, problem), problem.train, split, training_of(spec), quality, *settings, int(spec["seed"]))

"""Gradient ascent that is watched: the curve of accuracies, and the exact step at which a level of forget accuracy is reached."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from r2u_rec.errors import DivergenceError
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.vision import ImageSet, ImageTask, accuracy

State = dict[str, Tensor]


@dataclass
class Watched:
    """What an ascent showed.

    Attributes:
        curve: a row each `every` steps and one at the end: step, forget_accuracy, retain_accuracy, shown_accuracy, forget_loss.
        reached: level -> (first step at which forget accuracy is at or below it, retain accuracy there).
        diverged: what the ascent was stopped by; empty when it was not.
    """

    curve: list[dict[str, Any]] = field(default_factory=list)
    reached: dict[float, tuple[int, float]] = field(default_factory=dict)
    diverged: str = ""


def ascend_(
    model: nn.Module,
    task: ImageTask,
    forget: ImageSet,
    test_forget: ImageSet,
    test_retain: ImageSet,
    *,
    steps: int,
    lr: float,
    batch_size: int,
    seed: int,
    levels: Sequence[float] = (),
    every: int = 5,
    whole: bool = False,
    also: Callable[[nn.Module], Mapping[str, Any]] | None = None,
    **settings: Any,
) -> Watched:
    """Ascends the loss of `forget` in place and returns what was seen.

    Between two rows of the curve the parameters are kept, and looked through when a level was passed: the step is exact as long
    as forget accuracy does not fall below a level and rise again within `every` steps.

    Args:
        forget: images to ascend on. test_forget, test_retain: images to measure on.
        steps: at most so many. batch_size: images a step. lr: of Adam, whose step is about as long in each parameter.
        levels: forget accuracies to find; the ascent ends once all are reached, unless `whole`.
        also: model -> further columns of the curve.
        settings: further ones of `GradientAscent`.
    """
    found = Watched()
    kept: list[tuple[int, State]] = []
    past = copy.deepcopy(model)  # to look back with: the model itself is in the middle of a step
    shown = forget if len(forget) <= SHOWN else forget.keep(forget.ids[:SHOWN])

    def look(model: nn.Module, done: int, loss: float) -> bool:
        right = accuracy(model, test_forget)
        found.curve.append(
            {
                "step": done,
                "forget_accuracy": right,
                "retain_accuracy": accuracy(model, test_retain),
                "shown_accuracy": accuracy(model, shown),
                "forget_loss": loss if math.isfinite(loss) else None,
                **(also(model) if also is not None else {}),
            }
        )
        passed = [level for level in levels if level not in found.reached and right <= level]
        if passed:
            for step, state in [*kept, (done, _copied(model))]:
                past.load_state_dict(state)
                value = right if step == done else accuracy(past, test_forget)
                for level in [each for each in passed if each not in found.reached and value <= each]:
                    found.reached[level] = (step, accuracy(past, test_retain))
        kept.clear()
        return not whole and bool(levels) and len(found.reached) == len(set(levels))

    def stop(model: nn.Module, done: int, loss: float) -> bool:
        if done % every:
            kept.append((done, _copied(model)))
            return False
        return look(model, done, loss)

    ascent = GradientAscent(steps, lr, optimizer="adam", batch_size=batch_size, stop=stop, **settings)
    try:
        ascent.edit_(task, model, forget, None, seed=seed)
    except DivergenceError as error:
        found.diverged = str(error)
        return found
    if (whole or len(found.reached) < len(set(levels)) or not levels) and found.curve[-1]["step"] < steps:
        look(model, steps, math.nan)
    return found


SHOWN = 200
"""Images of the forget set on which `shown_accuracy` is measured, the first by id."""


def _copied(model: nn.Module) -> State:
    with torch.no_grad():
        return {name: value.clone() for name, value in model.state_dict().items()}

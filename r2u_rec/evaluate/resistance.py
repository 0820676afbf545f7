"""Resistance: does a forgotten imprint return when the model is fine-tuned on users similar to the erased ones?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from r2u_rec.evaluate.imprint import FoldsIn
from r2u_rec.evaluate.proof import ForgettingEvaluator
from r2u_rec.evaluate.verdict import Verdict

M = TypeVar("M", bound=FoldsIn)


@dataclass(frozen=True)
class Relearning:
    """The verdict after each number of fine-tuning steps; entry 0 of a curve is the model as it came.

    Attributes:
        steps: fine-tuning steps taken in total.
        verdict: the verdict after these steps.
    """

    steps: int
    verdict: Verdict


def similar_users(histories: sparse.csr_array, erased: ArrayLike, *, n: int, exclude: ArrayLike = ()) -> NDArray[np.int64]:
    """Returns the n users most similar to the erased ones, ascending codes: the recovery users.

    Similarity is the mean cosine between a user's history and those of the erased; equal ones go by user code.

    Args:
        histories: (n_users, n_items) CSR with the histories of the erased users still in it.
        erased: user codes, never chosen.
        n: how many to choose.
        exclude: further codes never chosen, such as the never-trained users.

    Raises:
        ValueError: no erased user, or fewer than n candidates with a history.
    """
    erased = np.asarray(erased, dtype=np.int64)
    if erased.size == 0:
        raise ValueError("there is no erased user to be similar to: name at least one")
    rows = sparse.csr_array(histories, dtype=np.float64)
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    unit = sparse.diags_array(1.0 / np.maximum(lengths, 1e-12)) @ rows
    likeness = unit @ np.asarray(unit[erased].mean(axis=0)).ravel()  # (n_users,) mean cosine, as cosine is linear in one side
    candidates = np.setdiff1d(np.flatnonzero(lengths > 0), np.concatenate([erased, np.asarray(exclude, dtype=np.int64)]))
    if not 1 <= n <= candidates.size:
        raise ValueError(f"n must lie in [1, {candidates.size}], the users with a history who are not erased or excluded, got {n}")
    return np.sort(candidates[np.argsort(-likeness[candidates], kind="stable")[:n]])


def relearning_curve(model: M, fine_tune: Callable[[M, int], M], evaluator: ForgettingEvaluator, steps: Sequence[int]) -> list[Relearning]:
    """Returns the verdict before and after each number of fine-tuning steps on recovery data.

    Draw it beside the curve of a retrained model that is fine-tuned alike: similar users teach both something.

    Args:
        model: an unlearned (or retrained) model.
        fine_tune: (model, further steps) -> a fine-tuned model; decides on data, optimiser and copying.
        evaluator: judges each model.
        steps: total steps at which to measure, ascending, at least 1.

    Raises:
        ValueError: steps are not ascending from 1.
    """
    if list(steps) != sorted(set(steps)) or (len(steps) and steps[0] < 1):
        raise ValueError(f"steps must ascend from 1 or more, got {list(steps)}")
    curve, taken = [Relearning(0, evaluator.judge(model))], 0
    for total in steps:
        model, taken = fine_tune(model, total - taken), total
        curve.append(Relearning(total, evaluator.judge(model)))
    return curve

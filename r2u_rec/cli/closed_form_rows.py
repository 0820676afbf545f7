"""Closed forms in the main job: exact erasure, held against fitting anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import sparse

from r2u_rec.cli import build
from r2u_rec.cli.notes import Notes
from r2u_rec.cli.study import Study
from r2u_rec.evaluate.cost import measured

LARGEST_DIFFERENCE: Mapping[str, Callable[[Any, Any], float]] = {
    "ease": lambda one, other: float((one.weights - other.weights).abs().max()),
    "item_knn": lambda one, other: float(abs(_similarities(one) - _similarities(other)).max()),
}
"""Model -> the largest difference of any item-item weight of two of its kind."""


def closed_form_rows(study: Study, name: str, notes: Notes) -> None:
    """Notes the closed form `name` after exact erasure, and fitted anew without the request.

    It is exact: what is shown is the largest difference of any weight from fitting anew, in place of an attack.
    """
    s = study.settings
    method = build.closed_form(s.model, name)
    fitted = method.fit(None, study.records, seed=s.seed)
    after, cost = measured(lambda: method.forget(None, fitted, study.request, seed=s.seed))
    anew, retraining = measured(lambda: method.fit(None, study.left, seed=s.seed))
    n = len(study.cohorts.forget)
    names = {"model": name, "arm": "closed form", "seed": s.seed, "exact": True}
    difference = LARGEST_DIFFERENCE[name](after.model, anew.model)
    erased = {"seconds": cost.seconds, "seconds_per_user": cost.seconds / n, "max_difference": difference}
    notes.rows.append(names | {"operator": "exact", **erased} | study.quality(after.model).mean())
    notes.rows.append(
        names | {"operator": "retrained", "deterministic": True, "seconds": retraining.seconds} | study.quality(anew.model).mean()
    )


def _similarities(model: Any) -> sparse.csr_array:
    """Returns (n_items, n_items) the similarity of each item to those that it lists."""
    n, k = model.neighbours.shape
    return sparse.csr_array((model.similarities.numpy().ravel(), model.neighbours.numpy().ravel(), np.arange(n + 1) * k), shape=(n, n))

"""Closed forms in the main job: exact erasure, held against fitting anew."""

from __future__ import annotations

from typing import Any

from r2u_rec.core.protocols import Method
from r2u_rec.evaluate.cost import measured
from r2u_rec.study.measurements import Row
from r2u_rec.study.study import Study


def exact_rows(study: Study, request: str, name: str, method: Method) -> list[Row]:
    """Returns the row of a closed form after exact erasure, and that of fitting it anew without the request.

    It is exact: what is shown is the largest difference of any weight from fitting anew, in place of an attack.

    Args:
        name: of the model, for the rows.
    """
    ids, left, seed = study.request_ids(request), study.left(request), study.seed
    task: Any = None  # a closed form needs none
    fitted = method.fit(task, study.records, seed=seed)
    after, cost = measured(lambda: method.forget(task, fitted, ids, seed=seed))
    anew, retraining = measured(lambda: method.fit(task, left, seed=seed))
    names = {"model": name, "arm": "closed form", "seed": seed, "exact": True}
    erased: Row = {"seconds": cost.seconds, "seconds_per_user": cost.seconds / len(study.request(request).forget)}
    erased["max_difference"] = largest_difference(after.model, anew.model)
    return [
        names | {"operator": "exact", **erased} | study.quality(after.model, request).mean(),
        names | {"operator": "retrained", "deterministic": True, "seconds": retraining.seconds} | study.quality(anew.model, request).mean(),
    ]


def largest_difference(one: Any, other: Any) -> float | None:
    """Returns the largest difference of any item-item weight of two closed forms; None where they have none (`item_weights`)."""
    if not hasattr(one, "item_weights"):
        return None
    return float(abs(one.item_weights() - other.item_weights()).max())

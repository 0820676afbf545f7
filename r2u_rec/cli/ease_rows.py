"""EASE in the main job: exact erasure, held against fitting anew."""

from __future__ import annotations

from r2u_rec.cli.notes import Notes
from r2u_rec.cli.study import Study
from r2u_rec.evaluate.cost import measured
from r2u_rec.recsys.ease import Ease


def ease_rows(study: Study, notes: Notes) -> None:
    """Notes EASE as fitted, after exact erasure, and fitted anew without the request.

    It is exact: what is shown is the largest difference of any weight from fitting anew, in place of an attack.
    """
    s = study.settings
    ease = Ease(reg=s.model.ease_reg)
    fitted = ease.fit(None, study.records, seed=s.seed)
    after, cost = measured(lambda: ease.forget(None, fitted, study.request, seed=s.seed))
    anew, retraining = measured(lambda: ease.fit(None, study.left, seed=s.seed))
    difference = float((after.model.weights - anew.model.weights).abs().max())
    n = len(study.cohorts.forget)
    names = {"model": "ease", "arm": "closed form", "seed": s.seed, "exact": True}
    erased = {"seconds": cost.seconds, "seconds_per_user": cost.seconds / n, "max_difference": difference}
    notes.rows.append(names | {"operator": "exact", **erased} | study.quality(after.model).mean())
    notes.rows.append(
        names | {"operator": "retrained", "deterministic": True, "seconds": retraining.seconds} | study.quality(anew.model).mean()
    )

"""Every recommender keeps the promises of `r2u_rec.testing`, on the checkerboard whose right answer is known.

Who takes the suite stands in `conformance/models_*.py`: each file has `MODELS`, name -> callable(log, seed) -> Fitted, and may have
`IMPERSONAL`, the names of those that answer everybody alike.
"""

from __future__ import annotations

import copy
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from roster import LOG  # in the folder beside this file

from r2u_rec.core.protocols import Fitted
from r2u_rec.recsys.serving.popularity import Popularity
from r2u_rec.recsys.serving.recommend import recommend
from r2u_rec.testing import ModelCase, model_checks, state_bytes

PARTS = [import_module(path.stem) for path in sorted((Path(__file__).parent / "conformance").glob("models_*.py"))]
IMPERSONAL = {name for part in PARTS for name in getattr(part, "IMPERSONAL", ())}
CASES = {name: ModelCase(fit, LOG, personal=name not in IMPERSONAL) for part in PARTS for name, fit in part.MODELS.items()}
EVERY = [pytest.param(name, check, id=f"{name}-{check}") for name, case in CASES.items() for check in model_checks(case)]
every = pytest.mark.parametrize("name", CASES)


@pytest.mark.parametrize(("name", "check"), EVERY)
def test_the_model_keeps_the_promise(name, check):
    check(CASES[name])


@every
def test_who_is_unknown_is_answered_by_popularity(name):
    (answer,) = recommend(CASES[name].fitted, ["nobody"], k=3)
    best = np.argsort(-Popularity.of(LOG).counts.numpy(), kind="stable")[:3]
    assert answer.source == "popularity"
    assert sorted(answer.scores) == sorted(LOG.item_counts[best])
    assert recommend(CASES[name].fitted, ["person-1"], k=3)[0].source == "model"


@every
def test_recommending_does_not_change_the_model(name):
    before = state_bytes(CASES[name].model)
    recommend(CASES[name].fitted, ["person-1", "nobody"], k=3)
    assert state_bytes(CASES[name].model) == before
    assert not CASES[name].model.training


@every
def test_who_has_no_record_left_is_answered_by_popularity(name):
    case = CASES[name]
    model = case.stand_on(copy.deepcopy(case.model), case.left)
    answer, other = recommend(Fitted(model, case.left), [f"person-{case.left_user}", "person-1"], k=2)
    assert (answer.source, other.source) == ("popularity", "model")

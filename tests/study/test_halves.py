"""Those ask whom a scorer flags, and those whom it does not; each is judged against users of the same half."""

from __future__ import annotations

import numpy as np
import pytest
from study_toys import N_USERS, parts

from r2u_rec.study.flagged import FLAGGED
from r2u_rec.study.halves import ANYONE, NOT_FLAGGED, flagged_and_not, halves_by_scorer, lower, top


@pytest.fixture(scope="module")
def pair():
    return flagged_and_not(parts(), request_share=0.1, calibration_share=0.05, seed=0, part="validation")


@pytest.fixture(scope="module")
def halves():
    flagged = {"low codes": np.arange(N_USERS // 2), "even codes": np.arange(0, N_USERS, 2)}
    shares = {"never_trained_share": 0.2, "calibration_share": 0.1, "request_share": 0.1}
    return halves_by_scorer(parts(), flagged, seed=0, **shares)


def test_flagged_users_are_revocable_and_the_others_are_not(pair):
    flagged, others = pair.request(FLAGGED), pair.request(NOT_FLAGGED)
    assert np.isin(flagged.forget, pair.revocable).all()
    assert not np.isin(others.forget, pair.revocable).any()
    assert not np.isin(pair.candidates, np.concatenate([flagged.forget, others.forget])).any()
    apart = np.concatenate([flagged.holdout, others.holdout, pair.calibration_users])
    assert len(np.unique(apart)) == len(apart) == 12 + 12 + 6
    assert (pair.records.user_counts[apart] == 0).all()
    assert pair.part == "validation"


def test_flagged_users_score_higher_than_the_others_and_no_group_of_a_pair_is_more_active(pair):
    scores, counts = pair.scores, pair.parts.train.user_counts
    flagged, others = pair.request(FLAGGED), pair.request(NOT_FLAGGED)
    assert scores[flagged.forget].min() >= scores[others.forget].max()
    assert counts[flagged.forget].mean() == pytest.approx(counts[flagged.holdout].mean(), rel=0.25)


def test_every_half_asks_and_is_judged_by_never_trained_users_of_its_own(halves):
    study = halves.study
    assert set(study.requests) == {ANYONE, *(half(name) for name in halves.halves for half in (top, lower))}
    for name, flagged in (("low codes", np.arange(60)), ("even codes", np.arange(0, 120, 2))):
        for request, inside in ((top(name), True), (lower(name), False)):
            asked = study.request(request)
            assert (np.isin(asked.forget, flagged) == inside).all()
            assert (np.isin(asked.holdout, flagged) == inside).all()
            assert len(asked.forget) == 12
            assert (study.records.user_counts[asked.holdout] == 0).all()


def test_a_model_is_prepared_for_one_half_or_for_everyone_and_canaries_never_ask(halves):
    assert halves.prepared_for("even codes").revocable.tolist() == halves.halves["even codes"].tolist()
    assert halves.prepared_for("everyone").revocable.tolist() == np.flatnonzero(halves.study.records.user_counts).tolist()
    near = halves.canaries_of(top("low codes"))
    assert np.isin(near.candidates, halves.halves["low codes"]).all()
    assert not np.isin(near.candidates, halves.study.request(top("low codes")).forget).any()

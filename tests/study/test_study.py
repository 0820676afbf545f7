"""One experiment: who is trained on, who asks, how quality is measured, and what an erasure leaves of it."""

from __future__ import annotations

import numpy as np
import pytest
from study_toys import N_USERS, Noise, Oracle, parts, study

from r2u_rec.errors import DataError, SettingsError, UnknownRecordError
from r2u_rec.evaluate.ranking import rank, ranking_metrics
from r2u_rec.study.flagged import FLAGGED
from r2u_rec.study.quality import masked_quality, ranked_lists
from r2u_rec.study.request import StudyRequest


@pytest.fixture(scope="module")
def drawn():
    return study()


def test_who_is_held_out_is_never_trained_on_and_who_asks_is(drawn):
    asked = drawn.request(FLAGGED)
    apart = np.concatenate([asked.holdout, drawn.calibration_users])
    assert (len(asked.forget), len(asked.holdout), len(drawn.calibration_users)) == (12, 12, 6)
    assert (drawn.records.user_counts[apart] == 0).all()
    assert (drawn.records.user_counts[asked.forget] > 0).all()
    assert not np.intersect1d(drawn.candidates, asked.forget).size
    assert np.unique(drawn.calibration_log.user).tolist() == drawn.calibration_users.tolist()
    assert len(drawn.left(FLAGGED)) == len(drawn.records) - len(drawn.request_ids(FLAGGED))


def test_without_a_holdout_its_users_are_trained_on():
    whole = study(holdout=False)
    assert len(whole.request(FLAGGED).holdout) == 0
    assert int((whole.records.user_counts > 0).sum()) == N_USERS - len(whole.calibration_users)


def test_quality_is_that_of_those_who_stay_and_have_something_to_be_found(drawn):
    found = drawn.quality(Oracle(drawn.parts.test, drawn.parts.train), FLAGGED)
    assert found.mean() == pytest.approx(found.mean() | {"NDCG@5": 1.0, "NDCG@10": 1.0})
    assert found.users.tolist() == drawn.judged_users(FLAGGED).tolist()
    assert not np.isin(found.users, drawn.request(FLAGGED).forget).any()
    assert drawn.value(Oracle(drawn.parts.test, drawn.parts.train), FLAGGED) == pytest.approx(1.0)
    assert drawn.activity(found) == {"NDCG@10 active": pytest.approx(1.0), "NDCG@10 inactive": pytest.approx(1.0)}


@pytest.mark.parametrize("part", ["test", "validation"])
def test_quality_is_a_full_ranking_with_training_items_masked_and_on_the_test_part_validation_items_too(drawn, part):
    seen = drawn.parts.train.matrix() + (drawn.parts.validation.matrix() if part == "test" else 0 * drawn.parts.train.matrix())
    users = drawn.judged_users(FLAGGED, part=part)
    wanted = ranking_metrics(rank(Noise(), seen, users, 10), getattr(drawn.parts, part).matrix(), users, (5, 10)).mean()
    assert drawn.quality(Noise(), FLAGGED, part=part).mean() == wanted
    assert masked_quality(Noise(), drawn.parts, users, (5, 10), part=part).mean() == wanted
    lists = ranked_lists(Noise(), drawn.parts, users, 10, part=part)
    assert not drawn.parts.train.matrix()[users[:, None], lists].toarray().any()


def test_a_training_is_watched_by_users_who_are_not_revocable(drawn):
    assert not np.intersect1d(drawn.stable_users, drawn.revocable).size
    assert drawn.stable_quality(Oracle(drawn.parts.validation, drawn.parts.train)) == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_study_and_another_seed_another(drawn):
    assert study().hashes == drawn.hashes
    assert not set(study(seed=1).hashes.values()) & set(drawn.hashes.values())
    assert set(drawn.hashes) == {"train", "validation", "test", "trained", FLAGGED}


def test_a_request_that_there_is_not_and_a_part_that_there_is_not_are_refused(drawn):
    with pytest.raises(SettingsError, match="unknown request 'core'; there are flagged"):
        drawn.left("core")
    with pytest.raises(SettingsError, match="the part test or validation, got 'train'"):
        drawn.quality(Noise(), part="train")
    more = drawn.with_request(StudyRequest("two", np.array([0, 1]), np.array([2])))
    assert (list(more.requests), more.largest_request) == ([FLAGGED, "two"], 12)


def test_shares_that_cannot_be_meant_are_refused():
    with pytest.raises(SettingsError, match=r"revocability.request_share must lie in \[0, 1\), got 1.5"):
        study(request_share=1.5)
    with pytest.raises(SettingsError, match=r"calibration_share=0\.9 asks for 108 of the"):
        study(calibration_share=0.9)
    with pytest.raises(DataError, match="two groups of 60 users need a pool"):
        study(request_share=0.5)


def test_after_an_erasure_the_erased_stand_in_no_part_and_no_list_and_others_are_as_they_were(drawn):
    asked = drawn.request(FLAGGED)
    gone = np.concatenate([asked.forget[:3], asked.holdout[:1], drawn.calibration_users[:1]])
    left = drawn.without(drawn.parts.train.ids_of_users(gone))
    keys = [drawn.parts.train.user_keys.key(code) for code in gone]
    for log in (left.parts.train, left.parts.validation, left.parts.test, left.records):
        assert not np.isin(log.user, gone).any()
        assert not any(key in log.user_keys for key in keys)
    request = left.request(FLAGGED)
    for users in (request.forget, request.holdout, left.revocable, left.candidates, left.calibration_users):
        assert not np.isin(users, gone).any()
    assert (len(request.forget), len(request.holdout)) == (9, 11)
    assert np.isnan(left.scores[gone]).all()
    stay = np.setdiff1d(drawn.judged_users(FLAGGED), gone)
    assert left.quality(Noise(), users=stay).mean() == drawn.quality(Noise(), users=stay).mean()


def test_erasing_single_interactions_leaves_their_user_and_an_unknown_id_is_refused(drawn):
    train = drawn.parts.train
    one = train.ids_of_users([drawn.judged_users()[0]])[:1]
    left = drawn.without(one)
    assert len(left.parts.train) == len(train) - 1
    assert left.parts.test.ids.tolist() == drawn.parts.test.ids.tolist()
    with pytest.raises(UnknownRecordError, match="1 of 2 ids are in no part of the study, the first 999999"):
        drawn.without(np.array([one[0], 999999]))
    assert parts().train.ids.tolist() == train.ids.tolist()

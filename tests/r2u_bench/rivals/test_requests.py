"""Who plays which part in the benchmark."""

from __future__ import annotations

import numpy as np
import pytest
from r2u_bench.rivals.requests import build_study, requests_of
from small_study import SHARES, small_study, table

from r2u_rec.data import random_per_user, read_log
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.study.kinds import KINDS, every_kind, request_name


@pytest.fixture(scope="module")
def study():
    return small_study()


def test_who_is_held_out_is_never_trained_on_and_who_asks_is(study):
    held = np.concatenate([request.holdout for request in study.requests.values()])
    calibration_users = study.calibration_users
    assert (study.records.user_counts[held] == 0).all()
    assert (study.records.user_counts[calibration_users] == 0).all()
    assert not np.intersect1d(held, calibration_users).size
    for request in study.requests.values():
        assert (study.records.user_counts[request.forget] > 0).all()
        assert study.left(request.name).ids.size == len(study.records) - study.records.user_counts[request.forget].sum()


def test_canaries_come_from_users_who_never_ask(study):
    asked = np.concatenate([request.forget for request in study.requests.values()])
    assert not np.intersect1d(asked, study.candidates).size
    assert (study.records.user_counts[study.candidates] > 0).all()


def test_core_is_the_most_active_and_edge_the_least_and_their_counterparts_are_alike(study):
    counts = study.parts.train.user_counts
    means = {name: (counts[r.forget].mean(), counts[r.holdout].mean()) for name, r in study.requests.items()}
    assert means["core 4 %"][0] > 1.2 * means["random 4 %"][0] > 1.2 * means["edge 4 %"][0]
    for asked, held in means.values():
        assert asked == pytest.approx(held, rel=0.15)


def test_a_smaller_request_is_a_part_of_the_larger_one_of_its_kind(study):
    for kind in KINDS:
        small, large = (study.requests[request_name(kind, share)].forget for share in SHARES)
        assert np.isin(small, large).all()
        assert (len(small), len(large)) == (6, 12)


def test_revocable_users_are_flagged_and_the_others_are_not(study):
    assert np.isin(study.requests["revocable 4 %"].forget, study.revocable).all()
    assert not np.isin(study.requests["not flagged 4 %"].forget, study.revocable).any()


def test_quality_is_that_of_those_who_stay(study):
    class Oracle:
        def scores(self, users):
            return study.parts.test.matrix()[users].toarray()

    found = study.quality(Oracle(), "random 4 %")
    assert found.mean()["NDCG@20"] == pytest.approx(1.0)
    assert not np.isin(found.users, study.requests["random 4 %"].forget).any()
    assert study.activity(found) == {"NDCG@20 active": pytest.approx(1.0), "NDCG@20 inactive": pytest.approx(1.0)}


def test_the_same_seed_gives_the_same_world_and_another_seed_another(study):
    assert small_study().hashes == study.hashes
    assert not set(small_study(seed=1).hashes.values()) & set(study.hashes.values())


def test_a_file_of_ones_own_can_be_the_data(tmp_path):
    table().to_csv(tmp_path / "shop.csv", index=False)
    assert build_study(str(tmp_path / "shop.csv"), 0, SHARES).hashes["train"] == small_study().hashes["train"]


def test_shares_and_names_that_cannot_be_meant_are_refused():
    parts = random_per_user(read_log(table()), seed=0)
    with pytest.raises(SettingsError, match=r"request shares must lie in \(0, .1\], got \[0.2\]"):
        every_kind(parts, seed=0, shares=(0.2,), calibration_share=0.06)
    with pytest.raises(SettingsError, match=r"calibration_share must lie in \(0, .3\), got 0"):
        every_kind(parts, seed=0, shares=SHARES, calibration_share=0)
    with pytest.raises(DataError, match=r"users with 8 interactions are too few for requests of 30"):
        every_kind(parts, seed=0, shares=(0.1,), calibration_share=0.06)
    with pytest.raises(SettingsError, match=r"unknown request 'core 7 %'; .*there are random 4 %"):
        requests_of(["core 7 %"], SHARES)
    assert requests_of(["edge 2 %", "core 4 %"], SHARES) == ["core 4 %", "edge 2 %"]

"""Who plays which part in the benchmark."""

from __future__ import annotations

import numpy as np
import pytest
from r2u_bench.rivals.world import KINDS, build_world, request_name, requests_of, world_of
from small_world import SHARES, small_world, table

from r2u_rec.data import random_per_user, read_log
from r2u_rec.errors import DataError, SettingsError


@pytest.fixture(scope="module")
def world():
    return small_world()


def test_who_is_held_out_is_never_trained_on_and_who_asks_is(world):
    held = np.concatenate([request.holdout for request in world.requests.values()])
    calibration_users = np.unique(world.calibration_users.user)
    assert (world.records.user_counts[held] == 0).all()
    assert (world.records.user_counts[calibration_users] == 0).all()
    assert not np.intersect1d(held, calibration_users).size
    for request in world.requests.values():
        assert (world.records.user_counts[request.forget] > 0).all()
        assert world.left(request.name).ids.size == len(world.records) - world.records.user_counts[request.forget].sum()


def test_canaries_come_from_users_who_never_ask(world):
    asked = np.concatenate([request.forget for request in world.requests.values()])
    assert not np.intersect1d(asked, world.candidates).size
    assert (world.records.user_counts[world.candidates] > 0).all()


def test_core_is_the_most_active_and_edge_the_least_and_their_counterparts_are_alike(world):
    counts = world.parts.train.user_counts
    means = {name: (counts[r.forget].mean(), counts[r.holdout].mean()) for name, r in world.requests.items()}
    assert means["core 4 %"][0] > 1.2 * means["random 4 %"][0] > 1.2 * means["edge 4 %"][0]
    for asked, held in means.values():
        assert asked == pytest.approx(held, rel=0.15)


def test_a_smaller_request_is_a_part_of_the_larger_one_of_its_kind(world):
    for kind in KINDS:
        small, large = (world.requests[request_name(kind, share)].forget for share in SHARES)
        assert np.isin(small, large).all()
        assert (len(small), len(large)) == (6, 12)


def test_revocable_users_are_flagged_and_the_others_are_not(world):
    assert np.isin(world.requests["revocable 4 %"].forget, world.revocable).all()
    assert not np.isin(world.requests["not flagged 4 %"].forget, world.revocable).any()


def test_quality_is_that_of_those_who_stay(world):
    class Oracle:
        def scores(self, users):
            return world.parts.test.matrix()[users].toarray()

    found = world.quality(Oracle(), "random 4 %")
    assert found.mean()["NDCG@20"] == pytest.approx(1.0)
    assert not np.isin(found.users, world.requests["random 4 %"].forget).any()
    assert world.activity(found) == {"NDCG@20 active": pytest.approx(1.0), "NDCG@20 inactive": pytest.approx(1.0)}


def test_the_same_seed_gives_the_same_world_and_another_seed_another(world):
    assert small_world().hashes == world.hashes
    assert not set(small_world(seed=1).hashes.values()) & set(world.hashes.values())


def test_a_file_of_ones_own_can_be_the_data(tmp_path):
    table().to_csv(tmp_path / "shop.csv", index=False)
    assert build_world(str(tmp_path / "shop.csv"), 0, SHARES).hashes["train"] == small_world().hashes["train"]


def test_shares_and_names_that_cannot_be_meant_are_refused():
    parts = random_per_user(read_log(table()), seed=0)
    with pytest.raises(SettingsError, match=r"request shares must lie in \(0, .1\], got \[0.2\]"):
        world_of(parts, 0, shares=(0.2,), calibration_share=0.06)
    with pytest.raises(SettingsError, match=r"strangers_share must lie in \(0, .3\), got 0"):
        world_of(parts, 0, shares=SHARES, calibration_share=0)
    with pytest.raises(DataError, match=r"users with 8 interactions are too few for requests of 30"):
        world_of(parts, 0, shares=(0.1,), calibration_share=0.06)
    with pytest.raises(SettingsError, match=r"unknown request 'core 7 %'; .*there are random 4 %"):
        requests_of(["core 7 %"], SHARES)
    assert requests_of(["edge 2 %", "core 4 %"], SHARES) == ["core 4 %", "edge 2 %"]

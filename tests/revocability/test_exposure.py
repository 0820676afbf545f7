"""Uniqueness, crowds, sensitivity and disclosure by hand, and against naive loops."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability import crowd, disclosure, rank_shares, sensitivity, uniqueness
from r2u_rec.revocability.featurize.table import FeatureSettings, features, parts

NAN = np.nan


@pytest.fixture
def timeless(build):
    """Users with a few of 200 items, popular ones mostly; some records twice; no times, and user 3 without records."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.r_[0:3, 4:50], 12)
    return build(user, (200 * rng.random(len(user)) ** 3).astype(int), None, n_users=50)


def sets_of(log) -> list[set[int]]:
    return [set(log.item[log.user == user].tolist()) for user in range(log.n_users)]


def test_surprisal_adds_up_the_bits_of_the_rarest_items(build):
    log = build([0, 0, 0, 1, 1, 2, 3], [7, 8, 9, 7, 8, 7, 7], None, n_users=5)
    assert_allclose(uniqueness(log), [2 + 1 + 0, 1, 0, 0, NAN])  # of four users with records 4 have item 7, 2 item 8, 1 item 9
    assert_allclose(uniqueness(log, n_rarest=1), [2, 1, 0, 0, NAN])


def test_surprisal_equals_a_naive_loop_and_counts_a_repeated_record_once(timeless):
    mine = sets_of(timeless)
    assert any(len(items) < count for items, count in zip(mine, timeless.user_counts, strict=True))
    n_users = sum(1 for items in mine if items)
    held = {item: sum(item in items for items in mine) for item in set().union(*mine)}
    naive = [sum(sorted((np.log2(n_users / held[i]) for i in items), reverse=True)[:3]) if items else NAN for items in mine]
    assert_allclose(uniqueness(timeless), naive, atol=1e-12)


@pytest.mark.parametrize("n_crowd", [1, 2, 4])
def test_a_crowd_has_all_of_the_rarest_items(timeless, n_crowd):
    mine = sets_of(timeless)
    held = {item: sum(item in items for items in mine) for item in set().union(*mine)}
    naive = []
    for items in mine:
        rarest = set(sorted(items, key=lambda item: (held[item], item))[:n_crowd])
        naive.append(sum(rarest <= other for other in mine) if items else NAN)
    found = features(timeless, FeatureSettings(n_crowd=n_crowd), only=["crowd"])["crowd"]
    assert_array_equal(found, naive)
    assert_allclose(crowd(timeless, n_crowd=n_crowd), np.log2(49 / np.array(naive)))


def test_who_has_fewer_items_than_a_crowd_needs_is_looked_for_by_those_there_are(build):
    log = build([0, 1, 1, 2, 2], [5, 5, 6, 5, 6], None)
    assert_array_equal(parts(log, ("crowd",))["crowd"], [3, 2, 2])


def test_a_crowd_that_costs_too_much_is_refused_and_left_out_of_the_features(timeless, monkeypatch):
    monkeypatch.setattr("r2u_rec.revocability.scorers.rarity.MAX_STEPS", 50)
    with pytest.raises(DataError, match=r"crowd would compare \d+ pairs of users, at most 50: nothing is rare here; use uniqueness"):
        crowd(timeless)
    found = features(timeless, only=["crowd", "surprisal"])
    assert list(found) == ["surprisal"]
    assert "at most 50" in found.attrs["absent"]["crowd"]


def test_sensitivity_is_the_share_of_records_in_sensitive_categories_or_items(build):
    log = build([0, 0, 0, 1, 3], [0, 8, 1, 2, 3], None, n_users=4)  # item i is of genre i mod 8
    assert_allclose(sensitivity(log, categories="class", sensitive_categories=("genre0",)), [2 / 3, 0, NAN, 0])
    assert_allclose(sensitivity(log, sensitive_items=(1, "3")), [1 / 3, 0, NAN, 1])
    both = sensitivity(log, categories="class", sensitive_categories=("genre0",), sensitive_items=(0, 1))
    assert_allclose(both, [1, 0, NAN, 0])


def test_sensitive_categories_of_a_list_are_single_entries_of_it(build):
    log = build([0, 1], [0, 1], None)
    log = dataclasses.replace(log, item_info=pd.DataFrame({"tags": ["health food", "foods"] + [None] * 198}))
    assert_array_equal(sensitivity(log, categories="tags", sensitive_categories=("food",)), [1, 0])


def test_what_is_sensitive_must_be_said_and_be_there(build):
    log = build([0, 1], [0, 1], None)
    with pytest.raises(SettingsError, match="nothing is configured as sensitive: name sensitive_categories"):
        sensitivity(log)
    with pytest.raises(SettingsError, match="sensitive_categories need categories"):
        sensitivity(log, sensitive_categories=("genre0",))
    with pytest.raises(SettingsError, match="sensitive category 'genre' is no entry of any item; did you mean 'genre"):
        sensitivity(log, categories="class", sensitive_categories=("genre",))
    with pytest.raises(SettingsError, match=r"'zzz' is no entry of any item; there are genre0, genre1"):
        sensitivity(log, categories="class", sensitive_categories=("zzz",))
    with pytest.raises(SettingsError, match=r"2 of 3 sensitive items are not in the data, the first \[777, 'x'\]"):
        sensitivity(log, sensitive_items=(1, 777, "x"))


def rated(build, ratings, **info):
    log = build([0, 0, 1, 1, 2], [1, 2, 1, 2, 1], None, n_users=4, user_info=pd.DataFrame(info) if info else None)
    return dataclasses.replace(log, rating=None if ratings is None else np.array(ratings, dtype=np.float32))


def test_rating_deviation_is_the_mean_distance_from_the_items_mean_rating(build):
    log = rated(build, [1, 4, 4, 2, 4])  # item 1 has the mean 3, item 2 too
    assert_allclose(parts(log, ("rating_deviation",))["rating_deviation"], [(2 + 1) / 2, (1 + 1) / 2, 1, NAN])


def test_records_without_a_rating_lower_the_share_and_count_in_no_mean(build):
    log = rated(build, [1, NAN, 5, NAN, NAN])
    found = parts(log, ("rated_share", "rating_deviation"))
    assert_allclose(found["rated_share"], [0.5, 0.5, 0, NAN])
    assert_allclose(found["rating_deviation"], [2, 2, NAN, NAN])


def test_a_profile_field_is_filled_unless_it_is_missing_or_blank(build):
    log = rated(build, None, name=["a", " ", None, "d"], age=[30.0, NAN, 5, 1], member=[True, False, True, True])
    assert_allclose(parts(log, ("profile_share",))["profile_share"], [1, 1 / 3, 2 / 3, NAN])


def test_disclosure_is_the_mean_rank_of_the_parts_that_vary(build):
    log = rated(build, [1, 4, 4, 2, 4], age=[30.0, NAN, 5, 1], name=["a", "b", "c", "d"])
    expected = (rank_shares([1, 0.5, 1, NAN]) + rank_shares([1.5, 1, 1, NAN])) / 2  # all records are rated: that says nothing
    assert_allclose(disclosure(log), expected)


def test_who_never_rated_is_ranked_by_the_other_parts(build):
    log = rated(build, [1, 4, 5, 2, NAN], age=[NAN, NAN, 5, 1])
    score = disclosure(log)
    assert_array_equal(np.isnan(score), [False, False, False, True])
    assert score[2] == pytest.approx((rank_shares([0, 0, 1])[2] + rank_shares([1, 1, 0])[2]) / 2)


@pytest.mark.parametrize("info", [{}, {"age": [1.0, 2, 3, 4]}])
def test_without_any_sign_of_disclosure_the_error_names_the_remedy(build, info):
    with pytest.raises(DataError, match=r"disclosure cannot be scored.*read the user file and the rating column"):
        disclosure(rated(build, None, **info))

"""Items spread over categories, classes of popularity, clusters and coordinates in whole UNITths."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from r2u_rec.errors import SettingsError
from r2u_rec.revocability import evolving_interest
from r2u_rec.revocability.scorers.profile import MAX_CATEGORIES, UNIT, by_category, by_coordinate, by_popularity, co_occurrence_vectors


def dense(frame: pd.DataFrame) -> np.ndarray:
    out = np.zeros((frame["item"].max() + 1, frame["part"].max() + 1))
    np.add.at(out, (frame["item"], frame["part"]), frame["weight"] / UNIT)
    return out


def test_an_item_is_shared_evenly_by_its_categories_and_one_without_any_stands_apart():
    cells = pd.Series(["Drama War", "War", None, "  ", "Drama", "Drama Drama"])
    profile = dense(by_category(cells, np.ones(6, dtype=int)))
    assert_array_equal(profile, [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [1, 0, 0], [1, 0, 0]])
    piped = cells.str.strip().str.replace(" ", "|")
    assert_array_equal(dense(by_category(piped, np.ones(6, dtype=int), separator="|")), profile)
    assert dense(by_category(cells, np.ones(6, dtype=int), separator="")).shape == (6, 5)  # "Drama War" is a category of its own


def test_shares_of_up_to_sixteen_categories_are_whole_and_sum_to_one():
    for n in range(1, 17):
        weight = by_category(pd.Series([" ".join(f"c{i:02d}" for i in range(n))]), np.ones(1, dtype=int))["weight"]
        assert_array_equal(weight, np.full(n, UNIT / n))


def test_many_categories_keep_the_common_ones_and_join_the_rest():
    counts = np.ones(200, dtype=int)
    counts[0], counts[199] = 5, 4
    profile = dense(by_category(pd.Series([f"c{i:03d}" for i in range(200)]), counts))
    assert profile.shape == (200, MAX_CATEGORIES)
    assert_allclose(profile.sum(axis=1), 1)
    alone = profile.sum(axis=0) == 1
    assert alone[profile[0].argmax()]
    assert alone[profile[199].argmax()]
    assert profile[:, -1].sum() == 200 - (MAX_CATEGORIES - 1)


def test_an_item_of_several_rare_categories_gives_all_their_shares_to_the_rest():
    cells = pd.Series([f"c{i:03d}" for i in range(100)] + ["c098 c099"])
    profile = dense(by_category(cells, np.array([9] * 90 + [1] * 11)))
    assert_array_equal(profile[100], np.eye(MAX_CATEGORIES)[-1])


def test_classes_of_popularity_hold_equal_numbers_of_records():
    counts = np.random.default_rng(0).zipf(1.7, 3000).clip(max=300)
    held = counts @ dense(by_popularity(counts))
    assert held.shape == (10,)
    assert_allclose(held, counts.sum() / 10, rtol=0.1)


def test_coordinates_keep_the_distances_between_vectors_of_length_one():
    vectors = np.random.default_rng(0).normal(size=(30, 6)) * np.arange(1, 31)[:, None]
    turned = dense(by_coordinate(vectors))
    scaled = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert turned.shape == (30, 6)
    assert_allclose(turned @ turned.T, scaled @ scaled.T, atol=1e-5)
    assert dense(by_coordinate(np.random.default_rng(0).normal(size=(90, 40)))).shape == (90, 16)


def test_co_occurrence_brings_items_of_the_same_users_together():
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(100), 10)
    item = rng.integers(0, 10, 1000) + 10 * (user % 2)
    vectors = co_occurrence_vectors(user, item, 20)
    cosines = vectors @ vectors.T / np.outer(*[np.linalg.norm(vectors, axis=1)] * 2)
    assert cosines[:10, :10].min() > cosines[:10, 10:].max()
    assert_array_equal(vectors, co_occurrence_vectors(user, item, 20))


def test_an_unknown_category_column_suggests_the_nearest(stationary):
    with pytest.raises(SettingsError, match="'clas' is not a column of the item information; did you mean 'class'"):
        evolving_interest(stationary(0, n_users=2), categories="clas")
    with pytest.raises(SettingsError, match="'zzz' is not a column of the item information; there are class"):
        evolving_interest(stationary(0, n_users=2), categories="zzz")


def test_categories_without_item_information_are_refused(stationary):
    with pytest.raises(SettingsError, match=r"categories='class' needs item information.*categories=None"):
        evolving_interest(dataclasses.replace(stationary(0, n_users=2), item_info=None), categories="class")

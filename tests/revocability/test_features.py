"""The feature table: every column that a log can give, and the reason for each that it cannot."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability import (
    active_days,
    engagement,
    evolving_interest,
    features,
    inactive_seconds,
    rank_shares,
    sensitivity,
    sessions,
    stability,
    uniqueness,
)
from r2u_rec.revocability.featurize.table import COLUMNS, FeatureSettings

DAY = 86_400


@pytest.fixture
def full(stationary):
    """A log that can give every column."""
    log = stationary(0, n_users=40, switchers=3)
    rating = np.random.default_rng(0).integers(1, 6, len(log)).astype(np.float32)
    info = pd.DataFrame({"age": np.where(np.arange(40) % 3, 30.0, np.nan), "name": "x"})
    return dataclasses.replace(log, rating=rating, user_info=info)


ALL = FeatureSettings(categories="class", sensitive_categories=("genre1",))


def test_a_log_of_every_kind_gives_every_column_in_order(full):
    found = features(full, ALL)
    assert list(found) == list(COLUMNS)
    assert found.attrs["absent"] == {}
    assert found.index.name == "user"
    assert_array_equal(found.index, np.arange(40))
    assert set(found.dtypes) == {np.dtype("float64")}
    assert not found.isna().any(axis=None)


def test_the_columns_are_what_the_scorers_are_made_of(full):
    found = features(full, ALL)
    assert_array_equal(found["n_records"], full.user_counts)
    assert_array_equal(found["active_days"], active_days(full))
    assert_array_equal(found["sessions"], sessions(full))
    assert_array_equal(found["inactive_seconds"], inactive_seconds(full))
    assert_array_equal(found["stability"], stability(full))
    assert_array_equal(found["drift_z"], evolving_interest(full, categories="class"))
    assert_array_equal(found["surprisal"], uniqueness(full))
    assert_array_equal(found["sensitive_share"], sensitivity(full, categories="class", sensitive_categories=("genre1",)))
    assert_allclose(found["sensitive_records"], found["sensitive_share"] * found["n_records"])
    assert_allclose(engagement(full), (rank_shares(found["n_records"]) + rank_shares(found["active_days"])) / 2)


def test_the_days_of_the_calendar_from_the_first_record_to_the_last_and_to_now(build):
    log = build([0, 0, 1], [1, 2, 3], [DAY - 1, 3 * DAY, 2 * DAY])
    found = features(log, FeatureSettings(now=10 * DAY), only=["span_days", "age_days"])
    assert_array_equal(found, [[3, 10], [0, 8]])


def test_without_times_ratings_and_people_there_are_still_counts_and_rarity(build):
    log = build([0, 0, 2], [1, 2, 1], None, n_users=4)
    found = features(log)
    assert list(found) == ["n_records", "n_items", "surprisal", "crowd"]
    assert_array_equal(found, [[2, 2, 1, 1], [np.nan] * 4, [1, 1, 0, 2], [np.nan] * 4])
    absent = found.attrs["absent"]
    assert set(absent) == set(COLUMNS) - set(found)
    assert "no time column" in absent["drift_z"]
    assert "no ratings: name the rating column" in absent["rating_deviation"]
    assert "no user information: read the user file" in absent["profile_share"]
    assert "name sensitive_categories" in absent["sensitive_share"]


def test_what_cannot_be_fitted_is_absent_with_the_reason(build):
    found = features(build([0, 1], [1, 2], [5, 9]), only=["p_alive", "sessions"])
    assert list(found) == ["sessions"]
    assert found.attrs["absent"]["p_alive"].startswith("BG/NBD cannot be fitted: 0 of 2 users came on a second day")


def test_only_the_named_columns_are_made(full, monkeypatch):
    def never(*_, **__):
        raise AssertionError("this takes long and was not asked for")

    monkeypatch.setattr("r2u_rec.revocability.featurize.assembly.interest_drift", never)
    monkeypatch.setattr("r2u_rec.revocability.scorers.rarity.pairs", never)
    found = features(full, only=["sessions", "n_records", "p_alive"])
    assert list(found) == ["n_records", "sessions", "p_alive"]


def test_an_unknown_column_suggests_the_nearest(full):
    with pytest.raises(SettingsError, match="unknown feature 'session'; did you mean 'sessions'"):
        features(full, only=["session"])


def test_an_empty_log_has_no_features(build):
    with pytest.raises(DataError, match="0 records"):
        features(build([], [], [], n_users=2))


def test_a_setting_that_names_something_unknown_is_an_error_and_no_absence(full):
    with pytest.raises(SettingsError, match="did you mean 'class'"):
        features(full, FeatureSettings(categories="clas"))
    with pytest.raises(SettingsError, match="'horror' is no entry of any item"):
        features(full, FeatureSettings(categories="class", sensitive_categories=("horror",)))


@pytest.mark.parametrize(
    ("setting", "value", "bound"),
    [("session_gap_seconds", -1, 0), ("recent_days", 0, 1), ("n_rarest", 0, 1), ("n_crowd", 0, 1), ("min_records", 1, 2)],
)
def test_settings_out_of_range_name_the_bound(setting, value, bound):
    with pytest.raises(SettingsError, match=f"{setting} must be at least {bound}, got {value}"):
        FeatureSettings(**{setting: value})


@pytest.mark.slow
def test_more_chunks_of_users_change_nothing(full, monkeypatch):
    whole = features(full, ALL)
    monkeypatch.setattr("r2u_rec.revocability.featurize.records.CHUNK_ROWS", len(full) // 4)
    pd.testing.assert_frame_equal(features(full, ALL, threads=1), whole, check_exact=True)


def test_the_log_is_left_as_it_was(full):
    before = {name: getattr(full, name).copy() for name in ("user", "item", "time", "rating")}
    features(full, ALL)
    for name, column in before.items():
        assert_array_equal(getattr(full, name), column)

"""Scores of Parquet files and tables: the same as those of a log, whatever the kind of keys and times."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability import embedded, feature_table, records_of, sides_of_records
from r2u_rec.revocability.featurize.score_table import score_table
from r2u_rec.revocability.featurize.table import FeatureSettings, features
from r2u_rec.revocability.scorers.blend import blend

S = FeatureSettings(categories="class", sensitive_categories=("genre1",))


@pytest.fixture
def log(stationary):
    return stationary(0, n_users=30, switchers=3)


@pytest.fixture
def frame(log):
    return pd.DataFrame({"user": log.user, "item": log.item, "time": log.time})


def written(frame, tmp_path, name="records.parquet"):
    frame.to_parquet(tmp_path / name)
    return tmp_path / name


def made(path, settings=S, **columns):
    """Features of a file, by user; the items' categories as in the log."""
    with embedded() as engine:
        records = records_of(path, engine, **columns)
        kind = pd.Series(sides_of_records(records).keys)
        number = kind.astype(str).str.replace("i", "").astype(int)
        items = pd.DataFrame({"item": kind, "class": "genre" + (number % 8).astype(str)})
        table, absent = feature_table(records, settings, sides=sides_of_records(records, items=items))
        return table.to_pyarrow().to_pandas().set_index("user").sort_index(), absent


def test_a_file_of_codes_scores_as_the_log_does(log, frame, tmp_path):
    found, absent = made(written(frame, tmp_path))
    expected = features(log, S)
    pd.testing.assert_frame_equal(found, expected, check_index_type=False, check_exact=True)
    assert absent == expected.attrs["absent"]


def test_chunks_of_users_are_spilled_and_change_nothing(frame, tmp_path, monkeypatch):
    path = written(frame, tmp_path)
    whole, _ = made(path)
    monkeypatch.setattr("r2u_rec.revocability.featurize.records.CHUNK_ROWS", len(frame) // 5)
    pd.testing.assert_frame_equal(made(path)[0], whole, check_exact=True)


def test_keys_of_text_and_large_numbers_come_back_as_they_were(log, frame, tmp_path):
    frame["user"] = frame["user"].astype("int64") + 10**12
    frame["item"] = "i" + frame["item"].astype(str).str.zfill(3)
    found, _ = made(written(frame, tmp_path))
    assert_array_equal(found.index, np.arange(30) + 10**12)
    seedless = ["n_records", "sessions", "surprisal", "sensitive_share", "stability", "crowd"]
    assert_allclose(found[seedless], features(log, S)[seedless], atol=1e-12)
    assert_allclose(found["drift_z"], features(log, S)["drift_z"], atol=1e-9)  # ascending keys have the same codes here


def test_timestamps_and_other_names_of_columns_are_understood(log, frame, tmp_path):
    named = pd.DataFrame({"who": frame["user"], "what": frame["item"], "when": pd.to_datetime(frame["time"], unit="s")})
    found, _ = made(written(named, tmp_path), user="who", item="what", time="when")
    assert_array_equal(found["inactive_seconds"], features(log, S)["inactive_seconds"])


def test_a_table_of_the_engine_is_as_good_as_a_file(log, frame):
    with embedded() as engine:
        engine.con.register("logged", frame)
        found = score_table(records_of(engine.table("logged")))
    assert_allclose(found["score"].to_numpy()[np.argsort(found["user"].to_numpy())], blend(log))
    assert found.column_names == ["user", "score", "n_records", "active_days", "inactive_seconds", "drift_z"]


def test_users_of_the_side_information_are_found_by_their_keys(frame, tmp_path):
    frame["user"] = "u" + frame["user"].astype(str)
    users = pd.DataFrame({"user": ["u3", "nobody", "u1"], "age": [1.0, 2, np.nan], "name": ["a", "b", " "]})
    with embedded() as engine:
        records = records_of(written(frame, tmp_path), engine)
        found = score_table(records, "disclosure", sides=sides_of_records(records, users=users)).to_pandas().set_index("user")
    assert found["profile_share"].dropna().to_dict() == {"u3": 1.0, "u1": 0.0}
    assert found["score"]["u3"] > found["score"]["u2"] > found["score"]["u1"]  # nothing known of u2: the middle


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="item"), "no column 'item', its columns are user, time: name the item column"),
        (lambda f: f.assign(item=f["item"].astype("Int64").where(f["item"] > 5)), r"column 'item' is empty in \d+ of \d+ records"),
        (lambda f: f.assign(time=f["time"].astype("Int64").where(f["time"] > 10**7)), r"column 'time' is empty in \d+ of \d+ records"),
        (lambda f: f.assign(time="now"), "column 'time' must hold whole seconds since 1970 or timestamps, got string"),
        (lambda f: f.assign(time=0.5), "column 'time' must hold whole seconds since 1970 or timestamps, got float64"),
        (lambda f: f.iloc[:0], "the table has 0 records"),
    ],
)
def test_files_that_cannot_be_scored_say_why(frame, tmp_path, change, message):
    with embedded() as engine, pytest.raises(DataError, match=message):
        records_of(written(change(frame), tmp_path), engine)


def test_a_file_needs_an_engine(frame, tmp_path):
    with pytest.raises(TypeError, match="needs the connection of an engine"):
        records_of(written(frame, tmp_path))


def test_side_information_must_have_keys_once(frame, tmp_path):
    with embedded() as engine:
        records = records_of(written(frame, tmp_path), engine)
        with pytest.raises(SettingsError, match="the item information has no column 'item' of keys, its columns are id"):
            sides_of_records(records, items=pd.DataFrame({"id": [1]}))
        with pytest.raises(SettingsError, match="the user information names 1 keys twice, the first 7: give each one row"):
            sides_of_records(records, users=pd.DataFrame({"user": [7, 7]}))


def test_vectors_follow_the_rows_of_the_item_information(log, frame, tmp_path):
    order = np.random.default_rng(0).permutation(200)
    vectors = np.eye(8)[order % 8]
    s = FeatureSettings(drift_by="embedding")
    with embedded() as engine:
        records = records_of(written(frame, tmp_path), engine)
        sides = sides_of_records(records, items=pd.DataFrame({"item": order}), vectors=vectors)
        found = feature_table(records, s, only=["drift_z"], sides=sides)[0].order_by("user").to_pyarrow()["drift_z"].to_numpy()
    assert_allclose(found, features(log, s, only=["drift_z"], vectors=np.eye(8)[np.arange(200) % 8])["drift_z"], atol=1e-9)


def test_scores_of_tables_refuse_what_the_table_cannot_give(frame, tmp_path):
    with embedded() as engine:
        records = records_of(written(frame.drop(columns="time"), tmp_path), engine)
        with pytest.raises(DataError, match="has no time column"):
            score_table(records, "churn")
        with pytest.raises(SettingsError, match=re.escape("scorer must be one of blend, engagement") + ".*got 'supplied'"):
            score_table(records, "supplied")
        assert score_table(records, "uniqueness").num_rows == 30


def test_what_the_engine_spilled_is_gone_when_it_is_closed(frame, tmp_path, monkeypatch):
    from r2u_rec.revocability.featurize.engine import scratch

    monkeypatch.setattr("r2u_rec.revocability.featurize.records.CHUNK_ROWS", 1000)
    with embedded() as engine:
        records_of(written(frame, tmp_path), engine)
        folder = scratch(engine)
        assert list(folder.rglob("*.parquet"))
    assert not folder.exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"threads": 0}, "threads must be at least 1, got 0"), ({"memory_gb": 0.01}, "memory_gb must be at least 0.1, got 0.01")],
)
def test_an_engine_too_small_is_refused(settings, message):
    with pytest.raises(SettingsError, match=message), embedded(**settings):
        pass

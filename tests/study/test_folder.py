"""A study outlives its source: stored whole, read from anywhere, never drawn anew."""

from __future__ import annotations

import stat

import numpy as np
import pandas as pd
import pytest
from study_toys import Noise, study

from r2u_rec.errors import DataError
from r2u_rec.study.flagged import FLAGGED
from r2u_rec.study.study import Study


@pytest.fixture
def drawn():
    return study()


def codes(of: Study) -> list[list[int]]:
    asked = of.request(FLAGGED)
    return [users.tolist() for users in (asked.forget, asked.holdout, of.revocable, of.calibration_users, of.candidates)]


def test_what_is_read_is_what_was_written(drawn, tmp_path, monkeypatch):
    drawn.to_folder(tmp_path / "kept" / "study")
    monkeypatch.chdir(tmp_path)
    read = Study.from_folder(tmp_path / "kept" / "study")
    assert read.hashes == drawn.hashes
    assert codes(read) == codes(drawn)
    assert (read.seed, read.part, read.ks) == (drawn.seed, drawn.part, drawn.ks)
    assert np.array_equal(read.scores, drawn.scores)
    for name in ("train", "validation", "test"):
        one, other = getattr(read.parts, name), getattr(drawn.parts, name)
        for column in ("ids", "user", "item", "time"):
            assert getattr(one, column).dtype == getattr(other, column).dtype
            assert np.array_equal(getattr(one, column), getattr(other, column))
        assert one.user_keys.keys.equals(other.user_keys.keys)
        assert one.next_id == other.next_id
    assert read.records.user_keys.empty == drawn.records.user_keys.empty


def test_an_outcome_is_judged_alike_before_and_after_storing(drawn, tmp_path):
    drawn.to_folder(tmp_path / "study")
    read = Study.from_folder(tmp_path / "study")
    assert read.quality(Noise(), FLAGGED).mean() == drawn.quality(Noise(), FLAGGED).mean()
    for one, other in zip(read.probes(FLAGGED, 2), drawn.probes(FLAGGED, 2), strict=True):
        assert one.users.tolist() == other.users.tolist()
        assert (one.histories != other.histories).nnz == 0


def test_what_is_erased_is_in_no_file(drawn, tmp_path):
    asked = drawn.request(FLAGGED).forget
    keys = [drawn.parts.train.user_keys.key(code) for code in asked]
    left = drawn.without(drawn.parts.train.ids_of_users(asked))
    left.to_folder(tmp_path / "study")
    users = pd.read_parquet(tmp_path / "study" / "users.parquet")
    assert not users["key"].isin(keys).any()
    assert not pd.read_parquet(tmp_path / "study" / "records.parquet")["user"].isin(asked).any()
    assert not pd.read_parquet(tmp_path / "study" / "cohorts.parquet")["user"].isin(asked).any()
    read = Study.from_folder(tmp_path / "study")
    assert read.quality(Noise()).mean() == left.quality(Noise()).mean() == drawn.quality(Noise(), FLAGGED).mean()


def test_its_files_are_the_owners_alone(drawn, tmp_path):
    drawn.to_folder(tmp_path / "study")
    assert stat.S_IMODE((tmp_path / "study").stat().st_mode) == 0o700
    files = list((tmp_path / "study").iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert len(files) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_a_folder_is_never_overwritten_and_one_that_was_changed_is_refused(drawn, tmp_path):
    drawn.to_folder(tmp_path / "study")
    with pytest.raises(DataError, match="is there already and not empty"):
        drawn.to_folder(tmp_path / "study")
    with (tmp_path / "study" / "cohorts.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(DataError, match=r"cohorts\.parquet is missing or not the file that was written"):
        Study.from_folder(tmp_path / "study")
    (tmp_path / "study" / "study.json").write_text('{"format": 0}')
    with pytest.raises(DataError, match="has format 0, this version reads 1"):
        Study.from_folder(tmp_path / "study")
    with pytest.raises(DataError, match="holds no study"):
        Study.from_folder(tmp_path)


def test_what_fails_half_way_leaves_nothing_behind(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(pd.DataFrame, "to_parquet", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        drawn.to_folder(tmp_path / "study")
    assert list(tmp_path.iterdir()) == []

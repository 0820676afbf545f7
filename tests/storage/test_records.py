"""Records and keys come back; nothing of who was forgotten is in any file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from r2u_rec.core.protocols import Fitted
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import DataError
from r2u_rec.storage import load_fitted, save_fitted


def stored(fitted: Fitted, task: object, folder: Path) -> Fitted:
    save_fitted(fitted, folder)
    return load_fitted(folder, task)


def test_records_and_keys_come_back(fitted, task, tmp_path):
    log = fitted.records
    rated = replace(fitted, records=replace(log, rating=np.linspace(1, 5, len(log), dtype=np.float32)))
    for name, one in (("unrated", fitted), ("rated", rated)):
        back = stored(one, task, tmp_path / name).records
        for column in ("ids", "user", "item", "time", "rating"):
            np.testing.assert_array_equal(getattr(back, column), getattr(one.records, column))
        assert list(back.user_keys.keys) == list(log.user_keys.keys)
        assert list(back.item_keys.keys) == list(log.item_keys.keys)
    fewer = replace(fitted, records=log.drop(log.ids[-1:]))
    assert stored(fewer, task, tmp_path / "fewer").records.next_id == log.next_id


def test_whole_number_keys_come_back_as_such(fitted, task, tmp_path):
    keys = Vocabulary.of(np.arange(fitted.records.n_users) * 7)
    back = stored(replace(fitted, records=replace(fitted.records, user_keys=keys)), task, tmp_path / "run").records
    assert back.user_keys.is_integer
    assert back.user_keys.code(14) == 2


def test_the_keys_and_records_of_the_forgotten_are_in_none_of_the_files(fitted, method, task, tmp_path):
    after = method.forget(task, fitted, fitted.records.ids_of_users([7]), seed=0)
    gone = fitted.records.user_keys.key(7)
    back = stored(after, task, tmp_path / "run").records
    assert gone not in back.user_keys
    assert gone not in list(back.user_keys.keys)
    assert 7 not in back.user
    assert len(back.user_keys) == len(fitted.records.user_keys)
    for path in (tmp_path / "run").iterdir():
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else None
        text = path.read_bytes().decode(errors="replace") if frame is None else frame.to_csv(index=False)
        assert not {gone} & set(text.replace(",", "\n").replace('"', "\n").split("\n")), path


def test_side_information_comes_back(fitted, task, tmp_path):
    info = pd.DataFrame({"age": np.arange(fitted.records.n_users) % 50, "flag": True})
    back = stored(replace(fitted, records=replace(fitted.records, user_info=info)), task, tmp_path / "run")
    pd.testing.assert_frame_equal(back.records.user_info, info)


def test_records_that_are_no_interactions_are_refused(fitted, tmp_path):
    with pytest.raises(DataError, match="records of the kind Tensor cannot be written to a folder"):
        save_fitted(replace(fitted, records=torch.zeros(3)), tmp_path / "run")

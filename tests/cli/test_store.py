"""A fitted model in a folder comes back as it was; nothing of who was forgotten is written; a damaged folder is refused."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from r2u_rec.cli import build
from r2u_rec.cli.build import task
from r2u_rec.cli.cohorts import draw_cohorts
from r2u_rec.cli.forgetting import stored_method
from r2u_rec.cli.settings import ForgetSettings, ModelSettings, RevocabilitySettings, Settings, TrainingSettings
from r2u_rec.core.protocols import Fitted
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data.reading.read import read_log
from r2u_rec.errors import CapabilityError, DataError
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.storage.fitted import load_fitted, save_fitted, written_whole
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.scaled import ScaledMemory

MF = ModelSettings(embedding_dim=4, reg=0.01)


@pytest.fixture(scope="module")
def log(ratings):
    return read_log(ratings)


def method() -> PostHoc:
    return PostHoc(GradientTrainer(Training(epochs=1, batch_size=1024), progress=False), BlockNewton(1.0))


@pytest.fixture(scope="module")
def fitted(log) -> Fitted:
    return method().fit(task(MF), log, seed=0)


def stored(fitted: Fitted, folder: Path, model: ModelSettings = MF) -> Fitted:
    folder.mkdir(exist_ok=True)
    save_fitted(fitted, folder)
    return load_fitted(folder, model)


def test_a_factor_model_comes_back_with_the_same_bytes(fitted, tmp_path):
    back = stored(fitted, tmp_path)
    assert all(torch.equal(value, back.model.state_dict()[name]) for name, value in fitted.model.state_dict().items())
    assert not back.model.training


def test_records_and_keys_come_back(fitted, tmp_path):
    back, log = stored(fitted, tmp_path).records, fitted.records
    for name in ("ids", "user", "item", "time", "rating"):
        np.testing.assert_array_equal(getattr(back, name), getattr(log, name))
    assert list(back.user_keys.keys) == list(log.user_keys.keys)
    assert stored(replace(fitted, records=log.drop(log.ids[-1:])), tmp_path).records.next_id == log.next_id


def test_forgetting_after_loading_equals_forgetting_before(fitted, tmp_path):
    ids = fitted.records.ids_of_users([3, 5])
    here = method().forget(task(MF), fitted, ids, seed=0)
    there = method().forget(task(MF), stored(fitted, tmp_path), ids, seed=0)
    assert torch.equal(here.model.item_embedding.weight, there.model.item_embedding.weight)
    assert there.memory.length == here.memory.length


def test_the_keys_and_records_of_the_forgotten_are_in_none_of_the_files(fitted, tmp_path):
    after = method().forget(task(MF), fitted, fitted.records.ids_of_users([7]), seed=0)
    gone = fitted.records.user_keys.key(7)
    back = stored(after, tmp_path).records
    assert gone not in back.user_keys
    assert gone not in list(back.user_keys.keys)
    assert 7 not in back.user
    assert len(back.user_keys) == len(fitted.records.user_keys)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert f'"{gone}"'.encode() not in content


def test_side_information_comes_back(fitted, tmp_path):
    import pandas as pd

    info = pd.DataFrame({"age": np.arange(fitted.records.n_users) % 50, "flag": True})
    back = stored(replace(fitted, records=replace(fitted.records, user_info=info)), tmp_path)
    pd.testing.assert_frame_equal(back.records.user_info, info)


def test_lightgcn_stands_on_its_graph_again(log, tmp_path):
    settings = ModelSettings(name="lightgcn", embedding_dim=4, n_layers=1)
    model = GradientTrainer(Training(epochs=1, batch_size=4096), progress=False).train(task(settings), log, seed=0)
    back = stored(Fitted(model, log), tmp_path, settings)
    np.testing.assert_array_equal(back.model.scores(np.arange(5)), model.scores(np.arange(5)))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_ease_comes_back_and_still_forgets_exactly(log, tmp_path, dtype):
    ease = Ease(reg=10.0, dtype=dtype)
    fitted = ease.fit(None, log, seed=0)
    back = stored(fitted, tmp_path, ModelSettings(name="ease"))
    assert torch.equal(back.model.inverse, fitted.model.inverse)
    ids = log.ids_of_users([1])
    after, anew = ease.forget(None, back, ids, seed=0), ease.fit(None, log.drop(ids), seed=0)
    np.testing.assert_allclose(after.memory.inverse, anew.memory.inverse, atol=1e-12)


def test_every_field_of_the_blocks_is_written(fitted, tmp_path):
    back = stored(fitted, tmp_path).memory
    for mine, theirs in zip(fitted.memory.tables, back.tables, strict=True):
        for f in fields(mine):
            assert np.array_equal(np.asarray(getattr(mine, f.name)), np.asarray(getattr(theirs, f.name))), f.name


def test_a_changed_file_is_refused(fitted, tmp_path):
    stored(fitted, tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(DataError, match=r"model\.safetensors is missing or not the file that was written"):
        load_fitted(tmp_path, MF)


def test_a_missing_file_and_a_missing_manifest_are_refused(fitted, tmp_path):
    stored(fitted, tmp_path)
    (tmp_path / "records.parquet").unlink()
    with pytest.raises(DataError, match=r"records\.parquet is missing"):
        load_fitted(tmp_path, MF)
    with pytest.raises(DataError, match="is not the folder of a trained model"):
        load_fitted(tmp_path / "nowhere", MF)


def test_another_format_is_refused(fitted, tmp_path):
    stored(fitted, tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 0}))
    with pytest.raises(DataError, match="has format 0, this version reads 1"):
        load_fitted(tmp_path, MF)


def test_settings_of_another_kind_of_model_are_refused(fitted, tmp_path):
    stored(fitted, tmp_path)
    with pytest.raises(DataError, match="they do not belong together"):
        load_fitted(tmp_path, ModelSettings(name="ease"))


def test_a_memory_of_an_unknown_kind_is_refused(fitted, tmp_path):
    with pytest.raises(DataError, match="a memory of type dict cannot be written"):
        save_fitted(replace(fitted, memory={}), tmp_path)


def test_a_folder_is_written_whole_or_not_at_all(tmp_path):
    def broken() -> None:
        with written_whole(tmp_path / "run") as part:
            (part / "a").write_text("x")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        broken()
    assert list(tmp_path.iterdir()) == []
    with written_whole(tmp_path / "run") as part:
        (part / "a").write_text("x")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["a"]


def test_a_folder_that_holds_something_is_not_overwritten(tmp_path):
    (tmp_path / "a").write_text("x")
    with pytest.raises(DataError, match="there already and not empty"), written_whole(tmp_path):
        pass
    assert (tmp_path / "a").read_text() == "x"


def test_ascent_to_the_length_that_canaries_set_forgets_from_a_folder_as_in_memory(log, tmp_path):
    s = Settings(
        model=MF,
        training=TrainingSettings(epochs=2, batch_size=512, lr=0.05),
        forget=ForgetSettings(operator="ascent", target="canaries", steps=3),
        revocability=RevocabilitySettings(scorer="uniform", calibration_share=0.1),
    )
    cohorts = draw_cohorts(log, np.arange(log.n_users, dtype=float), s.revocability, seed=0)
    made = build.method(s, "standard", "ascent", cohorts).fit(task(MF), cohorts.records, seed=0)
    back = stored(made, tmp_path)
    assert back.memory == made.memory == ScaledMemory(back.memory.length, None)
    ids = made.records.ids_of_users(np.flatnonzero(made.records.user_counts)[:3])
    method = stored_method(s, back)
    one, two = (method.forget(task(MF), each, ids, seed=0) for each in (made, back))
    for name, value in one.model.state_dict().items():
        assert torch.equal(value, two.model.state_dict()[name]), name
    full = PostHoc(method.trainer, build.climb(s)).forget(task(MF), made, ids, seed=0)
    start, short, long = (each.model.state_dict()["item_embedding.weight"] for each in (made, two, full))
    torch.testing.assert_close(short - start, back.memory.length * (long - start), atol=1e-5, rtol=1e-3)
    with pytest.raises(CapabilityError, match="kept no length for forget"):
        stored_method(s, replace(back, memory=None))

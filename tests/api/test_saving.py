"""What is saved recommends and forgets as the model that was saved; what is no saved model is refused."""

from __future__ import annotations

import json

import pytest
from api_toys import checkerboard

import r2u_rec as r2u
from r2u_rec.errors import DataError

MODELS = {
    "newton": lambda: r2u.MF(embedding_dim=4, epochs=2),
    "exact": lambda: r2u.EASE(reg=1.0),
    "counts": lambda: r2u.ItemKNN(n_neighbours=5),
    "als": lambda: r2u.ALS(embedding_dim=4, sweeps=2),
    "shards": lambda: r2u.MF(embedding_dim=4, epochs=2, method=r2u.Method("sisa", shards=2)),
    "prepared": lambda: r2u.LightGCN(embedding_dim=4, epochs=4, prepare=r2u.Ready2Unlearn(revocable=["U-001", "U-003"], alpha=0.5)),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_was_saved_recommends_and_forgets_as_before(log, tmp_path, name):
    model = MODELS[name]().fit(log)
    model.save(tmp_path / "model")
    back = r2u.load(tmp_path / "model")
    assert repr(back) == repr(model)
    assert back.recommend(["U-001", "U-002"]).equals(model.recommend(["U-001", "U-002"]))
    one, other = (each.forget(users=["U-001"], allow_small_batch=True) for each in (model, back))
    assert one.recommend(["U-002", "U-003"]).equals(other.recommend(["U-002", "U-003"]))


def test_a_retraining_of_what_was_loaded_prepares_for_the_same_users(log, tmp_path):
    model = MODELS["prepared"]().fit(log)
    model.save(tmp_path / "model")
    one, other = (each.forget(users=["U-001"], method="retrain", allow_small_batch=True) for each in (model, r2u.load(tmp_path / "model")))
    assert one.recommend(["U-002"]).equals(other.recommend(["U-002"]))


def test_no_key_of_an_erased_user_is_in_any_file(log, tmp_path):
    model = MODELS["prepared"]().fit(log).forget(users=["U-003"], allow_small_batch=True)
    model.save(tmp_path / "model")
    assert not [path.name for path in (tmp_path / "model").iterdir() if b"U-003" in path.read_bytes()]


def test_a_folder_that_holds_no_saved_model_is_refused(log, tmp_path):
    with pytest.raises(DataError, match="does not exist: name a folder that"):
        r2u.load(tmp_path / "nothing")
    with pytest.raises(DataError, match="holds no saved model: name a folder that"):
        r2u.load(tmp_path)
    r2u.EASE().fit(log).save(tmp_path / "model")
    with pytest.raises(DataError, match="is there already and not empty"):
        r2u.EASE().fit(log).save(tmp_path / "model")


@pytest.mark.parametrize("text", ["[]", "null", "{}", "{", '{"model": 3}'])
def test_a_plan_that_was_changed_is_refused(tmp_path, text):
    r2u.EASE().fit(checkerboard(n_users=6)).save(tmp_path / "model")
    (tmp_path / "model" / "plan.json").write_text(text)
    with pytest.raises(DataError, match="damaged or was changed"):
        r2u.load(tmp_path / "model")


def test_a_plan_with_other_settings_is_not_the_file_that_was_written(tmp_path):
    r2u.EASE().fit(checkerboard(n_users=6)).save(tmp_path / "model")
    path = tmp_path / "model" / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seed": 7}))
    with pytest.raises(DataError):
        r2u.load(tmp_path / "model")

"""ItemKNN from folder to folder: forgetting gives the bytes of a fit on what remains, and nothing of the erased is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from r2u_rec.cli import build
from r2u_rec.cli.settings import ModelSettings, Settings
from r2u_rec.core.protocols import Fitted
from r2u_rec.data.reading.read import read_log
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.recsys.serving.recommend import recommend
from r2u_rec.storage import load, save

KNN = Settings(model=ModelSettings(name="item_knn", n_neighbours=7, shrinkage=2.0))
USERS = [3, 5, 44, 7, 9]


@pytest.fixture(scope="module")
def log(ratings):
    return read_log(ratings)


@pytest.fixture(scope="module")
def method():
    return build.method(KNN, "standard", "exact", None)


def stored(fitted: Fitted, folder: Path) -> Fitted:
    folder.mkdir()
    save(fitted, folder, about={"model": KNN.model.name})
    return load(folder)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}


def test_the_settings_are_those_of_the_model(method):
    assert (method.n_neighbours, method.shrinkage) == (7, 2.0)


def test_two_requests_from_folder_to_folder_give_the_bytes_of_memory_and_of_a_fit_on_what_remains(log, method, tmp_path):
    here = method.fit(None, log, seed=0)
    there = stored(here, tmp_path / "0")
    pair = log.ids[:1]  # one interaction of somebody who stays
    for number, ids in enumerate((log.ids_of_users(USERS[:3]), log.ids_of_users(USERS[3:]), pair), start=1):
        here = method.forget(None, here, ids, seed=0)
        there = stored(method.forget(None, there, ids, seed=9), tmp_path / str(number))
    stored(here, tmp_path / "memory")
    anew = method.fit(None, log.drop(np.union1d(log.ids_of_users(USERS), pair)), seed=5)
    stored(anew, tmp_path / "anew")
    assert content(tmp_path / "3") == content(tmp_path / "memory") == content(tmp_path / "anew") != content(tmp_path / "2")
    everyone = np.arange(log.n_users)
    np.testing.assert_array_equal(there.model.scores(everyone), anew.model.scores(everyone))
    assert recommend(there, ["u0", "u3", "nobody"]) == recommend(anew, ["u0", "u3", "nobody"])
    assert not set(there.records.user_keys.keys) & {log.user_keys.key(user) for user in USERS}


@pytest.mark.parametrize("operator", ["newton", "ascent", "retrain", "sharded"])
def test_it_forgets_by_exact_alone(operator):
    with pytest.raises(SettingsError, match=f"forget.operator={operator} does not fit model.name=item_knn, which forgets by exact"):
        build.method(KNN, "standard", operator, None)


@pytest.mark.parametrize(("n_neighbours", "shrinkage", "message"), [(0, 5.0, "n_neighbours must be >= 1"), (5, -1.0, "shrinkage must be")])
def test_settings_out_of_bounds_are_refused(n_neighbours, shrinkage, message):
    with pytest.raises(SettingsError, match=message):
        build.closed_form(ModelSettings(n_neighbours=n_neighbours, shrinkage=shrinkage), "item_knn")


@pytest.mark.parametrize(("name", "found"), [("ease", "model=item_knn"), ("mf", "model=item_knn")])
def test_a_folder_of_it_is_read_as_nothing_else(log, method, tmp_path, name, found):
    stored(method.fit(None, log, seed=0), tmp_path / "run")
    with pytest.raises(DataError, match=f"holds {found} and model={name} was asked for: they do not belong together"):
        load(tmp_path / "run", build.task(ModelSettings(name=name)), expected={"model": name})


def test_the_verbs_train_forget_recommend_and_evaluate_it(r2u, small, tmp_path):
    said = r2u("train", *small, "--model.name=item_knn", "--out", tmp_path / "0")
    assert said.status == 0, said.err
    assert "trained item_knn (in closed form)" in said.out
    keys = pd.read_parquet(tmp_path / "0" / "users.parquet")
    key = keys["key"][~keys["empty"]].tolist()[0]
    said = r2u("forget", tmp_path / "0", "--users", key, "--out", tmp_path / "1")
    assert "by exact (exact: equal to a model that never saw them)" in said.out, said.err
    assert r2u("evaluate", tmp_path / "1").status == 0
    changed = r2u("forget", tmp_path / "0", "--users", key, "--model.shrinkage=1")
    assert f"model.shrinkage=1.0, and {tmp_path / '0'} was trained with 5.0: leave it out" in changed.err


def test_the_main_job_shows_no_difference_from_fitting_anew(r2u, small, tmp_path):
    said = r2u("run", *small, "--model.name=item_knn", "--out", tmp_path / "run")
    assert said.status == 0, said.err
    rows = pd.read_parquet(tmp_path / "run" / "rows.parquet")
    assert rows.query("model == 'item_knn' and operator == 'exact'")["max_difference"].item() == 0
    assert set(rows["model"]) == {"item_knn", "ease"}
    assert yaml.safe_load((tmp_path / "run" / "settings.yaml").read_text())["model"]["n_neighbours"] == 200

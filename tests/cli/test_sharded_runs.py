"""Training in shards from folder to folder: the same bytes as in memory and as a fit on what remains; nothing of the erased is kept."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch

from r2u_rec.cli import build
from r2u_rec.cli.cohorts import Cohorts
from r2u_rec.cli.forgetting import stored_method
from r2u_rec.cli.model_settings import Combine
from r2u_rec.cli.settings import ForgetSettings, ModelSettings, PrepareSettings, Settings, TrainingSettings
from r2u_rec.core.protocols import Fitted
from r2u_rec.data.reading.read import read_log
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.recsys.serving.recommend import recommend
from r2u_rec.recsys.sharded.sharding import COMBINES
from r2u_rec.storage import load, save

SEED = 3
SHARDED = Settings(
    model=ModelSettings(embedding_dim=4),
    training=TrainingSettings(epochs=2, batch_size=2048),
    prepare=PrepareSettings(arm="standard"),
    forget=ForgetSettings(operator="sharded", shards=3, slices=2),
    seed=SEED,
)
LIGHTGCN = replace(SHARDED, model=ModelSettings(name="lightgcn", embedding_dim=4, n_layers=1), forget=replace(SHARDED.forget, slices=1))
USERS = [3, 5, 44, 7, 9]


@pytest.fixture(scope="module")
def log(ratings):
    return read_log(ratings)


def method(s: Settings, log):
    nobody = np.empty(0, dtype=np.int64)
    return build.method(s, "standard", "sharded", Cohorts(np.zeros(log.n_users), nobody, nobody, nobody, nobody, log))


def fit(s: Settings, log) -> Fitted:
    return method(s, log).fit(build.task(s.model), log, seed=SEED)


@pytest.fixture(scope="module")
def fitted(log) -> Fitted:
    return fit(SHARDED, log)


def stored(fitted: Fitted, folder: Path, s: Settings) -> Fitted:
    folder.mkdir()
    save(fitted, folder)
    return load(folder, build.task(s.model))


def forgotten(s: Settings, fitted: Fitted, users: list[int], *, seed: int = 0) -> Fitted:
    return stored_method(s, fitted).forget(build.task(s.model), fitted, fitted.records.ids_of_users(users), seed=seed)


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.name != "manifest.json"}


@pytest.mark.parametrize("s", [SHARDED, LIGHTGCN], ids=["mf", "lightgcn"])
def test_two_requests_from_folder_to_folder_give_the_bytes_of_memory_and_of_a_fit_on_what_remains(log, tmp_path, s):
    here = fit(s, log)
    there = stored(here, tmp_path / "0", s)
    for number, users in enumerate((USERS[:3], USERS[3:]), start=1):
        here = forgotten(s, here, users)
        there = stored(forgotten(s, there, users, seed=99), tmp_path / str(number), s)
    stored(here, tmp_path / "memory", s)
    anew = fit(s, log.drop(log.ids_of_users(USERS)))
    stored(anew, tmp_path / "anew", s)
    assert hashes(tmp_path / "2") == hashes(tmp_path / "memory") == hashes(tmp_path / "anew") != hashes(tmp_path / "1")
    everyone = np.arange(log.n_users)
    np.testing.assert_array_equal(there.model.scores(everyone), anew.model.scores(everyone))
    assert recommend(there, ["u0", "u3", "nobody"]) == recommend(anew, ["u0", "u3", "nobody"])


def test_shards_that_nobody_left_keep_their_bytes_and_the_others_do_not(log, fitted, tmp_path):
    back = stored(fitted, tmp_path / "before", SHARDED)
    touched = int(back.memory.shard_of[back.records.positions(log.ids_of_users([7]))][0])
    after = stored(forgotten(SHARDED, back, [7]), tmp_path / "after", SHARDED)
    for shard, (old, new) in enumerate(zip(back.memory.models, after.memory.models, strict=True)):
        assert torch.equal(old.item_embedding.weight, new.item_embedding.weight) == (shard != touched)


def test_no_shard_and_no_checkpoint_keeps_anything_learnt_of_the_erased(log, fitted, tmp_path):
    after = stored(forgotten(SHARDED, stored(fitted, tmp_path / "before", SHARDED), USERS), tmp_path / "after", SHARDED)
    gone = torch.tensor(USERS)
    assert all((model.user_embedding.weight[gone] == 0).all() for model in after.memory.models)
    # A checkpoint has a row for every user, drawn before training: that of the erased is as it was drawn.
    for checkpoints, model in zip(after.memory.checkpoints, fit(SHARDED, after.records).memory.checkpoints, strict=True):
        for mine, anew in zip(checkpoints, model, strict=True):
            assert all(torch.equal(mine[name], anew[name]) for name in mine)
    assert len(after.memory.shard_of) == len(after.memory.slice_of) == len(after.records)
    assert not np.isin(USERS, after.records.user).any()
    assert not set(after.records.user_keys.keys) & {log.user_keys.key(user) for user in USERS}
    content = b"".join(path.read_bytes() for path in (tmp_path / "after").iterdir())
    assert all(f'"{fitted.records.user_keys.key(user)}"'.encode() not in content for user in USERS)


@pytest.mark.parametrize("combine", COMBINES)
def test_how_shards_are_combined_comes_back(fitted, log, tmp_path, combine):
    s = replace(SHARDED, forget=replace(SHARDED.forget, combine=combine))
    served = forgotten(s, fitted, [7])
    back = stored(served, tmp_path / combine, s)
    assert back.model.combine == combine
    np.testing.assert_array_equal(back.model.scores(np.arange(9)), served.model.scores(np.arange(9)))


def test_the_settings_name_every_way_to_combine_shards():
    assert get_args(Combine) == COMBINES


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": ModelSettings(name="ease")}, "forget.operator=sharded does not fit model.name=ease"),
        ({"prepare": PrepareSettings()}, "prepare.arm is ready2unlearn; .*: set prepare.arm=standard"),
        ({"training": TrainingSettings(patience=2)}, "training.patience=2 would stop a shard by users of all shards.*=null"),
        ({"forget": ForgetSettings(operator="sharded", shards=0)}, "shards must be >= 1, got 0"),
        ({"forget": ForgetSettings(operator="sharded", slices=9)}, "epochs=2 are too few for slices=9"),
    ],
    ids=["closed form", "prepared", "patience", "shards", "slices"],
)
def test_what_does_not_go_with_shards_is_refused(log, change, message):
    s = replace(SHARDED, **change)
    with pytest.raises(SettingsError, match=message):
        build.method(s, s.prepare.arm, "sharded", None)


def test_a_run_in_shards_forgets_as_it_was_trained_or_is_retrained_as_one_model(fitted):
    for name, n, there in (("shards", 4, 3), ("slices", 1, 2)):
        with pytest.raises(SettingsError, match=rf"forget\.{name}={n}, and this run was trained in {there}: leave it at {there}"):
            stored_method(replace(SHARDED, forget=replace(SHARDED.forget, **{name: n})), fitted)
    with pytest.raises(CapabilityError, match=r"forget\.operator=ascent edits one model and this run was trained in shards"):
        stored_method(replace(SHARDED, forget=ForgetSettings(operator="ascent")), fitted)
    one = forgotten(replace(SHARDED, forget=ForgetSettings(operator="retrain")), fitted, [7])
    assert one.memory is None
    with pytest.raises(CapabilityError, match=r"has no shards: train with --forget\.operator sharded, or forget by retrain"):
        stored_method(SHARDED, one)


def test_the_verbs_train_forget_twice_recommend_and_evaluate_in_shards(r2u, small, tmp_path):
    flags = ["--forget.operator=sharded", "--forget.shards=3", "--prepare.arm=standard", "--training.epochs=2"]
    said = r2u("train", *small, *flags, "--out", tmp_path / "0")
    assert said.status == 0, said.err
    assert "(standard, 3 shards of 1 slice)" in said.out
    keys = pd.read_parquet(tmp_path / "0" / "users.parquet")
    there = keys["key"][~keys["empty"]].tolist()[:2]
    for number, key in enumerate(there):
        said = r2u("forget", tmp_path / str(number), "--users", key, "--out", tmp_path / str(number + 1))
        assert "by sharded (exact: equal to a model that never saw them)" in said.out, said.err
    assert r2u("recommend", tmp_path / "2", "--users", there[0]).out.split("\t")[1] == "popularity"
    assert r2u("evaluate", tmp_path / "2").status == 0
    changed = r2u("forget", tmp_path / "2", "--users", there[0], "--training.epochs=3")
    assert changed.status == 2
    assert f"training.epochs=3, and {tmp_path / '2'} was trained with 2: leave it out" in changed.err

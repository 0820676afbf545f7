"""NeuMF, the autoencoder and SASRec from settings to folders and back: the same model, the same forgetting, nothing of the erased."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from r2u_rec.cli import build
from r2u_rec.cli import simulation_trials as trials
from r2u_rec.cli.cohorts import Cohorts
from r2u_rec.cli.forgetting import stored_method
from r2u_rec.cli.parse import parse, settings_of, settings_parser
from r2u_rec.cli.settings import EvaluateSettings, ForgetSettings, ModelSettings, RevocabilitySettings, Settings, SimulateSettings
from r2u_rec.core.protocols import Fitted
from r2u_rec.data.reading.read import read_log
from r2u_rec.errors import SettingsError
from r2u_rec.storage import load, save

NAMES = ("neumf", "autoencoder", "sasrec")
SMALL = {
    "model.embedding_dim": 4,
    "model.widths": "4",
    "model.max_length": 8,
    "training.epochs": 1,
    "forget.n_kept": 2,
    "forget.length": 1.0,
}


def settings(name: str, **forget) -> Settings:
    """The preset of the model, made small."""
    s = settings_of(parse(settings_parser("train", ""), [f"--preset={name}", *(f"--{key}={value}" for key, value in SMALL.items())]))
    return replace(s, forget=replace(s.forget, **forget))


@pytest.fixture(scope="module")
def log(ratings):
    log = read_log(ratings)
    return log.keep(log.ids_of_users(range(30)))


@pytest.fixture(scope="module")
def fitted(log):
    """Name -> the model and what the Newton step keeps."""
    nobody = np.empty(0, dtype=np.int64)
    cohorts = Cohorts(np.zeros(log.n_users), nobody, nobody, nobody, nobody, log)
    made = {name: settings(name) for name in NAMES}
    return {name: build.method(s, "standard", "newton", cohorts).fit(build.task(s.model), log, seed=0) for name, s in made.items()}


def stored(fitted: Fitted, folder: Path, s: Settings) -> Fitted:
    folder.mkdir()
    save(fitted, folder)
    return load(folder, build.task(s.model))


def forgotten(s: Settings, fitted: Fitted, users: list[int]) -> Fitted:
    return stored_method(s, fitted).forget(build.task(s.model), fitted, fitted.records.ids_of_users(users), seed=0)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}


@pytest.mark.parametrize(
    ("name", "operator"), [*((name, "newton") for name in NAMES), ("autoencoder", "ascent"), ("sasrec", "ascent"), ("neumf", "retrain")]
)
def test_two_requests_from_folder_to_folder_give_the_bytes_of_memory(fitted, tmp_path, name, operator):
    s = settings(name, operator=operator, steps=2)
    here = fitted[name]
    there = stored(here, tmp_path / "0", s)
    np.testing.assert_array_equal(here.model.scores(np.arange(30)), there.model.scores(np.arange(30)))
    for number, users in enumerate(([3, 5], [9]), start=1):
        here = forgotten(s, here, users)
        there = stored(forgotten(s, there, users), tmp_path / str(number), s)
    stored(here, tmp_path / "memory", s)
    assert content(tmp_path / "2") == content(tmp_path / "memory")
    scores = there.model.scores(np.arange(30))
    assert np.isfinite(scores).all()
    assert (scores[[3, 5, 9]] == 0).all()
    assert not np.array_equal(scores[:3], fitted[name].model.scores(np.arange(3)))
    assert len(there.records.user_keys.empty) == 3


@pytest.mark.parametrize("name", NAMES)
def test_the_newton_step_moves_the_tables_that_were_measured(fitted, name):
    tables = {"neumf": {"item_embedding.weight", "user_embedding.weight"}, "autoencoder": {"output_rows", "input_rows"}}
    moved = forgotten(settings(name, operator="newton"), fitted[name], [3]).model.state_dict()
    before = fitted[name].model.state_dict()
    assert {key for key in before if not torch.equal(before[key], moved[key])} == tables.get(name, {"item_embedding"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "sasrec"}, "model.loss=bpr does not fit model.name=sasrec: set bce or softmax"),
        ({"name": "neumf", "loss": "softmax"}, "model.loss=softmax does not fit model.name=neumf: set bpr or bce"),
        ({"name": "neumf", "widths": ()}, "model.widths must name at least one hidden layer of width >= 1, got"),
        ({"name": "neumf", "embedding_dim": 0}, "model.embedding_dim must be >= 1, got 0"),
        ({"name": "autoencoder", "dropout": 1.0}, r"model.dropout must lie in \[0, 1\), got 1.0"),
        ({"name": "sasrec", "loss": "bce", "max_length": 7}, "model.max_length must be even and >= 2, got 7"),
    ],
    ids=["sasrec loss", "neumf loss", "widths", "dim", "dropout", "length"],
)
def test_settings_that_make_no_model_are_refused(change, message):
    with pytest.raises(SettingsError, match=message):
        build.task(ModelSettings(**change))


def test_an_attack_that_needs_a_shadow_model_is_refused_without_one(log):
    nobody = np.empty(0, dtype=np.int64)
    cohorts = Cohorts(np.zeros(log.n_users), np.arange(9), nobody, nobody, np.arange(9, 12), log)
    s = Settings(forget=ForgetSettings(length="canaries", evidence="adaptive"))
    with pytest.raises(SettingsError, match=r"forget\.evidence=adaptive .* forget\.length is canaries: set it to shadow"):
        build.canary_rule(s, cohorts)
    assert build.canary_rule(replace(s, forget=replace(s.forget, length="shadow")), cohorts).canaries.evidence == "adaptive"


def test_sequences_play_in_a_simulation(ratings, tmp_path):
    s = settings("sasrec", length=0.5)
    quick = SimulateSettings(months=2, requests_per_month=5, incident_month=None, checkpoints=1, holdout_share=0.1)
    who = RevocabilitySettings(scorer="uniform", calibration_share=0.0)
    s = replace(s, data=replace(s.data, path=str(ratings)), simulate=quick, revocability=who, evaluate=EvaluateSettings(n_halves=1))
    common = {"settings": trials.settings_text(s), "folder": str(tmp_path), "seed": 0}
    trials.start({**common, "arm": "standard", "operators": ["newton", "retrain"]})
    for number in range(2):
        trials.reference({**common, "checkpoint": 0, "number": number})
    rows = trials.play({**common, "policy": "newton every_days=30"})
    assert {row["operator"] for row in rows if row["table"] == "batches"} <= {"newton", "unneeded"}
    assert all(0 < row["ndcg"] < 1 for row in rows if row["table"] == "checkpoints")


def test_the_verbs_train_forget_and_evaluate_from_a_preset(r2u, ratings, tmp_path):
    flags = [f"--{key}={value}" for key, value in SMALL.items()]
    flags += [f"--data.path={ratings}", "--revocability.scorer=uniform", "--forget.smallest_batch=1"]
    said = r2u("train", "--preset=sasrec", *flags, "--out", tmp_path / "0")
    assert said.status == 0, said.err
    keys = pd.read_parquet(tmp_path / "0" / "users.parquet")
    key = keys["key"][~keys["empty"]].tolist()[0]
    said = r2u("forget", tmp_path / "0", "--users", key, "--out", tmp_path / "1")
    assert "by newton (approximate" in said.out, said.err
    assert r2u("evaluate", tmp_path / "1").status == 0


def test_parameters_named_to_be_isolated_are_never_written_by_revocable_users(log):
    network = ("first_of_*", "later.*", "product_weight", "network_weight.*")
    s = settings("neumf")
    s = replace(s, prepare=replace(s.prepare, arm="isolated", isolate=network))
    everybody = np.arange(log.n_users)
    task = build.task(s.model)
    before = dict(task.model(log, seed=0).named_parameters())
    after = dict(build.trainer(s, "isolated", everybody).train(task, log, seed=0).named_parameters())
    for name, value in after.items():
        assert torch.equal(value, before[name]) == (not name.startswith(("item_", "user_")))

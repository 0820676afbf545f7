"""From folder to folder: a stored model forgets as the one in memory does, and exact methods give the bytes of a fit on what remains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from r2u_rec.api.streams import trials
from r2u_rec.config.parse import settings_from_mapping
from r2u_rec.config.plan import Plan
from r2u_rec.core.protocols import Fitted
from r2u_rec.data import InteractionLog, read_log
from r2u_rec.errors import SettingsError
from r2u_rec.recsys.serving.recommend import recommend
from r2u_rec.storage import load_fitted, save_fitted
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.scaled import ScaledMemory

USERS = [3, 5, 14, 7, 9]
LOOP = {"epochs": 2, "batch_size": 2048}
SMALL = {
    "mf": {"embedding_dim": 4},
    "lightgcn": {"embedding_dim": 4, "n_layers": 1},
    "neumf": {"embedding_dim": 4, "widths": (4,)},
    "autoencoder": {"embedding_dim": 4},
    "sasrec": {"embedding_dim": 4, "max_length": 8},
    "item_knn": {"n_neighbours": 7, "shrinkage": 2.0},
    "ease": {},
}
NEWTON = {"n_kept": 2, "n_draws": 2, "evidence": "fold_in"}


def plan_of(model: str, method: str, **method_settings: Any) -> Plan:
    loop = None if model in ("item_knn", "ease") else LOOP
    return Plan.of(model, SMALL[model], loop=loop, method=method, method_settings=method_settings or None, seed=3)


@pytest.fixture(scope="module")
def log(ratings) -> InteractionLog:
    log = read_log(ratings)
    return log.keep(log.ids_of_users(range(40)))


def fit(plan: Plan, log: InteractionLog) -> Fitted:
    context = plan.context(progress=False)
    return plan.build(context).fit(context.task, log, seed=plan.seed)


def forgotten(plan: Plan, fitted: Fitted, users: list[int], *, seed: int = 0) -> Fitted:
    context = plan.context(progress=False)
    return plan.build(context).forget(context.task, fitted, fitted.records.ids_of_users(users), seed=seed)


def stored(plan: Plan, fitted: Fitted, folder: Path) -> Fitted:
    save_fitted(fitted, folder)
    return load_fitted(folder, plan.context().task)


def content(folder: Path) -> dict[str, bytes]:
    """The files but the manifest, which tells the time."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}


EXACT = [("item_knn", "exact", {}), ("ease", "exact", {}), ("mf", "sisa", {"shards": 3, "slices": 2}), ("lightgcn", "sisa", {"shards": 3})]
EDITS = [
    ("neumf", "newton", NEWTON),
    ("autoencoder", "newton", NEWTON),
    ("sasrec", "newton", NEWTON),
    ("autoencoder", "ascent", {"steps": 2}),
    ("sasrec", "ascent", {"steps": 2}),
    ("neumf", "retrain", {}),
]


@pytest.mark.parametrize(("model", "method", "own"), EXACT + EDITS)
def test_two_requests_from_folder_to_folder_give_what_they_give_in_memory(log, tmp_path, model, method, own):
    plan = plan_of(model, method, **own)
    here = fit(plan, log)
    there = stored(plan, here, tmp_path / "0")
    for number, users in enumerate((USERS[:3], USERS[3:]), start=1):
        here = forgotten(plan, here, users)
        there = stored(plan, forgotten(plan, there, users), tmp_path / str(number))
    stored(plan, here, tmp_path / "memory")
    assert content(tmp_path / "2") == content(tmp_path / "memory") != content(tmp_path / "1")
    assert not set(there.records.user_keys.keys) & {log.user_keys.key(user) for user in USERS}
    assert np.isfinite(there.model.scores(np.arange(40))).all()


@pytest.mark.parametrize(("model", "method", "own"), [case for case in EXACT if case[0] != "ease"])
def test_exact_methods_give_the_bytes_of_a_fit_on_what_remains(log, tmp_path, model, method, own):
    plan = plan_of(model, method, **own)
    after = stored(plan, forgotten(plan, stored(plan, fit(plan, log), tmp_path / "0"), USERS, seed=99), tmp_path / "1")
    anew = stored(plan, fit(plan, log.drop(log.ids_of_users(USERS))), tmp_path / "anew")
    assert content(tmp_path / "1") == content(tmp_path / "anew")
    assert recommend(after, ["u0", "u3", "nobody"]) == recommend(anew, ["u0", "u3", "nobody"])


def test_shards_that_nobody_left_keep_their_bytes_and_the_others_do_not(log, tmp_path):
    plan = plan_of("mf", "sisa", shards=3, slices=2)
    back = stored(plan, fit(plan, log), tmp_path / "before")
    touched = int(back.memory.shard_of[back.records.positions(log.ids_of_users([7]))][0])
    after = stored(plan, forgotten(plan, back, [7]), tmp_path / "after")
    for shard, (old, new) in enumerate(zip(back.memory.models, after.memory.models, strict=True)):
        assert torch.equal(old.item_embedding.weight, new.item_embedding.weight) == (shard != touched)


@pytest.mark.parametrize("combine", ["mean", "proportional", "own", "vote"])
def test_how_shards_are_combined_comes_back(log, tmp_path, combine):
    plan = plan_of("mf", "sisa", shards=2, combine=combine)
    fitted = fit(plan, log)
    back = stored(plan, fitted, tmp_path / combine)
    assert back.model.combine == combine
    np.testing.assert_array_equal(back.model.scores(np.arange(9)), fitted.model.scores(np.arange(9)))


@pytest.mark.parametrize(
    ("own", "loop", "message"),
    [
        ({"shards": 0}, {}, "shards must be >= 1, got 0"),
        ({"slices": 9}, {}, "epochs=2 are too few for slices=9"),
        ({}, {"patience": 2}, "training.patience=2 would stop a shard by users of all shards.*=null"),
    ],
)
def test_what_does_not_go_with_shards_is_refused(own, loop, message):
    plan = Plan.of("mf", SMALL["mf"], loop={**LOOP, **loop}, method="sisa", method_settings=own)
    with pytest.raises(SettingsError, match=message):
        plan.build(plan.context())


@pytest.mark.parametrize("name", ["neumf", "autoencoder", "sasrec"])
def test_the_newton_step_moves_the_tables_that_were_measured(log, name):
    tables = {"neumf": {"item_embedding.weight", "user_embedding.weight"}, "autoencoder": {"output_rows", "input_rows"}}
    plan = plan_of(name, "newton", **NEWTON)
    fitted = fit(plan, log)
    moved, before = forgotten(plan, fitted, [3]).model.state_dict(), fitted.model.state_dict()
    assert {key for key in before if not torch.equal(before[key], moved[key])} == tables.get(name, {"item_embedding"})


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sasrec", {"loss": "bpr"}, "loss must be"),
        ("neumf", {"widths": ()}, "model.widths must name at least one hidden layer of width >= 1, got"),
        ("neumf", {"embedding_dim": 0}, r"embedding_dim must lie in \[1, 65536\], got 0"),
        ("mf", {"embedding_dim": 100_000_000_000}, r"embedding_dim must lie in \[1, 65536\], got 100000000000"),
        ("autoencoder", {"dropout": 1.0}, r"model.dropout must lie in \[0, 1\), got 1.0"),
        ("sasrec", {"max_length": 7}, "model.max_length must be even and >= 2, got 7"),
        ("item_knn", {"n_neighbours": 0}, "n_neighbours must be >= 1"),
        ("item_knn", {"shrinkage": -1.0}, "shrinkage must be"),
    ],
)
def test_settings_that_make_no_model_are_refused(name, settings, message):
    with pytest.raises(SettingsError, match=message):
        Plan.of(name, settings).context()


def test_ascent_to_the_length_that_canaries_set_forgets_from_a_folder_as_in_memory(ratings, tmp_path):
    log = read_log(ratings)
    plan = Plan.of(
        "mf",
        SMALL["mf"],
        loop={"epochs": 2, "batch_size": 512, "lr": 0.05},
        method="ascent",
        method_settings={"target": "canaries", "steps": 3},
    )
    apart = np.arange(24)
    records = log.drop(log.ids_of_users(apart))
    context = plan.context(calibration=log.keep(log.ids_of_users(apart)), candidates=np.arange(24, log.n_users), progress=False)
    made = plan.build(context).fit(context.task, records, seed=0)
    back = stored(plan, made, tmp_path / "run")
    assert back.memory == made.memory == ScaledMemory(back.memory.length, None)
    ids = made.records.ids_of_users([30, 31, 32])
    later = plan.context(stored_length=back.memory.length, progress=False)
    method = plan.build(later)
    one, two = (method.forget(later.task, each, ids, seed=0) for each in (made, back))
    for name, value in one.model.state_dict().items():
        assert torch.equal(value, two.model.state_dict()[name]), name
    whole = PostHoc(later.trainer(), method.unlearner.unlearner).forget(later.task, replace(made, memory=None), ids, seed=0)
    start, short, long = (each.model.state_dict()["item_embedding.weight"] for each in (made, two, whole))
    torch.testing.assert_close(short - start, back.memory.length * (long - start), atol=1e-5, rtol=1e-3)


def test_evidence_that_needs_a_shadow_model_is_refused_without_one(log):
    plan = Plan.of("mf", SMALL["mf"], method_settings={"length": "canaries", "evidence": "adaptive"})
    parts = {"calibration": log.keep(log.ids_of_users(range(12))), "candidates": np.arange(12, 40)}
    with pytest.raises(SettingsError, match=r"evidence=adaptive .* length is canaries: set it to shadow"):
        plan.build(plan.context(**parts))
    shadow = plan.with_method("newton", {"length": "shadow", "evidence": "adaptive"})
    assert shadow.build(shadow.context(**parts)).unlearner.length.canaries.evidence == "adaptive"


def test_sequences_play_in_a_simulation(ratings, tmp_path):
    given = {
        "data": {"path": str(ratings), "split": "last"},
        "model": {"name": "sasrec", "embedding_dim": 4, "max_length": 8},
        "training.epochs": 1,
        "forget.newton": {"length": 0.5, "n_kept": 2},
        "revocability": {"scorer": "uniform", "calibration_share": 0.0},
        "evaluate.n_halves": 1,
        "simulate": {"months": 2, "requests_per_month": 5, "incident_month": None, "checkpoints": 1, "holdout_share": 0.1},
    }
    s = settings_from_mapping(given, "simulate")
    common = {"settings": trials.settings_text(s), "folder": str(tmp_path), "seed": 0}
    trials.start({**common, "arm": "standard", "operators": ["newton", "retrain"]})
    for number in range(2):
        trials.reference({**common, "checkpoint": 0, "number": number})
    rows = trials.play({**common, "policy": "newton every_days=30"})
    assert {row["operator"] for row in rows if row["table"] == "batches"} <= {"newton", "unneeded"}
    assert all(0 < row["ndcg"] < 1 for row in rows if row["table"] == "checkpoints")


def test_the_verbs_train_forget_twice_and_recommend_in_shards(r2u, small, tmp_path):
    flags = ["--forget.method=sisa", "--forget.sisa.shards=3", "--training.epochs=2"]
    said = r2u("train", *small, *flags, "--out", tmp_path / "0")
    assert said.status == 0, said.err
    for number, key in enumerate(("u3", "u9")):
        said = r2u("forget", tmp_path / str(number), "--users", key, "--out", tmp_path / str(number + 1))
        assert "by sisa (exact: equal to a model that never saw them)" in said.out, said.err
    assert r2u("recommend", tmp_path / "2", "--users", "u3").out.split("\t")[1] == "popularity"
    changed = r2u("forget", tmp_path / "2", "--users", "u4", "--training.epochs=3")
    assert changed.status == 2
    assert f"forget takes training.epochs from {tmp_path / '2'}" in changed.err


def test_the_verbs_train_forget_and_evaluate_from_a_preset(r2u, ratings, tmp_path):
    flags = [f"--data.path={ratings}", "--model.embedding_dim=4", "--model.max_length=8", "--training.epochs=1", "--forget.newton.n_kept=2"]
    said = r2u("train", "--preset=sasrec", *flags, "--forget.smallest_batch=1", "--out", tmp_path / "0")
    assert said.status == 0, said.err
    said = r2u("forget", tmp_path / "0", "--users", "u3", "--out", tmp_path / "1")
    assert "by newton (approximate" in said.out, said.err
    assert r2u("evaluate", tmp_path / "1").status == 0


def test_the_proof_of_a_closed_form_shows_no_difference_from_fitting_anew(r2u, small, tmp_path):
    flags = [flag for flag in small if not flag.startswith(("--model.", "--training."))]
    said = r2u("run", *flags, "--model.name=item_knn", "--out", tmp_path / "run")
    assert said.status == 0, said.err
    rows = pd.read_parquet(tmp_path / "run" / "rows.parquet")
    assert rows.query("model == 'item_knn' and operator == 'exact'")["max_difference"].item() == 0
    assert set(rows["model"]) == {"item_knn", "ease"}

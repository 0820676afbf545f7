"""The main job and the evaluation of stored runs, from end to end on a small log that a model can memorise."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import yaml

MEMORISE = ["--training.epochs=70", "--training.batch_size=4096", "--training.lr=0.1", "--model.embedding_dim=24", "--model.reg=0.001"]
HEAVY = ["--revocability.request_share=0.12", "--evaluate.n_references=2", "--evaluate.n_halves=2", "--evaluate.ks=5,10"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "whole"


@pytest.fixture
def done(r2u, small, folder):
    """The run folder of one whole run, made once."""
    if not folder.exists():
        said = r2u("run", *small, *MEMORISE, *HEAVY, "--forget.steps=3", "--forget.lr=0.5", "--out", folder)
        assert said.status == 0, said.err
        (folder.parent / "said.txt").write_text(said.out)
    return folder


def rows(folder) -> pd.DataFrame:
    return pd.read_parquet(folder / "rows.parquet")


def test_the_run_folder_holds_settings_results_and_the_page(done):
    assert {path.name for path in done.iterdir()} == {"settings.yaml", "result.json", "rows.parquet", "report.html", "manifest.json"}
    assert yaml.safe_load((done / "settings.yaml").read_text())["training"]["epochs"] == 70


def test_the_table_is_printed_and_the_page_is_named(done):
    said = (done.parent / "said.txt").read_text()
    assert "imprint AUC" in said
    assert said.rstrip().endswith("report.html")


def test_every_arm_meets_every_operator_beside_retrained_references(done):
    table = rows(done)
    mf = table[table["model"] == "mf"].groupby(["arm", "operator"]).size().to_dict()
    assert mf.pop(("standard", "retrained")) == 2
    assert set(mf) == {(arm, operator) for arm in ("standard", "ready2unlearn") for operator in ("none", "newton", "ascent")}
    assert {"auc", "adaptive_auc", "tpr_at_1fpr", "excess", "NDCG@10"} <= set(table.columns)


def test_deleting_only_the_rows_leaves_the_imprint_and_the_newton_step_lowers_it(done):
    auc = rows(done).query("model == 'mf' and arm == 'standard'").groupby("operator")["auc"].mean()
    assert auc["none"] > 0.8
    assert auc["newton"] < auc["none"] - 0.1


def test_ease_equals_fitting_anew(done):
    assert rows(done).query("model == 'ease' and operator == 'exact'")["max_difference"].item() < 1e-8


def test_the_result_states_hashes_seeds_and_curves_that_start_at_the_model_as_trained(done):
    result = json.loads((done / "result.json").read_text())
    assert set(result["split_hashes"]) == {"train", "validation", "test", "trained", "request"}
    assert result["seeds"] == [0, 1000, 1001]
    starts = {point["method"]: point["auc"] for point in result["curves"][::-1]}
    none = rows(done).query("operator == 'none'").set_index("arm")["auc"]
    assert starts["standard: newton"] == pytest.approx(none["standard"])
    assert starts["ready2unlearn: ascent"] == pytest.approx(none["ready2unlearn"])


def test_no_path_of_this_machine_is_in_the_result(done, ratings):
    assert str(ratings.parent) not in (done / "result.json").read_text().replace(str(ratings), "")


def test_a_run_repeated_by_its_folder_gives_the_same_figures(r2u, done, tmp_path):
    said = r2u("run", "--repeat", done, "--out", tmp_path / "again")
    assert said.status == 0, said.err
    changing = ["seconds", "seconds_per_user", "keeping_seconds"]
    pd.testing.assert_frame_equal(rows(tmp_path / "again").drop(columns=changing), rows(done).drop(columns=changing))


def test_one_reference_is_refused(r2u, small, tmp_path):
    said = r2u("run", *small, "--evaluate.n_references=1", "--training.epochs=1", "--out", tmp_path / "one")
    assert (said.status, "needs at least 2 retrained references, got 1" in said.err) == (1, True)
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--evaluate.operators=retrain", "evaluate.operators may name newton and ascent, got retrain"),
        ("--evaluate.arms=[]", "must each name one or more"),
        ("--revocability.request_share=1.5", "revocability.request_share must lie in [0, 1), got 1.5"),
        ("--revocability.calibration_share=0.4", "asks for 96 of the"),
        ("--revocability.holdout=false", "evaluate needs users that were never trained on"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_trained(r2u, small, flag, said):
    refused = r2u("run", *small, flag)
    assert refused.status == 1
    assert said in refused.err
    assert "reference" not in refused.err.partition("r2u: ")[0]


def test_a_stored_run_is_proven_against_references_made_by_retraining(r2u, small, tmp_path):
    assert r2u("train", *small, *MEMORISE, "--prepare.arm=standard", "--out", tmp_path / "before").status == 0
    records = pd.read_parquet(tmp_path / "before" / "records.parquet")
    keys = pd.read_parquet(tmp_path / "before" / "users.parquet")["key"]
    users = ",".join(keys[sorted(records["user"].unique())[:24]])
    assert r2u("forget", tmp_path / "before", "--users", users, "--out", tmp_path / "after").status == 0
    for seed in (1, 2):
        flags = ["--forget.operator=retrain", f"--seed={seed}", "--out", tmp_path / f"retrained-{seed}"]
        assert r2u("forget", tmp_path / "before", "--users", users, *flags).status == 0
    references = f"{tmp_path / 'retrained-1'},{tmp_path / 'retrained-2'}"
    said = r2u("evaluate", tmp_path / "after", "--before", tmp_path / "before", "--references", references, "--evaluate.n_halves=2")
    assert said.status == 0, said.err
    assert "imprint AUC" in said.out
    assert "retrained" in said.out

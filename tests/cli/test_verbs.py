"""The verbs from end to end on a small log: score, train, forget, recommend, evaluate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from r2u_rec.cli.build import task
from r2u_rec.cli.forgetting import ids_of_people, refuse_small_batch
from r2u_rec.cli.settings import ForgetSettings, ModelSettings, RevocabilitySettings
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.reading.read import read_log
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.storage import load

KEYS = "u3,u8,u21"
KEEP_ALL = ("--revocability.holdout=false", "--revocability.calibration_share=0")


@pytest.fixture
def trained(r2u, small, tmp_path):
    """A run folder of standard training; all users are trained on."""
    said = r2u("train", *small, *KEEP_ALL, "--prepare.arm=standard", f"--out={tmp_path / 'trained'}")
    assert said.status == 0, said.err
    return tmp_path / "trained"


def test_scores_are_written_the_most_likely_first_with_the_callers_own_keys(r2u, ratings, tmp_path):
    for name in ("scores.csv", "scores.parquet"):
        said = r2u(
            "score", f"--data.path={ratings}", "--revocability.scorer=engagement", "--revocability.share=0.25", f"--out={tmp_path / name}"
        )
        assert said.status == 0, said.err
    frame = pd.read_csv(tmp_path / "scores.csv")
    pd.testing.assert_frame_equal(frame, pd.read_parquet(tmp_path / "scores.parquet").reset_index(drop=True), check_dtype=False)
    assert (np.diff(frame["score"]) <= 0).all()
    assert frame["revocable"].sum() == round(0.25 * len(frame))
    assert frame["user_key"].str.startswith("u").all()


def test_scores_go_to_parquet_or_csv_only(r2u, tmp_path):
    assert "--out must end in .parquet or .csv" in r2u("score", f"--out={tmp_path / 's.txt'}").err


def test_a_scorer_without_its_column_and_an_unknown_scorer_are_refused(r2u, ratings):
    assert "needs revocability.column" in r2u("score", f"--data.path={ratings}", "--revocability.scorer=supplied").err
    assert "did you mean 'churn'?" in r2u("score", f"--data.path={ratings}", "--revocability.scorer=chrun").err


def test_forgetting_makes_a_new_run_and_leaves_the_old_one_alone(r2u, trained, tmp_path):
    before = {path.name: path.read_bytes() for path in trained.iterdir()}
    said = r2u("forget", trained, "--users", KEYS, "--out", tmp_path / "after")
    assert said.status == 0, said.err
    assert "forgot 3 users" in said.out
    assert "approximate" in said.out
    assert {path.name: path.read_bytes() for path in trained.iterdir()} == before
    users = pd.read_parquet(tmp_path / "after" / "users.parquet")
    assert not users["key"].isin(KEYS.split(",")).any()
    assert users["empty"].sum() == 3


def test_a_forgotten_user_gets_what_a_stranger_gets(r2u, trained, tmp_path):
    r2u("forget", trained, "--users", KEYS, "--out", tmp_path / "after")
    erased, stranger, known = (
        line.split("\t") for line in r2u("recommend", tmp_path / "after", "--users", "u3,nobody,u4", "-k", 5).out.splitlines()
    )
    assert erased[1:] == stranger[1:]
    assert erased[1] == "popularity"
    assert known[1] == "model"
    assert len(known) == 7
    assert r2u("recommend", trained, "--users", "u3").out.split("\t")[1] == "model"


def test_a_user_is_forgotten_only_once(r2u, trained, tmp_path):
    r2u("forget", trained, "--users", KEYS, "--out", tmp_path / "after")
    said = r2u("forget", tmp_path / "after", "--users", "u3", "--out", tmp_path / "again")
    assert said.status == 1
    assert "are not in the data" in said.err
    assert "training kept" not in said.err  # nobody was held out of this one
    assert not (tmp_path / "again").exists()


def test_who_was_kept_out_of_training_is_told_from_a_wrong_key(ratings):
    log = read_log(ratings)
    assert ids_of_people(log, ["u3"], RevocabilitySettings()).tolist() == log.ids_of_users(log.user_keys.codes(["u3"])).tolist()
    with pytest.raises(DataError, match=r"\['nobody'\].*training kept their owners out \(revocability.holdout, calibration_share\)"):
        ids_of_people(log, ["nobody"], RevocabilitySettings(calibration_share=0.1))
    with pytest.raises(DataError, match=r"\['nobody'\]: give keys as they stand in the user column$"):
        ids_of_people(log, ["nobody"], RevocabilitySettings(holdout=False, calibration_share=0.0))


def test_users_may_stand_in_a_file(r2u, trained, tmp_path):
    (tmp_path / "who.txt").write_text("u3\n\nu8\n")
    assert "forgot 2 users" in r2u("forget", trained, "--users_file", tmp_path / "who.txt", "--out", tmp_path / "after").out
    assert "cannot be read" in r2u("forget", trained, "--users_file", tmp_path / "none.txt").err


def test_single_interactions_are_named_by_user_and_item(r2u, trained, tmp_path):
    fitted = load(trained, task(ModelSettings(embedding_dim=8)))
    log = fitted.records
    pairs = pd.DataFrame([(log.user_keys.key(log.user[row]), log.item_keys.key(log.item[row])) for row in (0, 9)], columns=["user", "item"])
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    said = r2u("forget", trained, "--interactions_file", tmp_path / "pairs.csv", "--out", tmp_path / "after")
    assert said.status == 0, said.err
    assert "forgot 2 single interactions" in said.out
    left = load(tmp_path / "after", task(ModelSettings(embedding_dim=8))).records
    assert set(log.ids) - set(left.ids) == {log.ids[0], log.ids[9]}
    again = r2u("forget", tmp_path / "after", "--interactions_file", tmp_path / "pairs.csv", "--out", tmp_path / "again")
    assert "2 of 2 pairs" in again.err
    assert "are not among the run's interactions" in again.err
    (tmp_path / "wrong.csv").write_text("who,what\n1,2\n")
    assert "needs the columns user and item" in r2u("forget", trained, "--interactions_file", tmp_path / "wrong.csv").err
    both = r2u("forget", trained, "--interactions_file", tmp_path / "pairs.csv", "--users", "u3")
    assert both.status == 2
    assert "make two requests" in both.err


def test_fewer_users_than_a_batch_are_refused_whatever_forgets_them(r2u, trained, tmp_path):
    for operator in ("newton", "ascent", "retrain"):
        flags = [f"--forget.operator={operator}", "--forget.smallest_batch=4", "--out", tmp_path / operator]
        said = r2u("forget", trained, "--users", KEYS, *flags)
        assert said.status == 1
        assert "the request concerns 3 users, forget.smallest_batch is 4: whoever holds the model from before" in said.err
        assert "Collect requests until the batch is full, or pass --forget.smallest_batch 1" in said.err
        assert not (tmp_path / operator).exists()
    assert "must be >= 1, got 0" in r2u("forget", trained, "--users", KEYS, "--forget.smallest_batch=0").err


def test_a_batch_is_twenty_users_unless_said_otherwise_and_counts_the_users_behind_interactions():
    records = InteractionLog(
        np.arange(60), np.repeat(np.arange(20), 3), np.arange(60), None, None, *(Vocabulary.of(list(range(n))) for n in (20, 60))
    )
    smallest = ForgetSettings().smallest_batch
    refuse_small_batch(records, np.arange(0, 60, 3), smallest)  # one interaction each of twenty users
    with pytest.raises(SettingsError, match=r"concerns 19 users, forget\.smallest_batch is 20"):
        refuse_small_batch(records, np.arange(57), smallest)


@pytest.mark.parametrize("verb", ["forget", "recommend"])
def test_somebody_must_be_named(r2u, trained, verb):
    assert "name users: --users KEY,KEY" in r2u(verb, trained).err


@pytest.mark.parametrize("verb", ["forget", "recommend", "evaluate"])
def test_a_run_folder_must_be_named_and_be_one(r2u, tmp_path, verb):
    assert "name the run folder first" in r2u(verb).err
    assert f"{tmp_path} holds no settings.yaml" in r2u(verb, tmp_path).err


def test_the_run_folder_repeats_the_run_with_the_same_bytes(r2u, trained, tmp_path):
    said = r2u("train", "--repeat", trained, "--out", tmp_path / "again")
    assert said.status == 0, said.err
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()
    assert yaml.safe_load((trained / "settings.yaml").read_text())["prepare"]["arm"] == "standard"


@pytest.mark.parametrize("arm", ["isolated", "reweighted", "phased", "ready2unlearn"])
def test_every_arm_trains_and_forgets_by_ascent(r2u, small, tmp_path, arm):
    flags = [f"--prepare.arm={arm}", "--forget.operator=ascent", "--forget.steps=2", "--training.epochs=2"]
    said = r2u("train", *small, *flags, "--out", tmp_path / arm)
    assert said.status == 0, said.err
    key = pd.read_parquet(tmp_path / arm / "records.parquet")["user"].iloc[0]
    name = pd.read_parquet(tmp_path / arm / "users.parquet")["key"].iloc[key]
    said = r2u("forget", tmp_path / arm, "--users", name, "--out", tmp_path / "after")
    assert (said.status, "by ascent" in said.out) == (0, True), said.err


def test_the_published_settings_train(r2u, small, tmp_path):
    said = r2u("train", "--preset=paper", *[f for f in small if "n_retain" not in f], "--out", tmp_path / "paper")
    assert said.status == 0, said.err


def test_newton_needs_what_training_kept(r2u, small, tmp_path):
    r2u("train", *small, "--forget.operator=ascent", "--prepare.arm=standard", "--training.epochs=1", "--out", tmp_path / "bare")
    said = r2u("forget", tmp_path / "bare", "--users", "u1", "--forget.operator=newton")
    assert said.status == 1
    assert "kept no curvature blocks" in said.err


def test_canaries_need_users_kept_out_of_training(r2u, small):
    said = r2u("train", *small, "--forget.length=canaries", "--revocability.calibration_share=0")
    assert (said.status, "compares with users kept out of training" in said.err) == (1, True)


def test_ease_forgets_exactly_and_says_so(r2u, small, tmp_path):
    assert (
        r2u(
            "train",
            *small,
            "--model.name=ease",
            "--revocability.holdout=false",
            "--revocability.calibration_share=0",
            "--out",
            tmp_path / "ease",
        ).status
        == 0
    )
    assert "by exact (exact" in r2u("forget", tmp_path / "ease", "--users", KEYS, "--out", tmp_path / "after").out


def test_an_operator_that_does_not_fit_the_model_is_refused(r2u, small):
    assert (
        "does not fit model.name=ease, which forgets by exact" in r2u("train", *small, "--model.name=ease", "--forget.operator=newton").err
    )
    assert "does not fit model.name=mf" in r2u("train", *small, "--forget.operator=exact").err


def test_ranking_quality_is_measured_without_references(r2u, trained):
    said = r2u("evaluate", trained)
    assert said.status == 0, said.err
    heading = " ".join(said.out.split())
    assert all(name in heading for name in ("NDCG@20", "coverage", "NDCG@20, popular", "NDCG@20, tail")), said.out


def test_a_proof_needs_before_and_references(r2u, trained):
    assert "a proof needs both" in r2u("evaluate", trained, "--before", trained).err


def test_other_data_than_the_run_was_trained_on_is_refused(r2u, trained, tmp_path, ratings):
    lines = ratings.read_text().splitlines()
    (tmp_path / "fewer.csv").write_text("\n".join(lines[:-40]) + "\n")
    assert "is not the one that" in r2u("evaluate", trained, f"--data.path={tmp_path / 'fewer.csv'}").err


def test_a_reference_must_be_retrained_on_the_same_records(r2u, trained, tmp_path):
    r2u("forget", trained, "--users", KEYS, "--out", tmp_path / "after")
    r2u("forget", trained, "--users", "u1", "--forget.operator=retrain", "--out", tmp_path / "other")
    said = r2u("evaluate", tmp_path / "after", "--before", trained, "--references", f"{tmp_path / 'other'},{tmp_path / 'other'}")
    assert "does not stand on the" in said.err
    said = r2u("evaluate", tmp_path / "after", "--before", trained, "--references", f"{tmp_path / 'after'},{tmp_path / 'after'}")
    assert "is no retrained reference, it was made by newton" in said.err


def test_training_prints_the_validation_quality_that_a_later_run_may_be_held_to(r2u, small, tmp_path):
    said = r2u("train", *small, "--prepare.arm=standard", f"--out={tmp_path / 'standard'}")
    assert said.status == 0, said.err
    line = next(line for line in said.out.splitlines() if line.startswith("validation NDCG@20"))
    history = yaml.safe_load((tmp_path / "standard" / "history.json").read_text())
    assert 0 < float(line.rpartition(" ")[2]) <= 1
    assert "validation" not in history[0]  # every 20th epoch by default, and there are 8
    held = r2u("train", *small, "--prepare.most_loss=0.01", f"--prepare.reference={line.rpartition(' ')[2]}", f"--out={tmp_path / 'held'}")
    assert held.status == 0, held.err


def test_holding_an_unreachable_quality_takes_the_forward_looking_weights_away(r2u, small, tmp_path):
    histories = {}
    for name, flags in {"held": ["--prepare.most_loss=0", "--prepare.reference=1"], "free": []}.items():
        prepared = ["--prepare.last_share=1", "--training.validate_every=1", *flags, f"--out={tmp_path / name}"]
        assert r2u("train", *small, *prepared).status == 0
        histories[name] = yaml.safe_load((tmp_path / name / "history.json").read_text())
    assert abs(histories["held"][-1]["future"]) < abs(histories["free"][-1]["future"]) / 10


def test_ascent_stops_at_the_level_of_a_model_that_knows_nothing(r2u, small, tmp_path):
    flags = ["--forget.operator=ascent", "--forget.target=chance", "--forget.steps=500", "--forget.lr=0.1"]
    assert r2u("train", *small, *KEEP_ALL, *flags, "--prepare.arm=standard", f"--out={tmp_path / 'before'}").status == 0
    said = r2u("forget", tmp_path / "before", "--users", KEYS, f"--out={tmp_path / 'after'}")
    assert said.status == 0, said.err
    assert "did you mean 'chance'?" in r2u("train", *small, "--forget.target=chanse").err


def test_without_anyone_to_watch_by_training_runs_but_quality_cannot_be_held(r2u, small, tmp_path):
    everyone = [*small, *KEEP_ALL, "--revocability.policy=threshold", "--revocability.value=0", "--prepare.arm=standard"]
    said = r2u("train", *everyone, f"--out={tmp_path / 'all'}")
    assert said.status == 0, said.err
    assert "validation NDCG" not in said.out
    refused = r2u("train", *everyone, "--training.patience=2", f"--out={tmp_path / 'patient'}")
    assert (refused.status, "let fewer users be revocable" in refused.err) == (1, True)

"""The verbs from end to end on a small log: score, train, forget, recommend, evaluate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from r2u_rec.api.runs import read_run

KEYS = "u3,u8,u21"
MEASURED = ("--data.split=random",)
"""Holds test interactions out, by which quality is measured."""


@pytest.fixture
def trained(r2u, small, tmp_path):
    """A run folder of standard training, on everyone."""
    said = r2u("train", *small, f"--out={tmp_path / 'trained'}")
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
    assert "interactions of 3 users, first u3, last u21" in said.out
    assert "by newton (approximate" in said.out
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


def test_a_production_model_is_trained_on_everyone_and_answers_everyone(r2u, trained, ratings):
    users = pd.read_csv(ratings)["user"].unique()
    answers = [line.split("\t")[1] for line in r2u("recommend", trained, "--users", ",".join(users)).out.splitlines()]
    assert answers == ["model"] * len(users)
    assert len(pd.read_parquet(trained / "records.parquet")) == len(pd.read_csv(ratings))


def test_a_dry_run_says_what_it_understood_and_writes_nothing(r2u, trained, tmp_path):
    said = r2u("forget", trained, "--users", KEYS, "--dry_run", "--out", tmp_path / "dry")
    assert said.status == 0, said.err
    assert "60 interactions of 3 users, first u3, last u21; 4740 stay" in said.out
    assert not (tmp_path / "dry").exists()


def test_users_may_stand_in_a_file(r2u, trained, tmp_path):
    (tmp_path / "who.txt").write_text("u3\n\nu8\n")
    assert "of 2 users, first u3, last u8" in r2u("forget", trained, "--users_file", tmp_path / "who.txt", "--out", tmp_path / "after").out
    assert "cannot be read" in r2u("forget", trained, "--users_file", tmp_path / "none.txt").err


def test_single_interactions_are_named_by_user_and_item(r2u, trained, tmp_path):
    log = read_run(trained)[0].log
    pairs = pd.DataFrame([(log.user_keys.key(log.user[row]), log.item_keys.key(log.item[row])) for row in (0, 9)], columns=["user", "item"])
    pairs.to_csv(tmp_path / "pairs.csv", index=False)
    said = r2u("forget", trained, "--interactions_file", tmp_path / "pairs.csv", "--out", tmp_path / "after")
    assert said.status == 0, said.err
    assert said.out.startswith("2 interactions of ")
    left = read_run(tmp_path / "after")[0].log
    assert set(log.ids) - set(left.ids) == {log.ids[0], log.ids[9]}
    again = r2u("forget", tmp_path / "after", "--interactions_file", tmp_path / "pairs.csv", "--out", tmp_path / "again")
    assert "2 of 2 interactions are not among those that the model was trained on" in again.err
    (tmp_path / "wrong.csv").write_text("who,what\n1,2\n")
    assert "needs the columns user and item" in r2u("forget", trained, "--interactions_file", tmp_path / "wrong.csv").err
    both = r2u("forget", trained, "--interactions_file", tmp_path / "pairs.csv", "--users", "u3")
    assert both.status == 2
    assert "are two requests" in both.err


def test_a_window_of_time_and_an_item_are_named_too(r2u, trained, tmp_path):
    said = r2u("forget", trained, "--window", "1970-01-30,", "--out", tmp_path / "window")
    assert said.status == 0, said.err
    left = read_run(tmp_path / "window")[0].log
    assert left.time.max() < pd.Timestamp("1970-01-30").timestamp() <= read_run(trained)[0].log.time.max()
    said = r2u("forget", trained, "--items", "i7", "--out", tmp_path / "item")
    assert said.status == 0, said.err
    assert (
        "i7" not in set(read_run(tmp_path / "item")[0].log.item_keys.keys)
        or not read_run(tmp_path / "item")[0].log.item_counts[read_run(tmp_path / "item")[0].log.item_keys.code("i7")]
    )


def test_fewer_users_than_a_batch_are_refused_whatever_forgets_them(r2u, trained, tmp_path):
    for operator in ("newton", "ascent", "retrain"):
        flags = [f"--forget.method={operator}", "--forget.smallest_batch=4", "--out", tmp_path / operator]
        said = r2u("forget", trained, "--users", KEYS, *flags)
        assert said.status == 1
        assert "the request concerns 3 users, fewer than forget.smallest_batch=4: whoever holds the model from before" in said.err
        assert "(1) wait" in said.err
        assert "(2) retrain now" in said.err
        assert "on day 27 of 30 at the latest" in said.err
        assert not (tmp_path / operator).exists()
    assert "must be a whole number >= 1, got 0" in r2u("forget", trained, "--users", KEYS, "--forget.smallest_batch=0").err


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
    flags = [f"--prepare.arm={arm}", "--forget.method=ascent", "--forget.ascent.steps=2", "--training.epochs=2"]
    said = r2u("train", *small, *flags, "--out", tmp_path / arm)
    assert said.status == 0, said.err
    key = pd.read_parquet(tmp_path / arm / "records.parquet")["user"].iloc[0]
    name = pd.read_parquet(tmp_path / arm / "users.parquet")["key"].iloc[key]
    said = r2u("forget", tmp_path / arm, "--users", name, "--out", tmp_path / "after")
    assert (said.status, "by ascent" in said.out) == (0, True), said.err


def test_the_published_settings_train(r2u, small, tmp_path):
    said = r2u("train", "--preset=paper", *[f for f in small if "n_retain" not in f], "--out", tmp_path / "paper")
    assert said.status == 0, said.err


def test_another_edit_than_was_trained_for_computes_what_it_needs_now(r2u, small, tmp_path):
    r2u("train", *small, "--forget.method=ascent", "--training.epochs=1", "--out", tmp_path / "bare")
    said = r2u("forget", tmp_path / "bare", "--users", "u1", "--forget.method=newton", "--out", tmp_path / "after")
    assert (said.status, "by newton" in said.out) == (0, True), said.err


def test_canaries_need_users_kept_out_of_training(r2u, small):
    said = r2u("train", *small, "--forget.newton.length=canaries")
    assert (said.status, "compares with users who are kept out of training" in said.err) == (1, True)


def test_ease_forgets_exactly_and_says_so(r2u, small, tmp_path):
    said = r2u("train", *_closed(small), "--model.name=ease", "--out", tmp_path / "ease")
    assert said.status == 0, said.err
    assert "by exact (exact" in r2u("forget", tmp_path / "ease", "--users", KEYS, "--out", tmp_path / "after").out


def _closed(small):
    """The flags that a closed form takes: it has neither a loop nor dimensions."""
    return [flag for flag in small if not flag.startswith(("--model.", "--training."))]


def test_a_method_that_does_not_fit_the_model_is_refused(r2u, small):
    assert "newton does not fit EASE" in r2u("train", *_closed(small), "--model.name=ease", "--forget.method=newton").err
    assert "exact does not fit MF" in r2u("train", *small, "--forget.method=exact").err


@pytest.fixture
def measured(r2u, small, tmp_path):
    """A run folder that holds test interactions out."""
    said = r2u("train", *small, *MEASURED, f"--out={tmp_path / 'measured'}")
    assert said.status == 0, said.err
    return tmp_path / "measured"


def test_ranking_quality_is_measured_without_references(r2u, measured):
    said = r2u("evaluate", measured)
    assert said.status == 0, said.err
    heading = " ".join(said.out.split())
    assert all(name in heading for name in ("NDCG@20", "coverage", "popular", "tail")), said.out


def test_a_model_that_was_trained_on_everyone_has_nothing_to_be_measured_by(r2u, trained):
    said = r2u("evaluate", trained)
    assert said.status == 1
    assert "holds no test interactions: train with --data.split random" in said.err


def test_a_proof_needs_before_and_references(r2u, measured):
    assert "a proof needs both" in r2u("evaluate", measured, "--before", measured).err


def test_evaluation_survives_the_erasure_of_the_source_and_never_draws_anew(r2u, small, ratings, tmp_path, monkeypatch):
    source = tmp_path / "shop.csv"
    source.write_text(ratings.read_text())
    flags = [flag for flag in small if "data.path" not in flag] + [f"--data.path={source}"]
    assert r2u("train", *flags, *MEASURED, f"--out={tmp_path / 'run'}").status == 0
    here = r2u("evaluate", tmp_path / "run").out
    source.write_text("\n".join(line for line in ratings.read_text().splitlines() if not line.startswith("u3,")) + "\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert r2u("evaluate", tmp_path / "run").out == here
    source.unlink()
    assert r2u("evaluate", tmp_path / "run").out == here
    for flag in ("--seed=5", "--revocability.scorer=churn", "--data.shares=0.6,0.2,0.2"):
        refused = r2u("evaluate", tmp_path / "run", flag)
        assert refused.status == 2
        assert "leave --" in refused.err


def test_a_reference_must_be_retrained_on_the_same_records(r2u, small, tmp_path):
    flags = ("--revocability.holdout=true", *MEASURED)
    assert r2u("train", *small, *flags, f"--out={tmp_path / 'before'}").status == 0
    keys = read_run(tmp_path / "before")[0].log
    there = [keys.user_keys.key(code) for code in np.flatnonzero(keys.user_counts > 0)[:4].tolist()]
    r2u("forget", tmp_path / "before", "--users", ",".join(there[:3]), "--out", tmp_path / "after")
    r2u("forget", tmp_path / "before", "--users", there[3], "--forget.method=retrain", "--out", tmp_path / "other")
    told = ["evaluate", tmp_path / "after", "--before", tmp_path / "before", "--references"]
    assert "does not stand on the" in r2u(*told, f"{tmp_path / 'other'},{tmp_path / 'other'}").err
    assert "is no retrained reference, it was made by newton" in r2u(*told, f"{tmp_path / 'after'},{tmp_path / 'after'}").err


def test_training_prints_the_validation_quality_that_a_later_run_may_be_held_to(r2u, small, tmp_path):
    said = r2u("train", *small, *MEASURED, f"--out={tmp_path / 'standard'}")
    assert said.status == 0, said.err
    line = next(line for line in said.out.splitlines() if line.startswith("validation NDCG@20"))
    history = yaml.safe_load((tmp_path / "standard" / "history.json").read_text())
    assert 0 < float(line.rpartition(" ")[2]) <= 1
    assert "validation" not in history[0]  # every 20th epoch by default, and there are 8
    reached = line.rpartition(" ")[2]
    ready = ["--prepare.arm=ready2unlearn", "--prepare.ready2unlearn.most_loss=0.01", f"--prepare.ready2unlearn.reference={reached}"]
    held = r2u("train", *small, *MEASURED, *ready, f"--out={tmp_path / 'held'}")
    assert held.status == 0, held.err


def test_holding_an_unreachable_quality_takes_the_forward_looking_weights_away(r2u, small, tmp_path):
    histories = {}
    for name, flags in {"held": ["--prepare.ready2unlearn.most_loss=0", "--prepare.ready2unlearn.reference=1"], "free": []}.items():
        prepared = ["--prepare.arm=ready2unlearn", "--prepare.ready2unlearn.last_share=1", "--training.validate_every=1"]
        prepared += [*MEASURED, *flags, f"--out={tmp_path / name}"]
        assert r2u("train", *small, *prepared).status == 0
        histories[name] = yaml.safe_load((tmp_path / name / "history.json").read_text())
    assert abs(histories["held"][-1]["future"]) < abs(histories["free"][-1]["future"]) / 10


def test_ascent_stops_at_the_level_of_a_model_that_knows_nothing(r2u, small, tmp_path):
    flags = ["--forget.method=ascent", "--forget.ascent.target=chance", "--forget.ascent.steps=500", "--forget.ascent.lr=0.1"]
    assert r2u("train", *small, *flags, f"--out={tmp_path / 'before'}").status == 0
    said = r2u("forget", tmp_path / "before", "--users", KEYS, f"--out={tmp_path / 'after'}")
    assert said.status == 0, said.err
    assert "did you mean 'chance'?" in r2u("train", *small, "--forget.ascent.target=chanse").err


def test_without_anyone_to_watch_by_training_runs_but_quality_cannot_be_held(r2u, small, tmp_path):
    everyone = [*small, *MEASURED, "--revocability.policy=threshold", "--revocability.value=0"]
    said = r2u("train", *everyone, f"--out={tmp_path / 'all'}")
    assert said.status == 0, said.err
    assert "validation NDCG" not in said.out
    refused = r2u("train", *everyone, "--training.patience=2", f"--out={tmp_path / 'patient'}")
    assert (refused.status, "let fewer users be revocable" in refused.err) == (1, True)

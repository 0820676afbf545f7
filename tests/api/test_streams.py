"""A simulation from settings: the scenario, its trials, and the verb as a whole."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from r2u_rec.api.streams import trials
from r2u_rec.api.streams.methods import starts
from r2u_rec.api.streams.policy_words import policy_of
from r2u_rec.api.streams.scenario import checkpoints_of, scenario_of, span
from r2u_rec.config.parse import settings_from_mapping
from r2u_rec.config.settings import Settings
from r2u_rec.errors import SettingsError
from r2u_rec.report.simulation.results import load_simulation
from r2u_rec.unlearn.scaled import ScaledMemory

TINY = {
    "model.embedding_dim": 8,
    "training": {"epochs": 6, "batch_size": 512, "lr": 0.02},
    "forget.newton.length": 1.0,
    "forget.ascent.steps": 3,
    "revocability": {"scorer": "uniform", "calibration_share": 0.0},
    "evaluate": {"ks": [20], "n_halves": 1},
    "simulate": {
        "months": 6,
        "requests_per_month": 4,
        "incident_month": 2.0,
        "incident_share": 0.03,
        "checkpoints": 2,
        "holdout_share": 0.1,
        "return_days": 20.0,
    },
}


def settings(ratings, **changes: object) -> Settings:
    """Half a year on the small log, settings that take seconds, with dotted keys changed."""
    return settings_from_mapping({**TINY, "data.path": str(ratings), **{k.replace("__", "."): v for k, v in changes.items()}}, "simulate")


@pytest.fixture(scope="module")
def tiny(ratings) -> Settings:
    return settings(ratings)


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    """What the policies start from, trained once."""
    out = tmp_path_factory.mktemp("simulation")
    common = {"settings": trials.settings_text(tiny), "folder": str(out), "seed": 0}
    trials.start({**common, "arm": "standard", "operators": ["newton", "ascent", "retrain"]})
    for checkpoint in range(2):
        for number in range(2):
            trials.reference({**common, "checkpoint": checkpoint, "number": number})
    return common


def tables(rows: list[dict]) -> dict[str, pd.DataFrame]:
    return {name: pd.DataFrame([row for row in rows if row["table"] == name]) for name in ("requests", "batches", "checkpoints")}


def test_nobody_plays_two_parts(tiny):
    scenario = scenario_of(tiny, 0)
    held, stay, ask = scenario.audience.holdout, scenario.stayers, scenario.audience.forget_users
    assert len(held) == 24
    assert not set(held) & set(stay) | set(held) & set(ask) | set(stay) & set(ask)
    assert scenario.log.user_counts[held].sum() == 0
    assert (scenario.start_records.user_counts[stay] > 0).all()


def test_the_stream_is_drawn_by_the_seed(tiny):
    assert scenario_of(tiny, 0).stream.digest == scenario_of(tiny, 0).stream.digest != scenario_of(tiny, 1).stream.digest


def test_what_is_left_at_a_time_holds_what_is_known_and_nobody_has_asked_for(tiny):
    scenario = scenario_of(tiny, 0)
    for time in checkpoints_of(tiny, scenario.stream):
        left = scenario.left_at(time, None)
        asked = {r.user for r in scenario.stream.requests if r.received < time}
        known = set(scenario.stream.known(scenario.log, time).tolist())
        expected = {
            i
            for i, user in zip(scenario.log.ids.tolist(), scenario.log.user, strict=True)
            if i in known and scenario.log.user_keys.key(int(user)) not in asked
        }
        assert set(left.ids.tolist()) == expected


def test_the_span_counts_calendar_months(tiny):
    start, end = span(replace(tiny, simulate=replace(tiny.simulate, start="2026-01-31", months=1)))
    assert (pd.Timestamp(start, unit="s"), pd.Timestamp(end, unit="s")) == (pd.Timestamp("2026-01-31"), pd.Timestamp("2026-02-28"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"months": 0}, "months must be at least 1, got 0"),
        ({"start": "soon"}, "start must be a date such as 2026-01-01, got 'soon'"),
        ({"incident_month": 6.0}, r"incident_month must lie in \[0, 6\).*null for none"),
        ({"quality_users": 0}, "quality_users must be at least 1, got 0"),
        ({"holdout_share": 0.5}, r"holdout_share must lie in \[0, .5\), got 0.5"),
    ],
    ids=["months", "start", "incident", "users", "holdout"],
)
def test_what_cannot_be_simulated_is_refused(tiny, change, message):
    with pytest.raises(SettingsError, match=message):
        scenario_of(replace(tiny, simulate=replace(tiny.simulate, **change)), 0)


def test_requests_are_read_from_a_file(tiny, tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text("time,kind,user\n2026-02-01,user,u3\n2026-03-01,user,u5\n")
    scenario = scenario_of(replace(tiny, simulate=replace(tiny.simulate, requests_file=str(path), holdout_share=0.0)), 0)
    assert [request.user for request in scenario.stream.requests] == ["u3", "u5"]
    assert scenario.incidents == ()


def test_a_policy_that_never_erases_remembers_and_one_that_edits_finishes_all(folder):
    never = tables(trials.play({**folder, "policy": "never"}))
    newton = tables(trials.play({**folder, "policy": "newton every_days=7"}))
    assert never["requests"]["finished"].isna().all()
    assert len(never["batches"]) == 0
    assert (newton["requests"]["received"] == never["requests"]["received"]).all()
    assert newton["requests"]["finished"].notna().sum() >= len(newton["requests"]) - 3
    assert not newton["requests"]["late"].any()
    assert set(newton["batches"]["operator"]) <= {"newton", "unneeded"}
    assert newton["batches"]["snapshot_auc"].dropna().between(0.4, 1).all()
    assert (newton["checkpoints"]["ndcg"] > 0).all()


def test_a_policy_is_played_the_same_way_twice(folder):
    first, second = (tables(trials.play({**folder, "policy": "ascent by_deadline"})) for _ in range(2))
    for name in first:
        measured = ["seconds", "cpu_seconds", "seconds_so_far", "cpu_seconds_so_far", "rss_bytes"]
        pd.testing.assert_frame_equal(
            first[name].drop(columns=measured, errors="ignore"), second[name].drop(columns=measured, errors="ignore")
        )


def test_shards_are_trained_again_one_at_a_time(folder):
    found = tables(trials.play({**folder, "policy": "sisa every_days=30"}))
    assert set(found["batches"]["operator"]) <= {"sisa", "retrain", "unneeded"}
    assert np.isfinite(found["checkpoints"]["ndcg"].astype(float)).all()


def test_the_cost_chooses_between_shards_and_training_again(tiny, folder):
    few = replace(tiny, simulate=replace(tiny.simulate, costs=("sisa=0+0+0.1", "retrain=120+0+0")))  # a shard of four: some 75 s
    found = tables(trials.play({**folder, "settings": trials.settings_text(few), "policy": "auto among=sisa batch=2"}))["batches"]
    assert set(found["operator"]) - {"unneeded"} == {"sisa", "retrain"}
    assert found["why"].str.contains("sisa trains on .* of the records again in .*, on all in 120 s").any()


def test_costs_of_the_settings_replace_those_measured(tiny, folder):
    s = replace(tiny, simulate=replace(tiny.simulate, costs=("newton=5+0+0",)))
    assert trials.costs_of(folder, s, policy_of("newton"), {})["newton"].seconds(9, 9) == 5
    wrong = replace(tiny, simulate=replace(tiny.simulate, costs=("newtn=5+0+0",)))
    with pytest.raises(SettingsError, match="names 'newtn', the operators are"):
        trials.costs_of(folder, wrong, policy_of("newton"), {})


def test_ascent_that_goes_as_far_as_canaries_say_keeps_that_length_along_a_stream(ratings, tmp_path):
    s = settings(ratings, forget__ascent__target="canaries", revocability__calibration_share=0.1, simulate__checkpoints=1)
    policies = {policy.name: policy for policy in map(policy_of, ("never", "retrain", "newton", "ascent batch=4"))}
    assert starts(s, policies) == {"standard": ("newton", "retrain"), "standard for ascent": ("ascent", "retrain")}
    common = {"settings": trials.settings_text(s), "folder": str(tmp_path), "seed": 0}
    for name, operators in starts(s, policies).items():
        trials.start({**common, "arm": name, "operators": list(operators)})
    for number in range(2):
        trials.reference({**common, "checkpoint": 0, "number": number})
    memory = trials.loaded_model(s, trials.model_folder(common, "standard for ascent")).memory
    assert isinstance(memory, ScaledMemory)
    assert memory.length > 0
    found = tables(trials.play({**common, "policy": "ascent batch=4"}))
    assert set(found["batches"]["operator"]) <= {"ascent", "unneeded"}
    assert np.isfinite(found["checkpoints"]["ndcg"].astype(float)).all()


@pytest.mark.parametrize(("name", "policy"), [("ease", "exact"), ("item_knn", "auto every_days=30")])
def test_closed_forms_forget_exactly_along_a_stream(ratings, tmp_path, name, policy):
    closed = {key: value for key, value in TINY.items() if key not in ("model.embedding_dim", "training")}
    s = settings_from_mapping({**closed, "data.path": str(ratings), "model.name": name}, "simulate")
    common = {"settings": trials.settings_text(s), "folder": str(tmp_path), "seed": 0}
    trials.start({**common, "arm": "standard", "operators": ["exact", "retrain"]})
    for checkpoint in range(2):
        for number in range(2):
            trials.reference({**common, "checkpoint": checkpoint, "number": number})
    found = tables(trials.play({**common, "policy": policy}))
    assert (found["batches"]["drift_spent"] == 0).all()
    assert not found["requests"]["late"].any()


@pytest.mark.slow
def test_the_verb_writes_tables_and_page_resumes_and_refuses_other_settings(r2u, ratings, small, tmp_path):
    out = tmp_path / "year"
    flags = [*small, "--training.epochs=4", "--revocability.calibration_share=0", "--simulate.months=3", "--simulate.incident_month=null"]
    flags += ["--simulate.requests_per_month=6", "--simulate.checkpoints=1", "--simulate.holdout_share=.1", f"--out={out}", "--jobs=2"]
    said = r2u("simulate", *flags, "--simulate.policies=never,retrain every_days=30")
    assert said.status == 0, said.err
    assert "retrain every_days=30" in said.out
    assert (out / "simulation.html").is_file()
    assert yaml.safe_load((out / "settings.yaml").read_text())["simulate"]["months"] == 3
    simulation = load_simulation(out)
    assert list(simulation.policies) == ["never", "retrain every_days=30"]
    trials_before = {path.name: path.stat().st_mtime_ns for path in (out / "trials").glob("*.json")}
    more = r2u("simulate", *flags, "--simulate.policies=never,retrain every_days=30,ascent every_days=30")
    assert more.status == 0, more.err
    assert all((out / "trials" / name).stat().st_mtime_ns == time for name, time in trials_before.items())
    refused = r2u("simulate", *flags, "--simulate.months=4", "--simulate.policies=never,retrain")
    assert refused.status == 1
    assert "simulate.months=3, not 4: name another folder" in refused.err
    assert len(json.loads((out / "simulation.json").read_text())["policies"]) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("never,newton", "lacks retrain: others are judged between the two ends"),
        ("retrain,retrain", "must name one or more policies, each once"),
        ("never,retrain,exact", "policy 'exact' does not fit model.name=mf"),
    ],
    ids=["ends", "twice", "model"],
)
def test_policies_that_cannot_be_compared_are_refused_before_anything_is_trained(r2u, small, tmp_path, words, message):
    said = r2u("simulate", *small, f"--simulate.policies={words}", f"--out={tmp_path / 'none'}")
    assert said.status == 1
    assert message in said.err
    assert not (tmp_path / "none").exists()

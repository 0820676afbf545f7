"""A simulation survives the way to disk and back, and what would make a false table is refused."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

sys.path.insert(0, str(Path(__file__).parent))
from report_toys import END, POLICIES, START, make_simulation

from r2u_rec.errors import DataError
from r2u_rec.report.simulation.frames import flags, missed, numbers
from r2u_rec.report.simulation.results import load_simulation, save_simulation


def test_a_saved_simulation_comes_back_equal(tmp_path):
    sim = make_simulation(notes=("a note",))
    save_simulation(sim, tmp_path / "run")
    back = load_simulation(tmp_path / "run")
    for name in ("requests", "batches", "checkpoints"):
        assert_frame_equal(getattr(back, name), getattr(sim, name))
    for name in ("name", "command", "settings", "policies", "start", "end", "question", "data", "incidents", "exact", "quality", "notes"):
        assert getattr(back, name) == getattr(sim, name)
    assert (back.versions, back.machine, back.created) == (sim.versions, sim.machine, sim.created)


def test_saving_leaves_five_files_and_nothing_unfinished(tmp_path):
    save_simulation(make_simulation(), tmp_path)
    tables = [f"{name}.parquet" for name in ("batches", "checkpoints", "policies", "requests")]
    assert sorted(p.name for p in tmp_path.iterdir()) == [*tables, "simulation.json"]


def test_policies_are_a_table_too_to_be_joined_with_the_others(tmp_path):
    save_simulation(make_simulation(), tmp_path)
    policies = pd.read_parquet(tmp_path / "policies.parquet").set_index("policy")
    assert list(policies.index) == list(POLICIES)
    assert policies["operator"].to_dict() == {name: given["operator"] for name, given in POLICIES.items()}
    assert set(pd.read_parquet(tmp_path / "requests.parquet")["policy"]) <= set(policies.index)


def test_integers_that_may_be_missing_survive_too(tmp_path):
    def as_the_simulator_writes_them(frames):
        for name in ("finished", "batch"):
            frames["requests"][name] = frames["requests"][name].round().astype("Int64")
        frames["requests"]["hours"] = ((frames["requests"]["finished"] - frames["requests"]["received"]) / 3600).astype("Float64")

    sim = make_simulation(edit=as_the_simulator_writes_them)
    save_simulation(sim, tmp_path)
    assert load_simulation(tmp_path).requests["finished"].dtype == "Int64"


@pytest.mark.parametrize("name", ["simulation.json", "requests.parquet", "batches.parquet", "checkpoints.parquet"])
def test_loading_from_a_folder_without_one_of_the_files_says_so(tmp_path, name):
    save_simulation(make_simulation(), tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name} is not there: name the folder of a finished simulation"):
        load_simulation(tmp_path)


def test_a_broken_file_another_version_and_files_of_two_simulations_are_refused(tmp_path):
    path = save_simulation(make_simulation(), tmp_path)
    content = json.loads(path.read_text())
    path.write_text("{")
    with pytest.raises(ValueError, match=r"simulation\.json is not JSON .*: simulate again"):
        load_simulation(tmp_path)
    path.write_text(json.dumps({**content, "schema_version": 99}))
    with pytest.raises(ValueError, match=r"has schema version 99, this program reads 1: simulate again, or use the program that wrote it"):
        load_simulation(tmp_path)
    path.write_text(json.dumps(content))
    pd.read_parquet(tmp_path / "batches.parquet").iloc[1:].to_parquet(tmp_path / "batches.parquet")
    n = content["n_rows"]["batches"]
    with pytest.raises(ValueError, match=rf"batches\.parquet has {n - 1} rows, simulation\.json says {n}: the files are of different"):
        load_simulation(tmp_path)


def test_the_bounds_must_be_in_order_and_settings_such_as_json_can_hold():
    with pytest.raises(DataError, match=rf"start must lie before end, got {END} and {START}: give the bounds of the stream"):
        make_simulation(start=END, end=START)
    with pytest.raises(TypeError, match=r"settings\.model is a object, which JSON cannot hold"):
        make_simulation(settings={"model": object()})


def dropped(frame, wanted):
    """An edit that drops the rows that `wanted` names."""

    def edit(frames):
        frames[frame] = frames[frame][~wanted(frames[frame])]

    return edit


def changed(frame, column, at, value):
    """An edit that sets one value, of the first row that `at` names."""

    def edit(frames):
        rows = frames[frame]
        row = np.flatnonzero(at(rows))[0]
        if isinstance(value, str):
            rows[column] = rows[column].astype(object)
        rows.loc[row, column] = value

    return edit


def anywhere(rows):
    return np.ones(len(rows), dtype=bool)


def of(policy, seed=1):
    return lambda rows: (rows["policy"] == policy) & (rows["seed"] == seed)


def doubled(frames):
    frames["requests"] = pd.concat([frames["requests"], frames["requests"].iloc[[0]]])


def without_columns(frames):
    frames["batches"] = frames["batches"].drop(columns=["why", "time"])


FAULTS = {
    "a column is missing": (without_columns, "batches lacks the columns time, why: give the frames as the simulator returns them"),
    "a policy is unknown": (
        changed("batches", "policy", anywhere, "daily"),
        "batches names the policy 'daily', policies knows only never, at",
    ),
    "there are no requests": (dropped("requests", anywhere), "requests has no rows: simulate a stream with at least one request"),
    "there are no checkpoints": (dropped("checkpoints", anywhere), "checkpoints has no rows: simulate a stream"),
    "a policy was not run on a seed": (dropped("requests", of("auto", 2)), "requests of policy 'auto', seed 2 has 0 rows, 'never' has"),
    "a request is there twice": (doubled, "requests of policy 'never', seed 1 holds number 0 twice: put each row in once"),
    "a policy had another stream": (
        changed("requests", "received", of("auto"), START + 1),
        "requests of policy 'auto', seed 1 differ from those of 'never' in received: replay the same stream under every policy",
    ),
    "a policy was measured at another time": (
        changed("checkpoints", "time", of("auto"), START + 5),
        "checkpoints of policy 'auto', seed 1 differ from those of 'never' in time: measure every policy at the same times",
    ),
    "a seed has no checkpoints": (
        dropped("checkpoints", lambda rows: rows["seed"] == 2),
        r"the frames have different seeds (requests [1, 2]; batches [1, 2]; checkpoints [1]): put those of the same simulation together",
    ),
    "a number is text": (
        changed("batches", "seconds", anywhere, "fast"),
        "batches.seconds must hold numbers, got 'fast' among others: convert",
    ),
    "a number is missing": (
        changed("batches", "cpu_seconds", of("auto"), np.nan),
        "(policy 'auto', seed 1): only finished, hours, batch may be",
    ),
    "an AUC is above one": (changed("checkpoints", "auc", of("auto"), 1.5), "checkpoints.auc must lie in [0, 1], got 1.5 in row"),
    "time runs backwards": (changed("batches", "seconds", anywhere, -1.0), "batches.seconds must be at least 0, got -1 in row 0"),
    "a checkpoint lies outside": (
        lambda frames: frames["checkpoints"].update(frames["checkpoints"][["time"]].where(frames["checkpoints"]["time"] < END, END + 9)),
        "the checkpoint at 1767225609 of policy 'never', seed 1 stands outside [start, end] (12 such): give the bounds of the stream",
    ),
    "a request is finished too early": (
        changed("requests", "finished", of("at once"), START - 10),
        "request 0 of policy 'at once', seed 1 was finished before it was received (1 such): look for the fault in the simulator",
    ),
    "hours are wrong": (
        changed("requests", "hours", of("at once"), 5.0),
        "request 0 of policy 'at once', seed 1 has other hours than lie between received and finished (1 such)",
    ),
    "there are hours without an end": (
        changed("requests", "hours", of("never"), 5.0),
        "request 0 of policy 'never', seed 1 has only one of hours and finished (1 such): give both, or neither",
    ),
    "a request in time is marked late": (
        changed("requests", "late", of("at once"), True),
        "request 0 of policy 'at once', seed 1 is marked late, or not, against its due and finished times (1 such): late means finished",
    ),
    "work stands in no batch": (
        changed("checkpoints", "cpu_seconds_so_far", of("never"), 500.0),
        "checkpoints of policy 'never', seed 1 count 500.0 CPU seconds, its batches only 0.0: every piece of work must stand in a batch",
    ),
}


@pytest.mark.parametrize("what", FAULTS)
def test_frames_are_refused_when(what):
    edit, message = FAULTS[what]
    with pytest.raises(DataError, match=re.escape(message)):
        make_simulation(edit=edit)


def test_a_request_outside_the_simulated_time_is_refused():
    def earlier(frames):
        frames["requests"].loc[frames["requests"]["number"] == 0, "received"] = START - 60

    with pytest.raises(DataError, match=r"request 0 of policy 'never', seed 1 was received outside \[start, end\) \(12 such\)"):
        make_simulation(edit=earlier)


def test_figures_that_nobody_measured_may_be_missing_and_unknown_ones_may_be_there():
    def fewer_and_more(frames):
        frames["checkpoints"] = frames["checkpoints"].drop(columns=["auc", "overlap"]).assign(evidence="passed", own=-3.0)
        frames["batches"] = frames["batches"].drop(columns=["snapshot_auc"])

    assert np.isnan(numbers(make_simulation(edit=fewer_and_more).checkpoints, "auc")).all()


def test_a_part_holds_the_rows_of_its_policy_and_seed_alone():
    sim = make_simulation()
    both = [sim.part("requests", "auto", seed) for seed in sim.seeds]
    assert [set(zip(part["policy"], part["seed"], strict=True)) for part in both] == [{("auto", 1)}, {("auto", 2)}]
    assert len(sim.part("requests", "auto")) == sum(map(len, both))
    assert sum(len(sim.part("requests", policy)) for policy in POLICIES) == len(sim.requests)


def test_a_deadline_is_missed_late_or_by_never_acting_but_not_while_there_is_time():
    requests = pd.DataFrame({"due": [10, 10, 10, 99], "finished": [9.0, 11.0, None, None], "late": [False, True, None, None]})
    assert missed(requests, end=50).tolist() == [False, True, True, False]
    assert flags(requests, "late").tolist() == [False, True, False, False]

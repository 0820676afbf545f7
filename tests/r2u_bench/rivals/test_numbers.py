"""The whole benchmark on a file of one's own: trials in processes, numbers bound to their split, and a check that can fail."""

from __future__ import annotations

import json

import pytest
import yaml
from r2u_bench.rivals.bench import run_rivals
from r2u_bench.rivals.numbers import Drift, check_numbers, drifts, read_numbers, slice_of
from r2u_bench.rivals.preset import Preset, load_preset, packaged
from small_study import SHARES, table

from r2u_rec.cli.main import main
from r2u_rec.errors import EvidenceError, SettingsError
from r2u_rec.report import read_benchmark


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """A preset on a file, run once: EASE, two seeds, one kind of request."""
    folder = tmp_path_factory.mktemp("rivals")
    table().to_csv(folder / "shop.csv", index=False)
    content = {
        "data": str(folder / "shop.csv"), "seeds": [0, 1], "shares": list(SHARES), "strangers_share": 0.06,
        "n_references": 2, "n_halves": 1,
        "models": {"ease": {"settings": {"reg": 20.0}, "systems": "all", "requests": ["core 4 %"]}},
        "check": {"model": "ease", "systems": ["rows_deleted", "ease_exact"], "request": "core 4 %", "seed": 1},
    }  # fmt: skip
    (folder / "shop.yaml").write_text(yaml.safe_dump(content))
    status = main(["bench", "rivals", "--preset", str(folder / "shop.yaml"), "--out", str(folder / "out"), "--jobs", "1"])
    return folder, status


def test_every_system_that_fits_runs_and_the_exact_one_equals_retraining(played, capsys):
    folder, status = played
    assert status == 0
    content = json.loads((folder / "out" / "rivals_shop.json").read_text())
    rows = content["figures"]
    assert {row["system"] for row in rows} == {"retrain", "rows_deleted", "ease_exact"}
    for row in (r for r in rows if r["system"] == "ease_exact"):
        assert row["auc"] == 0.5
        base = [r["NDCG@20"] for r in rows if r["operator"] == "retrained" and r["seed"] == row["seed"]]
        assert row["NDCG@20"] == pytest.approx(sum(base) / len(base), abs=1e-9)
    assert all(row["auc"] > 0.8 for row in rows if row["system"] == "rows_deleted")
    short = read_benchmark(folder / "out" / "main_rivals_shop.json")
    assert "figures" not in json.loads((folder / "out" / "main_rivals_shop.json").read_text())  # they stand in the other file
    assert {line["title"] for line in short["summary"]} == {"retrained", "rows deleted", "EASE, down-date"}
    assert {row["request"] for row in short["figures"]} == {"core 4 %"}
    whole = read_numbers(folder / "out" / "rivals_shop.json")
    assert {line["title"] for line in whole["lines"]} == {"rows deleted", "EASE, down-date"}
    assert all(0 < line["before"] < 1 for line in whole["lines"])
    assert {line["system"] for line in whole["summary"]} == {row["system"] for row in rows}
    assert not {"lines", "summary"} & content.keys()  # what follows from the figures is not stored beside them
    assert (folder / "out" / "rivals.html").stat().st_size > 5000


def test_a_second_run_finds_everything_stored(played, monkeypatch):
    folder, _ = played

    def none_left(waiting, *arguments, **settings):
        assert not waiting
        yield from ()

    monkeypatch.setattr("r2u_bench.rivals.bench.run_trials", none_left)
    found = run_rivals(load_preset(str(folder / "shop.yaml")), folder / "out")
    assert (found.finished, found.planned) == (8, 8)


def test_the_check_agrees_with_what_was_measured_and_fails_when_a_figure_drifts(played, capsys):
    folder, _ = played
    path = folder / "out" / "rivals_shop.json"
    check = ["bench", "rivals", "--check", "--numbers", str(path), "--jobs", "1"]
    assert main(check) == 0
    assert "6 of 6 figures agree" in capsys.readouterr().out
    content = json.loads(path.read_text())
    for row in content["figures"]:
        if row["system"] == "ease_exact":
            row["NDCG@20"] += 0.05
    (folder / "drifted.json").write_text(json.dumps(content))
    assert main([*check[:4], str(folder / "drifted.json"), "--jobs", "1"]) == 1
    assert "DRIFTED: EASE, down-date on ease, core 4 %, seed 1, NDCG@20" in capsys.readouterr().out


def test_other_data_is_refused_before_anything_is_trained(played):
    folder, _ = played
    content = json.loads((folder / "out" / "rivals_shop.json").read_text())
    content["split_hashes"]["1 train"] = "0" * 16
    (folder / "other.json").write_text(json.dumps(content))
    with pytest.raises(EvidenceError, match=r"1 of 14 parts and requests are not those of the file, the first is seed '1 train'"):
        check_numbers(folder / "other.json", say=lambda line: None)
    with pytest.raises(FileNotFoundError, match=r"there is no numbers file none.json"):
        check_numbers(folder / "none.json")


def test_drift_is_allowed_within_the_spread_of_the_recorded_seeds():
    names = {"model": "mf", "system": "a", "title": "A", "operator": "a", "request": "core 5 %"}
    recorded = [names | {"seed": seed, "NDCG@20": value, "auc": 0.5} for seed, value in ((0, 0.30), (1, 0.32), (2, 0.34))]
    (ndcg, auc) = drifts(recorded, [names | {"seed": 0, "NDCG@20": 0.335, "auc": 0.53}])
    assert (ndcg.allowed, ndcg.within) == (pytest.approx(0.04), True)
    assert (auc.allowed, auc.within) == (pytest.approx(0.02), False)
    with pytest.raises(EvidenceError, match="A on mf, core 5 %, seed 7 is not among the recorded figures"):
        drifts(recorded, [names | {"seed": 7}])
    assert str(Drift("x", 0.5, 0.6, 0.02)) == "DRIFTED: x: recorded 0.5000, now 0.6000, allowed +- 0.0200"


@pytest.mark.parametrize("name", packaged())
def test_packaged_presets_can_be_planned(name):
    preset = load_preset(name)
    assert len(preset.references(None)) > 0
    assert {spec["model"] for spec in preset.runs(None)} == set(preset.models)
    assert slice_of(preset.content, name).seeds == (preset.content["check"]["seed"],)


def test_trials_on_the_validation_part_are_other_trials():
    preset = load_preset("ml-100k-choice")
    assert "test" not in preset.settings("mf")
    assert preset.settings("mf") != Preset("p", {**preset.content, "part": "test"}).settings("mf")
    assert '"part"' not in load_preset("ml-100k").settings("mf")


def test_what_a_preset_cannot_mean_is_refused(tmp_path):
    good = load_preset("ml-100k").content

    def refused(message, **changed):
        path = tmp_path / "p.yaml"
        path.write_text(yaml.safe_dump({**good, **changed}))
        with pytest.raises(SettingsError, match=message):
            load_preset(str(path))

    refused("unknown key sedes", sedes=[1])
    refused("seeds must be set", seeds=[])
    refused("seeds must be named once each", seeds=[1, 1])
    refused("n_references must be at least 2, got 1", n_references=1)
    refused("part must be one of test, validation, got 'train'", part="train")
    refused("unknown recommender 'mff'; did you mean 'mf'", models={"mff": {}})
    refused("system ease_exact does not run on mf: it needs a recommender that is EASE", models={"mf": {"systems": ["ease_exact"]}})
    with pytest.raises(SettingsError, match="unknown preset 'ml-1000k'"):
        load_preset("ml-1000k")
    with pytest.raises(SettingsError, match="has no settings for implicit_bpr"):
        Preset("p", {**good, "models": {"mf": good["models"]["mf"]}}).narrowed(models=["implicit_bpr"])
    with pytest.raises(SettingsError, match="none of the systems ease_exact runs on any of the recommenders mf"):
        Preset("p", {**good, "models": {"mf": good["models"]["mf"]}}).narrowed(systems=["ease_exact"])
    with pytest.raises(SettingsError, match="names no slice to check"):
        slice_of({**good, "check": None}, "p")


def test_the_command_line_says_what_is_wrong(capsys):
    assert main(["bench", "rivals"]) == 2
    assert "name a data set with --dataset" in capsys.readouterr().err
    assert main(["bench", "rivals", "--dataset", "ml-100k", "--seeds", "a"]) == 2
    assert "--seeds takes whole numbers such as 0,1,2, got 'a'" in capsys.readouterr().err
    assert main(["bench", "rivals", "--dataset", "ml-100k", "--systems", "newtn"]) == 1
    assert "unknown system 'newtn'; did you mean 'newton'" in capsys.readouterr().err
    assert main(["bench", "rivals", "--list"]) == 0
    listed = capsys.readouterr().out
    assert "receraser" in listed
    assert "reads retained" in listed

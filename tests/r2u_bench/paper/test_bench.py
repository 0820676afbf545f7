"""From experiments to files: shared trials run once, a later call goes on, and what goes wrong in one figure stays there."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from paper_toys import FAILING, NOWHERE, PRESET, TOY, UNDRAWN, spec
from r2u_bench.paper.bench import planned, run_bench
from r2u_bench.paper.digest import MARK, digest, main, rewritten
from r2u_bench.paper.pages import INDEX, write_page
from r2u_bench.paper.record import read_record, read_records

from r2u_rec.errors import SettingsError
from r2u_rec.report import read_benchmark


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """The folder, how each experiment ended, and what was run: every trial leaves a line in the log."""
    folder = tmp_path_factory.mktemp("bench")
    preset = replace(PRESET, sections={"image": {"log": str(folder / "log")}})
    said: list[str] = []
    for name in ("undrawn.png", "nowhere.svg"):
        (folder / name).write_text("of an earlier run")
    ended = run_bench([TOY, UNDRAWN, NOWHERE, FAILING], preset, folder, jobs=1, say=said.append, command="r2u bench paper --preset small")
    return folder, {one.name: one for one in ended}, said, preset


def test_two_experiments_that_plan_the_same_trials_share_them(bench):
    assert sorted((bench[0] / "log").read_text().split("\n")) == ["", "repaired 0", "repaired 1", "standard 0", "standard 1"]
    record = read_record(bench[0] / "toy.json")
    assert record["trials"].keys() == read_record(bench[0] / "undrawn.json")["trials"].keys()


def test_the_file_has_the_form_of_every_benchmark_with_the_verdict_beside_it(bench):
    record = read_benchmark(bench[0] / "toy.json")
    assert record["command"] == "r2u bench paper --preset small toy"
    assert record["seeds"] == [0, 1]
    assert {"versions", "machine", "summary", "notes"} <= record.keys()
    assert record["settings"]["preset"] == "small"
    assert record["settings"]["varied"] == {"arm": ["standard", "repaired"], "seed": [0, 1]}
    assert [row["value"] for row in record["figures"] if row["settings"] == "standard"] == [120, 121]
    assert [(line["settings"], line["n"], line["value"]["mean"]) for line in record["summary"]] == [
        ("repaired", 2, 24.5),
        ("standard", 2, 120.5),
    ]
    (claim,) = record["verdict"]["claims"]
    assert claim["findings"][0]["outcome"] == "agrees"
    assert claim["findings"][0]["tests"]["two_sided"] == 0
    rows = [row for each in record["trials"].values() for row in each["rows"]]
    assert [row["what"] for row in rows] == ["summary"] * 4  # curves stay in the trials' own files


def test_an_edited_figure_is_found_out(bench, tmp_path):
    record = json.loads((bench[0] / "toy.json").read_text())
    record["figures"][0]["value"] += 1
    (tmp_path / "toy.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match="does not follow from its figures"):
        read_record(tmp_path / "toy.json")


def test_every_experiment_says_how_it_ended(bench):
    _, ended, said, _ = bench
    assert ended["toy"].well
    assert ended["toy"].headline == "of 1 claim: with the repaired settings 1 agrees."
    assert not ended["undrawn"].well
    assert "could not be drawn: KeyError: 'the column that I wanted'" in ended["undrawn"].headline
    assert ended["nowhere"].well  # data that is not to be had is nobody's mistake
    assert ended["nowhere"].headline == "not drawn: nowhere is not to be had here."
    assert [failure.spec["seed"] for failure in ended["failing"].failures] == [1]
    assert {line.partition(":")[0] for line in said} == set(ended)


def test_pictures_are_there_only_where_something_was_measured(bench):
    names = {path.name for path in bench[0].iterdir()}
    assert {"toy.json", "toy.png", "toy.svg", "toy.html", "nowhere.json", "nowhere.html", "undrawn.failed.txt"} <= names
    assert not {"nowhere.png", "nowhere.svg", "undrawn.png"} & names


def test_the_page_shows_the_verdict_and_the_picture_in_its_own_colours(bench):
    page = bench[1]["toy"].page.read_text().replace("\u00a0", " ")
    for wanted in ("Steps of toys", "Fewer steps.", "n = 4 trials; seeds 0, 1.", "repaired settings", "24.5 ± 0.707 (n = 2)"):
        assert wanted in page
    for wanted in ("standard 120.5 ± 0.707 (n = 2)", "paired t, n = 2", "agrees", "r2u bench paper --preset small toy"):
        assert wanted in page
    assert '<path fill="var(--s0, #0067a5)"/>' in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_the_page_says_in_plain_words_what_is_not_there(bench):
    page = bench[1]["nowhere"].page.read_text()
    assert "nowhere (2 trials): nowhere: no source gives it: name its folder. To do: see `r2u datasets`" in page
    assert "<svg" not in page
    page = bench[1]["failing"].page.read_text()
    assert "1 trial failed" in page
    assert "run toy standard seed 1: ValueError: lr must be positive, got -1: raise it. To do: the traceback is in" in page


def test_one_page_holds_all_experiments_those_of_the_paper_first(bench):
    records = read_records(bench[0])
    assert [record["name"] for record in records] == ["failing", "toy", "undrawn", "nowhere"]
    page = write_page(records, bench[0], bench[0] / INDEX).read_text()
    assert page.count("<section") == 4
    assert page.count("<svg") == 2  # toy, and the trial of failing that finished
    assert '<a href="#nowhere">' in page


def test_a_later_call_runs_nothing_again_but_what_failed(bench):
    folder, _, _, preset = bench
    (folder / "toy.png").unlink()
    said: list[str] = []
    run_bench([TOY], preset, folder, jobs=1, say=said.append)
    assert len((folder / "log").read_text().split()) == 8
    assert (folder / "toy.png").is_file()
    (again,) = run_bench([FAILING], preset, folder, jobs=1, say=said.append)
    assert len(again.failures) == 1


def test_only_the_trials_of_one_data_set_are_run_when_asked_for(tmp_path):
    both = replace(
        TOY,
        plan=lambda preset: [spec(arm, seed, data) for data in ("toy", "nowhere") for arm in ("standard", "repaired") for seed in (0, 1)],
    )
    (ended,) = run_bench([both], PRESET, tmp_path, jobs=1, only_data="toy", say=lambda line: None)
    assert ended.well
    record = read_record(tmp_path / "toy.json")
    assert (len(record["trials"]), record["n_planned"], record["missing"]) == (4, 8, [])
    assert "n = 4 trials of 8 planned" in ended.page.read_text()
    with pytest.raises(SettingsError, match="no trial is on mnist: there are nowhere, toy"):
        run_bench([both], PRESET, tmp_path, only_data="mnist")


def test_an_experiment_without_trials_is_refused():
    with pytest.raises(SettingsError, match="toy plans no trial with preset small"):
        planned(replace(TOY, plan=lambda preset: []), PRESET)


def test_a_folder_without_experiments_has_no_page(tmp_path):
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(FileNotFoundError, match="holds no experiment yet"):
        read_records(tmp_path)


def test_a_draw_that_writes_no_picture_is_told(tmp_path):
    (ended,) = run_bench([replace(TOY, draw=lambda rows, path: None)], replace(PRESET, n_trials=1), tmp_path, jobs=1, say=lambda line: None)
    assert "draw wrote no .png and .svg" in ended.trouble


@pytest.mark.parametrize(("change", "said"), [({"name": "Fig 3"}, "lower-case"), ({"caption": " "}, "has no caption")])
def test_an_experiment_that_could_not_be_read_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        replace(TOY, **change)


def test_the_digest_says_claims_outcomes_targets_and_what_is_missing_and_keeps_what_is_written_by_hand(bench, tmp_path):
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper" / "toy.png").write_bytes(b"")
    made = digest(read_records(bench[0]), tmp_path / "paper")
    assert "(paper/toy.png)" in made
    assert "(paper/undrawn.png)" not in made
    rows = [line.split(" | ") for line in made.splitlines() if "| the repaired settings |" in line]
    assert ("24.5 ± 0.707 (n = 2)", "agrees |") in [(row[3], row[-1]) for row in rows]
    assert "not to be had" in made
    path = tmp_path / "paper.md"
    path.write_text(f"By hand.\n\n{MARK}of old")
    assert main([str(path), str(bench[0])]) == 0
    assert path.read_text() == f"By hand.\n\n{MARK}\n{made}"
    with pytest.raises(ValueError, match="there is no line"):
        rewritten("By hand.", made)

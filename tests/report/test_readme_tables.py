"""Benchmark files hold every figure and its spread, and the README's tables follow from them."""

from __future__ import annotations

import json
import statistics

import pytest

from r2u_rec.errors import EvidenceError
from r2u_rec.report import read_benchmark, write_benchmark
from r2u_rec.report.benchmark_results import viewed
from r2u_rec.report.readme_tables import differences, filled, main

README = "# Title\n\n<!-- table:speed -->\nold\n<!-- /table -->\n\nend\n"


@pytest.fixture
def results(tmp_path):
    figures = [{"scorer": name, "seed": s, "seconds": base + s} for name, base in (("blend", 30.0), ("churn", 1.0)) for s in (1, 2, 6)]
    write_benchmark(
        tmp_path / "results",
        "speed",
        question="How long?",
        command="r2u bench speed",
        settings={"n": 5},
        seeds=[1, 2, 6],
        figures=figures,
        by=["scorer"],
        columns=["seconds"],
        split_hashes={"train": "abc"},
        notes=["The machine was busy."],
    )
    return tmp_path / "results"


def test_a_benchmark_file_states_where_its_figures_come_from(results):
    content = read_benchmark(results / "speed.json")
    assert {"settings", "versions", "machine", "seeds", "split_hashes", "figures", "summary", "command"} <= set(content)
    assert len(content["figures"]) == 6
    seconds = content["summary"][0]["seconds"]
    assert seconds["mean"] == 33
    assert seconds["median"] == 32
    assert seconds["sd"] == pytest.approx(statistics.stdev([31, 32, 36]))
    assert (seconds["lowest"], seconds["highest"], seconds["n"]) == (31, 36, 3)


def test_a_file_without_a_summary_is_summarised_when_it_is_read(results):
    content = json.loads((results / "speed.json").read_text())
    stored = content.pop("summary")
    (results / "short.json").write_text(json.dumps(content))
    assert read_benchmark(results / "short.json")["summary"] == stored


def test_a_table_may_stand_on_some_figures_of_another_file(tmp_path):
    figures = [{"system": s, "title": s[0], "size": n, "seed": 0, "seconds": n + len(s) / 3} for s in ("a", "a x=1") for n in (1, 5)]
    about = {"command": "c", "settings": {}, "seeds": [0]}
    write_benchmark(tmp_path, "all", question="?", figures=figures, by=["system", "size"], columns=["seconds"], summarised=False, **about)
    view = {"file": "all", "where": {"size": [5]}, "keys": ["title", "seconds"], "renamed": {"title": {"a x=1": "a (x=1)"}}, "digits": 3}
    shown = viewed(figures, view)
    write_benchmark(tmp_path, "main", question="?", figures=shown, by=["title"], columns=["seconds"], figures_of=view, **about)
    assert "figures" not in json.loads((tmp_path / "main.json").read_text())
    assert read_benchmark(tmp_path / "main.json")["figures"] == [{"title": "a", "seconds": 5.33}, {"title": "a (x=1)", "seconds": 6.67}]
    content = json.loads((tmp_path / "all.json").read_text())
    content["figures"][1]["seconds"] = 9.0
    (tmp_path / "all.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"main.json: the summary's seconds of \['a'\] does not follow from its figures"):
        read_benchmark(tmp_path / "main.json")


def test_the_readme_is_filled_from_the_file_and_then_agrees_with_it(results):
    assert differences(README, results) == ["speed"]
    new = filled(README, results)
    assert "| blend | 33.00 ± 2.65 | 3 |" in new
    assert "`r2u bench speed`" in new
    assert "3 seeds (1, 2, 6)" in new
    assert "- The machine was busy." in new
    assert new.startswith("# Title\n\n<!-- table:speed -->\n")
    assert new.endswith("<!-- /table -->\n\nend\n")
    assert differences(new, results) == []
    assert filled(new, results) == new


def test_one_changed_figure_in_the_readme_or_in_the_file_is_found(results):
    new = filled(README, results)
    assert differences(new.replace("33.00", "32.00"), results) == ["speed"]
    path = results / "speed.json"
    content = json.loads(path.read_text())
    content["figures"][0]["seconds"] = 10.0
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"speed.json: the summary's seconds of \['blend'\] does not follow from its figures"):
        differences(new, results)


def test_a_mark_without_partner_and_a_table_without_file_are_errors(results):
    with pytest.raises(ValueError, match=r"3 table marks, of which 2 pair up: close each"):
        filled(README + "<!-- table:other -->", results)
    with pytest.raises(FileNotFoundError, match=r"other\.json is not among the results in results: run the benchmark"):
        filled(README.replace("table:speed", "table:other"), results)


def test_another_schema_version_is_refused(results):
    path = results / "speed.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 7}))
    with pytest.raises(ValueError, match="schema version 7, this program reads 1"):
        read_benchmark(path)


def test_a_benchmark_about_forgetting_needs_its_references(tmp_path, rows):
    options = {"question": "?", "command": "c", "settings": {}, "seeds": [1], "by": ["arm", "operator"], "columns": ["auc"]}
    with pytest.raises(EvidenceError, match="retrained references"):
        write_benchmark(tmp_path, "x", figures=[r for r in rows if r["operator"] != "retrained"], **options)
    assert list(tmp_path.iterdir()) == []
    write_benchmark(tmp_path, "x", figures=rows, **options)
    read_benchmark(tmp_path / "x.json")


def test_the_command_fills_or_checks(results, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(README)
    assert main(["--check", str(readme), str(results)]) == 1
    assert "differs: speed" in capsys.readouterr().out
    assert readme.read_text() == README
    assert main([str(readme), str(results)]) == 0
    assert main(["--check", str(readme), str(results)]) == 0
    assert "all tables agree" in capsys.readouterr().out
    assert main(["one"]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_readme_s_tables_agree_with_the_committed_results(checkout):
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    assert differences(readme, checkout / "benchmarks" / "results") == [], (
        "run: python -m r2u_rec.report.readme_tables README.md benchmarks/r2u_bench/results"
    )

"""The example of a package from outside: what its pyproject.toml names is found, listed and run."""

from __future__ import annotations

import tomllib

import pytest
from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.systems.registry import chosen, recommender, recommenders, systems
from r2u_bench.rivals.trial import forgotten
from small_study import MF, settings, small_study


@pytest.fixture
def installed(checkout, tmp_path, monkeypatch):
    """As pip leaves it: the module on the path, and the entry points of its pyproject.toml in the metadata beside."""
    folder = checkout / "examples" / "plugin"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = tmp_path / "r2u_rec_plugin_example-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()) for group, points in project["entry-points"].items()]
    (info / "entry_points.txt").write_text("\n".join(groups))
    for path in (tmp_path, folder):
        monkeypatch.syspath_prepend(path)
    systems.cache_clear(), recommenders.cache_clear()
    yield
    systems.cache_clear(), recommenders.cache_clear()


def test_the_example_package_takes_part_like_any_other(installed, tmp_path, capsys):
    from r2u_bench.rivals.command import run

    assert run(["--list"]) == 0
    listed = capsys.readouterr().out
    assert "towards_the_mean" in listed
    assert "mf_bce" in listed
    study = small_study()
    made, line = recommender("mf_bce"), chosen("towards_the_mean share=0.05")
    case = BenchmarkContext(study, made.name, made.recipe(MF), settings(MF), tmp_path / "models", n_halves=1)
    method = line.system.build(case, line.options).method
    fitted = method.fit(case.task, study.records, seed=0)
    rows = forgotten(case, line, method, case.task, fitted, "core 4 %")
    assert rows[0]["NDCG@20"] > 0
    assert fitted.memory.length >= 0

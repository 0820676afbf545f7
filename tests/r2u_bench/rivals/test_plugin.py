"""The example of a package from outside: what its pyproject.toml names is found, listed, run in the benchmark, and forgets."""

from __future__ import annotations

import tomllib

import pytest
from r2u_bench.rivals.context import BenchmarkContext
from r2u_bench.rivals.systems.registry import chosen, recommender
from r2u_bench.rivals.trial import forgotten
from small_study import MF, settings, small_study

from r2u_rec.api.runs import read_run
from r2u_rec.registry import METHODS, MODELS


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
    for registry in (METHODS, MODELS):  # entry points are read once a process
        monkeypatch.setattr(registry, "_installed", None)
        monkeypatch.setattr(registry, "_specs", dict(registry._specs))


@pytest.mark.usefixtures("installed")
def test_the_example_package_takes_part_in_the_benchmark_like_any_other(tmp_path, r2u):
    listed = r2u("bench", "rivals", "--list").out
    assert "towards_the_mean         rows towards their mean: an example" in listed
    assert "mf_bce                   MF, cross-entropy: an example" in listed
    study, line = small_study(), chosen("towards_the_mean share=0.05")
    case = BenchmarkContext(study, recommender("mf_bce").name, settings(MF), tmp_path / "models", n_halves=1)
    assert (case.task.loss, case.task.reg, case.fit().training.epochs) == ("bce", 0.01, 12)
    method = line.system.build(case, line.options).method
    fitted = method.fit(case.task, study.records, seed=0)
    rows = forgotten(case, line, method, case.task, fitted, "core 4 %")
    assert rows[0]["NDCG@20"] > 0
    assert fitted.memory.length >= 0


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("model", ["mf", "mf_bce"])
def test_the_command_line_trains_with_the_example_package_and_forgets_by_it(model, ratings, tmp_path, r2u):
    flags = [f"--model.name={model}", "--model.embedding_dim=8", "--training.epochs=8", "--training.batch_size=512", "--training.lr=0.02"]
    flags += ["--forget.method=towards_the_mean", "--forget.towards_the_mean.share=0.1", "--forget.smallest_batch=1"]
    said = r2u("train", f"--data.path={ratings}", *flags, "--out", tmp_path / "trained")
    assert said.status == 0, said.err
    said = r2u("forget", tmp_path / "trained", "--users=u3,u8,u21", "--out", tmp_path / "after")
    assert said.status == 0, said.err
    assert "by towards_the_mean (approximate" in said.out
    before, after = (read_run(tmp_path / name)[0].trained.fitted.model.tables()[1].var(0).sum() for name in ("trained", "after"))
    assert after < 0.95 * before  # item rows lie closer together; where only users are deleted, they stay where they were

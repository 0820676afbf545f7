"""What a wheel of the project holds, for who installs it without a checkout."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import yaml


@pytest.mark.slow  # pip makes an isolated environment for the build
def test_the_wheel_holds_cards_presets_templates_and_every_module(checkout, tmp_path):
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(checkout)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"r2u_rec/datasets/{path.name}" for path in (checkout / "datasets").iterdir()}
    wanted |= {str(path.relative_to(checkout)) for path in (checkout / "r2u_rec").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    bench = checkout / "benchmarks"
    wanted |= {str(path.relative_to(bench)) for path in bench.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert wanted <= held
    assert {name.split("/")[0] for name in held if ".dist-info" not in name} == {"r2u_rec", "r2u_bench"}


def test_every_constraint_is_an_exact_version_that_any_index_can_serve(checkout):
    lines = [line for line in (checkout / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert all(line.count("==") == 1 and "+" not in line and "@" not in line for line in lines), lines
    assert "torch==2.13.0" in lines


@pytest.mark.slow  # as above
def test_the_source_distribution_holds_what_its_tests_need(checkout, tmp_path):
    subprocess.run([sys.executable, "-m", "build", "--sdist", "-o", str(tmp_path), str(checkout)], check=True, capture_output=True)
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {"tests/conftest.py", "constraints.txt", "Makefile", "CITATION.cff", "SECURITY.md", "docs/paper.md", ".ci/run"} <= held
    assert {name.split("/")[0] for name in held} & {".git", ".venv", "runs", "dist"} == set()


@pytest.fixture(scope="module")
def resolving(checkout) -> ModuleType:
    spec = importlib.util.spec_from_file_location("resolve", checkout / ".ci" / "resolve.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def a_wheel(folder: Path) -> Path:
    """Writes a wheel of metadata alone."""
    lines = [
        "Metadata-Version: 2.4",
        "Name: r2u-rec",
        "Version: 1",
        "Provides-Extra: old",
        "Provides-Extra: dev",
        "Requires-Dist: torch>=2.13",
    ]
    lines += ["Requires-Dist: recbole; (python_version < '3.12') and extra == 'old'", "Requires-Dist: r2u-rec[old]; extra == 'dev'"]
    with zipfile.ZipFile(folder / "a.whl", "w") as archive:
        archive.writestr("r2u_rec-1.dist-info/METADATA", "\n".join([*lines, "Requires-Dist: pytest; extra == 'dev'", ""]))
    return folder / "a.whl"


@pytest.mark.parametrize(("python", "names"), [("3.11", ["torch", "recbole"]), ("3.13", ["torch"])])
def test_what_a_wheel_asks_for_depends_on_the_interpreter(resolving, tmp_path, python, names):
    assert [requirement.name for requirement in resolving.requirements(a_wheel(tmp_path), python)] == names


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Because only torch<=2.15.0 is available and r2u-rec depends on torch>=99, your requirements are unsatisfiable.", 1),
        ("error: Request failed after 3 retries in 3.8s\n  cause: Failed to fetch: https://index.example/simple/rich/", 2),
    ],
)
def test_an_index_without_an_answer_is_told_from_a_missing_release(resolving, said, status):
    assert resolving.asked([sys.executable, "-c", f"import sys; sys.exit({said!r})"])[0] == status


def test_every_supported_interpreter_is_named_wherever_interpreters_are(checkout):
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    named = [found[1] for line in project["classifiers"] if (found := re.search(r":: Python :: (3\.\d+)$", line))]
    jobs = yaml.safe_load((checkout / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert project["requires-python"] == f">={named[0]}"
    assert jobs["smoke"]["strategy"]["matrix"]["python"] == named
    assert " ".join(named[1:]) in (checkout / ".ci" / "run").read_text()
    assert " ".join(named) in (checkout / ".ci" / "pythons").read_text()


def test_only_the_package_says_its_version(checkout):
    assert "version" in tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["dynamic"]
    assert "version" not in yaml.safe_load((checkout / "CITATION.cff").read_text())

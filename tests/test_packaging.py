"""What a wheel of the project holds, for who installs it without a checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest


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

"""r2u bench: the benchmark scripts of a checkout, the experiments of the paper, and the benchmark of rivals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import r2u_rec
from r2u_rec.cli.parse import UsageError, nearest
from r2u_rec.errors import SettingsError

PAPER, RIVALS = "paper", "rivals"
"""No scripts: they work without a checkout."""


def run(argv: Sequence[str]) -> int:
    """Lists the benchmarks, or runs one, or the paper's experiments, with the arguments that follow the name."""
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: r2u bench --list | r2u bench NAME [arguments of the script] | r2u bench paper NAME ... | r2u bench rivals [flags]")
        print("\nRuns a benchmark of the checkout that r2u_rec is installed from; experiments of the paper (r2u bench paper --help);")
        print("or every system against every other (r2u bench rivals --help).")
        return 0
    if argv[0] == PAPER:
        from r2u_rec.cli import paper

        return paper.run(argv[1:])
    if argv[0] == RIVALS:
        from r2u_rec.cli import rivals

        return rivals.run(argv[1:])
    scripts = benchmarks()
    if argv[0] == "--list":
        for name, path in scripts.items():
            print(f"{name:<24} {_first_line(path)}")
        return 0
    known = [*scripts, PAPER, RIVALS]
    if argv[0] not in scripts:
        raise UsageError(f"unknown benchmark {argv[0]!r}{nearest(argv[0], known)}; there are {', '.join(known)}")
    return subprocess.run([sys.executable, str(scripts[argv[0]]), *argv[1:]], check=False).returncode


def benchmarks(package: Path | None = None) -> dict[str, Path]:
    """Returns the benchmark scripts by name; SettingsError when r2u_rec is not installed from a checkout."""
    checkout = (Path(r2u_rec.__file__).resolve().parent if package is None else package).parent
    if not (checkout / "pyproject.toml").is_file() or not (checkout / "benchmarks").is_dir():
        raise SettingsError(
            "benchmarks are part of a checkout, and this r2u_rec is installed without one: clone the project, then `make install`"
        )
    return {path.stem: path for path in sorted((checkout / "benchmarks").glob("*.py")) if path.with_suffix(".yaml").is_file()}


def results_folder(package: Path | None = None) -> Path:
    """Returns the folder of committed results; SettingsError when r2u_rec is not installed from a checkout."""
    return next(iter(benchmarks(package).values())).parent / "results"


def _first_line(path: Path) -> str:
    import ast

    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]

"""r2u bench: the experiments of every installed package that names them, our own among them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from r2u_rec.config.errors import UsageError
from r2u_rec.errors import SettingsError
from r2u_rec.optional import needed_for
from r2u_rec.suggest import unknown

GROUP = "r2u_rec.benchmarks"
"""Entry points of benchmarks: name = "module:function", a function of the arguments after the name that returns an exit status or None."""


def run(argv: Sequence[str]) -> int:
    """Lists the benchmarks, or runs one with the arguments that follow its name."""
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: r2u bench --list | r2u bench NAME [flags]")
        print("\nRuns an experiment; r2u bench NAME --help shows its flags. `paper` repeats the figures of the paper, `rivals` holds")
        print("every system against every other, the others are the studies behind the documentation's figures.")
        return 0
    there = benchmarks()
    if argv[0] == "--list":
        for name, point in there.items():
            print(f"{name:<24} {_first_line(point)}")
        return 0
    if argv[0] not in there:
        raise UsageError(unknown("benchmark", argv[0], there))
    with needed_for(f"r2u bench {argv[0]}"):
        return int(there[argv[0]].load()(list(argv[1:])) or 0)


def benchmarks() -> dict[str, EntryPoint]:
    """Returns the benchmarks by name; SettingsError when two packages bring one of the same name."""
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.name in found:
            raise SettingsError(f"{point.value} and {found[point.name].value} are both the benchmark {point.name!r}: uninstall one")
        found[point.name] = point
    return found


def _first_line(point: EntryPoint) -> str:
    """Returns what the module of a benchmark says it measures, without importing it."""
    import ast
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec(point.module)
    if spec is None or spec.origin is None:
        return f"not installed: {point.value}"
    return (ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or "").partition("\n")[0]

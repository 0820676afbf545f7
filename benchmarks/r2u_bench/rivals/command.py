"""r2u bench rivals: every system on the same footing, one table and page; and the check of the committed numbers."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from r2u_rec.cli.command import Command
from r2u_rec.cli.runs import RUNS
from r2u_rec.config.errors import UsageError

if TYPE_CHECKING:
    from r2u_bench.rivals.preset import Preset

PAGE = "rivals.html"
RESULTS = Path(__file__).resolve().parents[1] / "results"
"""The committed figures."""


def run(argv: Sequence[str]) -> int:
    """Lists systems and recommenders, runs them on a data set, or checks committed numbers; 1 when a trial failed or a figure drifted."""
    command = Command("bench rivals", "Holds every system of recommendation unlearning against retraining, on the same footing.")
    parser = command.parser
    parser.add_argument("--list", action="store_true", help="list systems, recommenders, and which run on which")
    parser.add_argument("--dataset", type=str, default=None, metavar="NAME", help="run the preset of this name: ml-100k, ml-1m, ...")
    parser.add_argument("--preset", type=str, default=None, metavar="NAME", help="another preset, or a .yaml file, in place of --dataset")
    parser.add_argument("--models", type=str, default=None, metavar="LIST", help="only these recommenders, a,b,c")
    parser.add_argument("--systems", type=str, default=None, metavar="LIST", help="only these systems, a,b,'sisa shards=4'")
    parser.add_argument("--requests", type=str, default=None, metavar="LIST", help="only these requests, 'random 5 %%,core 1 %%'")
    parser.add_argument("--seeds", type=str, default=None, metavar="LIST", help="other seeds than the preset's, 0,1,2")
    parser.add_argument("--out", type=str, default=None, metavar="FOLDER", help="where all files go (default: runs/rivals-NAME)")
    parser.add_argument("--jobs", type=int, default=None, metavar="N", help="trials at once (default: cores)")
    parser.add_argument("--check", action="store_true", help="run a small slice again; fail when a figure drifts out of its spread")
    parser.add_argument("--numbers", type=str, default=None, metavar="FILE", help="check: the numbers file (default: that of the checkout)")
    given = command.parse(argv).options
    if given.list:
        _list()
        return 0
    if given.check:
        return _check(given)
    name = given.preset or given.dataset
    if name is None:
        raise UsageError("name a data set with --dataset, such as ml-100k; r2u bench rivals --list shows what takes part")

    from r2u_bench.rivals.preset import load_preset

    preset = load_preset(name).narrowed(
        models=_words(given.models), systems=_words(given.systems), requests=_words(given.requests), seeds=_seeds(given.seeds)
    )
    return _run(preset, given, name)


def _run(preset: Preset, given: Namespace, name: str) -> int:
    from r2u_bench.rivals.bench import run_rivals
    from r2u_bench.rivals.numbers import write_numbers
    from r2u_bench.rivals.page import write_page
    from r2u_bench.rivals.terminal import print_lines

    out = Path(given.out) if given.out else RUNS / f"rivals-{preset.name}"
    found = run_rivals(preset, out, jobs=_jobs(given))
    for line in found.failures:
        print(f"r2u: {line}")
    command = _command(given, name)
    numbers = write_numbers(found, out, command=command)
    print_lines(found)
    print(f"{found.finished} of {found.planned} trials, {found.seconds / 60:.0f} minutes of trials in all")
    print(f"numbers: {numbers.resolve()}\npage: {write_page(found, out / PAGE, command=command).resolve()}")
    return 0 if found.finished == found.planned and not found.figures.failed else 1


def _list() -> None:
    from r2u_bench.rivals.systems.registry import recommenders, systems
    from r2u_rec.registry.specs import FAMILIES

    models = recommenders()
    print("Recommenders")
    for model in models.values():
        print(f"  {model.name:<24} {model.title}: {model.source}" + (f" (needs the extra {model.extra})" if model.extra else ""))
    for family, title in FAMILIES.items():
        mine = [system for system in systems().values() if system.family == family]
        if not mine:
            continue
        print(f"\n{title}")
        for system in mine:
            fits = [name for name, model in models.items() if not system.lacks(model)]
            options = "  " + " ".join(f"{key}={value}" for key, value in system.options.items()) if system.options else ""
            print(
                f"  {system.name:<24} {system.title}: {system.source}\n{'':27}reads {system.reads}; on {', '.join(fits) or 'none'}{options}"
            )


def _check(given: Namespace) -> int:
    from r2u_bench.rivals.numbers import check_numbers

    path = Path(given.numbers) if given.numbers else RESULTS / f"rivals_{given.dataset or 'ml-100k'}.json"
    found = check_numbers(path, jobs=_jobs(given))
    for drift in found:
        print(drift)
    n = sum(not drift.within for drift in found)
    print(f"{len(found) - n} of {len(found)} figures agree with {path.name}")
    return 1 if n else 0


def _jobs(given: Namespace) -> int:
    from r2u_rec.report.provenance import machine_kind

    return int(machine_kind()["cores"]) if given.jobs is None else given.jobs


def _words(text: str | None) -> list[str] | None:
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


def _seeds(text: str | None) -> list[int] | None:
    try:
        return None if text is None else [int(word) for word in text.split(",")]
    except ValueError:
        raise UsageError(f"--seeds takes whole numbers such as 0,1,2, got {text!r}") from None


def _command(given: Namespace, name: str) -> str:
    """The command line that gives the same figures; where files go and how fast is left out."""
    words = ["r2u bench rivals", f"--preset {name}" if given.preset else f"--dataset {name}"]
    for flag in ("models", "systems", "requests", "seeds"):
        value = getattr(given, flag)
        words += [f"--{flag} '{value}'" if " " in value else f"--{flag} {value}"] if value is not None else []
    return " ".join(words)

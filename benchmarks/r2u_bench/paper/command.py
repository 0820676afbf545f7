"""r2u bench paper: the paper's figures and tables, each a command that ends with a verdict."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from r2u_rec.cli.command import Command
from r2u_rec.cli.runs import RUNS
from r2u_rec.config.errors import UsageError

if TYPE_CHECKING:
    from r2u_bench.paper.preset import Preset

SHOWN_FAILURES = 10


def run(argv: Sequence[str]) -> int:
    """Lists the experiments, or runs those named; 1 when a trial failed or an experiment could not be judged or drawn."""
    command = Command("bench paper", "Runs experiments of the paper: each writes JSON, a picture, and a page with a verdict.")
    parser = command.parser
    parser.add_argument("names", nargs="*", default=[], metavar="NAME", help="experiments, or all of them: all")
    parser.add_argument("--list", action="store_true", help="list the experiments and how many of their trials are stored")
    parser.add_argument("--preset", type=str, default="quick", metavar="NAME", help="quick, full, or a .yaml file (default: quick)")
    parser.add_argument("--trials", type=int, default=None, metavar="N", help="trials of every setting, in place of the preset's")
    parser.add_argument("--only-data", type=str, default=None, metavar="NAME", help="run only the trials on this data set")
    parser.add_argument("--out", type=str, default=None, metavar="FOLDER", help="where all files go (default: runs/paper-PRESET)")
    parser.add_argument("--jobs", type=int, default=None, metavar="N", help="trials at once (default: cores / threads)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="processor threads of a trial (default: 1)")
    parser.add_argument("--device", type=str, default="cpu", metavar="NAME", help="torch device (default: cpu)")
    parser.add_argument("--page", action="store_true", help="write one page over all experiments in the folder")
    given = command.parse(argv).options
    if not given.names and not given.list and not given.page:
        raise UsageError("name an experiment, such as fig3, or all; r2u bench paper --list shows them")

    from r2u_bench.paper.catalogue import EXPERIMENTS
    from r2u_bench.paper.preset import load_preset

    preset = load_preset(given.preset, experiments=EXPERIMENTS, n_trials=given.trials)
    out = Path(given.out) if given.out else RUNS / f"paper-{preset.name}"
    if given.list:
        _list(given.names or ["all"], preset, out)
        return 0
    status = _run(given, preset, out) if given.names else 0
    if given.page:
        from r2u_bench.paper.pages import INDEX, write_page
        from r2u_bench.paper.record import read_records

        print(f"page: {write_page(read_records(out), out, out / INDEX).resolve()}")
    return status


def _list(names: Sequence[str], preset: Preset, out: Path) -> None:
    from r2u_bench.paper.bench import planned
    from r2u_bench.paper.catalogue import experiments
    from r2u_rec.trials.store import read_trial

    for experiment in experiments(names):
        keys = planned(experiment, preset)
        stored = sum(read_trial(out, key) is not None for key in keys)
        where = "" if experiment.in_paper else " (beyond the paper)"
        print(f"{experiment.name:<12} {stored:>4} of {len(keys):>4} trials stored  {experiment.title}{where}")


def _run(given: Namespace, preset: Preset, out: Path) -> int:
    from r2u_bench.paper.bench import run_bench
    from r2u_bench.paper.catalogue import experiments
    from r2u_rec.report.provenance import machine_kind
    from r2u_rec.trials.store import spec_in_words

    jobs = max(1, int(machine_kind()["cores"]) // max(given.threads, 1)) if given.jobs is None else given.jobs
    ended = run_bench(
        experiments(given.names),
        preset,
        out,
        jobs=jobs,
        threads=given.threads,
        device=given.device,
        only_data=given.only_data,
        command=_command(given),
    )
    for one in ended:
        print(f"{one.name}: {one.headline}\n     {one.page.resolve()}")
    failures = {failure.key: failure for one in ended for failure in one.failures}
    for failure in list(failures.values())[:SHOWN_FAILURES]:
        print(f"r2u: {spec_in_words(failure.spec)} failed: {failure.error}\n     {failure.remedy}", file=sys.stderr)
    if len(failures) > SHOWN_FAILURES:
        print(f"r2u: and {len(failures) - SHOWN_FAILURES} more trials failed: see the pages", file=sys.stderr)
    return 0 if all(one.well for one in ended) else 1


def _command(given: Namespace) -> str:
    """The command line that gives the same figures, without the names; where files go and how fast is left out."""
    flags = [f"--preset {given.preset}", *([f"--trials {given.trials}"] if given.trials is not None else [])]
    return " ".join(["r2u bench paper", *flags, *([f"--device {given.device}"] if given.device != "cpu" else [])])

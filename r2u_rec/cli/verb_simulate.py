"""r2u simulate: a stream of deletion requests over time, and the policies that could answer it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from r2u_rec.cli.parse import parse, settings_of, settings_parser
from r2u_rec.cli.runs import folder_for


def run(argv: Sequence[str]) -> int:
    """Plays the stream against every policy and writes tables, page and settings into a folder; resumes what was stopped."""
    parser = settings_parser(
        "simulate",
        "Plays a stream of deletion requests against policies: what each costs, what it leaves behind, which to choose.",
        ("simulate", "data", "model", "training", "prepare", "forget", "revocability"),
    )
    parser.add_argument(
        "--out", default=None, metavar="FOLDER", help="the folder; by default runs/simulate-<date and time>; one that was begun is resumed"
    )
    parser.add_argument("--jobs", type=int, default=None, metavar="N", help="trainings and policies at once (default: cores)")
    given = parse(parser, argv)
    s, out = settings_of(given), folder_for(given.out, "simulate")

    from r2u_rec.cli.simulation import PAGE_FILE, run_simulation
    from r2u_rec.report.provenance import machine_kind
    from r2u_rec.report.simulation.advice import advise
    from r2u_rec.report.simulation.table import print_choose_table

    jobs = int(machine_kind()["cores"]) if given.jobs is None else given.jobs
    simulation, failures = run_simulation(s, out, jobs=jobs)
    for failure in failures:
        print(f"r2u: {failure}", file=sys.stderr)
    if simulation is None:
        return 1
    print(advise(simulation).sentence)
    print_choose_table(simulation)
    print(f"page: {(Path(out) / PAGE_FILE).resolve()}")
    return 1 if failures else 0

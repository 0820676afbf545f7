"""r2u simulate: a stream of deletion requests over time, and the policies that could answer it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from r2u_rec.cli.command import Command
from r2u_rec.cli.runs import folder_for

SECTIONS = ("simulate", "data", "model", "training", "prepare", "forget", "revocability", "evaluate")


def run(argv: Sequence[str]) -> int:
    """Plays the stream against every policy and writes tables, page and settings into a folder; resumes what was stopped."""
    command = Command(
        "simulate", "Plays a stream of deletion requests against policies: what each costs, leaves behind, and which to choose.", SECTIONS
    )
    command.parser.add_argument("--out", metavar="FOLDER", help="by default runs/simulate-<date and time>; one that was begun is resumed")
    command.parser.add_argument("--jobs", type=int, metavar="N", help="trainings and policies at once (default: cores)")
    given = command.parse(argv)
    out = folder_for(given.options.out, "simulate")

    from r2u_rec.api.streams.play import PAGE_FILE, run_simulation
    from r2u_rec.report.provenance import machine_kind
    from r2u_rec.report.simulation.advice import advise
    from r2u_rec.report.simulation.table import print_choose_table

    jobs = int(machine_kind()["cores"]) if given.options.jobs is None else given.options.jobs
    simulation, failures = run_simulation(given.settings, out, jobs=jobs)
    for failure in failures:
        print(f"r2u: {failure}", file=sys.stderr)
    if simulation is None:
        return 1
    print(advise(simulation).sentence)
    print_choose_table(simulation)
    print(f"page: {(out / PAGE_FILE).resolve()}")
    return 1 if failures else 0

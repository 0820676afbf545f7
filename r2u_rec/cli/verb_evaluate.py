"""r2u evaluate: ranking quality of a run and, against retrained references, what was forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from r2u_rec.cli.command import Command
from r2u_rec.cli.runs import refuse_changed
from r2u_rec.config.errors import UsageError


def run(argv: Sequence[str]) -> int:
    """Prints the table of a run; with --before and --references, the evidence too."""
    command = Command(
        "evaluate",
        "Measures the ranking quality of a run that held test interactions out. With the run before the erasure and two or more retrained "
        "references (r2u forget --forget.method retrain, with other seeds), measures what was forgotten. All of it stands in the run "
        "folders; the source is not read again.",
        ("evaluate",),
        True,
    )
    command.parser.add_argument("--before", metavar="FOLDER", help="the run that RUN was made from by r2u forget")
    command.parser.add_argument("--references", metavar="FOLDER,FOLDER", help="the same request, carried out by retraining")
    given = command.parse(argv)
    refuse_changed(given, ("data", "model", "training", "prepare", "revocability", "forget"), "evaluate")
    if "seed" in given.set_keys:
        raise UsageError("evaluate measures by what training stored: leave --seed out")
    before, references = given.options.before, [Path(each) for each in (given.options.references or "").split(",") if each]
    if (before is None) != (not references):
        raise UsageError("a proof needs both --before FOLDER and --references FOLDER,FOLDER; without them only ranking quality is measured")

    from r2u_rec.api.proofs.evaluation import evaluate_run
    from r2u_rec.report.table import print_table, usual_columns

    assert given.run is not None
    rows = evaluate_run(given.settings, given.run, before=Path(before) if before else None, references=references)
    of_items = [name for name in rows[0] if name == "coverage" or name.endswith((", popular", ", tail"))]
    print_table(rows, columns=[*usual_columns(rows), *of_items])
    return 0

"""r2u evaluate: ranking quality of a run and, against retrained references, what was forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from r2u_rec.cli.parse import UsageError, settings_of, settings_parser
from r2u_rec.cli.runs import parse_with_run


def run(argv: Sequence[str]) -> int:
    """Prints the table of a run; with --before and --references, the evidence too."""
    parser = settings_parser(
        "evaluate",
        "Measures the ranking quality of a run. With the run before the erasure and two or more retrained references (r2u forget "
        "--forget.operator retrain, with other seeds), measures what was forgotten.",
        ("evaluate",),
        takes_folder=True,
    )
    parser.add_argument("--before", type=str, default=None, metavar="FOLDER", help="the run that RUN was made from by r2u forget")
    parser.add_argument("--references", type=str, default=None, metavar="FOLDER,FOLDER", help="the same request, carried out by retraining")
    source, given = parse_with_run(parser, argv)
    references = [Path(each) for each in (given.references or "").split(",") if each]
    if (given.before is None) != (not references):
        raise UsageError("a proof needs both --before FOLDER and --references FOLDER,FOLDER; without them only ranking quality is measured")

    from r2u_rec.cli.evaluating import evaluate_run
    from r2u_rec.report.table import print_table, usual_columns

    rows = evaluate_run(settings_of(given), source, before=Path(given.before) if given.before else None, references=references)
    of_items = [name for name in rows[0] if name == "coverage" or name.endswith((", popular", ", tail"))]
    print_table(rows, columns=[*usual_columns(rows), *of_items])
    return 0

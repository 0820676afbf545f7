"""r2u run: the main job, from interactions to the page that shows what was forgotten."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from r2u_rec.cli.parse import parse, settings_of, settings_parser
from r2u_rec.cli.runs import folder_for
from r2u_rec.cli.settings import SECTIONS, write_settings


def run(argv: Sequence[str]) -> int:
    """Writes settings.yaml, result.json, rows.parquet and report.html into a run folder, whole or not at all."""
    parser = settings_parser(
        "run", "The main job: read, score, split, train (standard, prepared, retrained), forget, evaluate, report.", tuple(SECTIONS)
    )
    parser.add_argument("--out", default=None, metavar="FOLDER", help="the run folder; by default runs/run-<date and time>")
    given = parse(parser, argv)
    s, out = settings_of(given), folder_for(given.out, "run")

    from r2u_rec.cli.build import threads
    from r2u_rec.cli.job import run_job
    from r2u_rec.report.answer import answer_of
    from r2u_rec.report.page import PAGE_FILE, write_page
    from r2u_rec.report.results import save
    from r2u_rec.report.table import print_table
    from r2u_rec.report.verdict import statements
    from r2u_rec.storage import written_whole

    with threads(s.training.threads), written_whole(out, verb="run") as part:
        result = run_job(s, out, say=lambda line: print(line, file=sys.stderr, flush=True))
        write_settings(s, part)
        save(result, part)
        write_page(result, part / PAGE_FILE)
    print(f"{answer_of(result, statements(result.rows)).headline}\n")
    print_table(result.rows)
    print(f"page: {(out / PAGE_FILE).resolve()}")
    return 0

"""r2u run: the whole proof, from interactions to the page that shows what was forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from r2u_rec.cli.command import Command
from r2u_rec.cli.runs import folder_for

SECTIONS = ("data", "model", "training", "prepare", "forget", "revocability", "evaluate")


def run(argv: Sequence[str]) -> int:
    """Writes settings.yaml, result.json, rows.parquet and report.html into a run folder, whole or not at all."""
    command = Command(
        "run", "The whole proof: read, score, split, train (standard, prepared, retrained), forget, attack, report.", SECTIONS
    )
    command.parser.add_argument("--out", metavar="FOLDER", help="the run folder; by default runs/run-<date and time>")
    given = command.parse(argv)
    s, out = given.settings, folder_for(given.options.out, "run")
    s.plan()

    from r2u_rec.config.sources import check_data

    check_data(s.data)

    from r2u_rec.api.proofs.run import check_proof, run_proof, stages
    from r2u_rec.cli.stages import staged
    from r2u_rec.config.files import write_settings
    from r2u_rec.report.answer import answer_of
    from r2u_rec.report.page import PAGE_FILE, write_page
    from r2u_rec.report.results import save_result
    from r2u_rec.report.table import print_table
    from r2u_rec.report.verdict import statements
    from r2u_rec.storage.folder import written_whole

    check_proof(s)
    with staged(stages(s)) as say, written_whole(out, verb="run") as part:
        result = run_proof(s, out, say=say)
        write_settings(s, part)
        save_result(result, part)
        write_page(result, part / PAGE_FILE)
    print(f"{answer_of(result, statements(result.rows)).headline}\n")
    print_table(result.rows)
    print(f"page: {(out / PAGE_FILE).resolve()}")
    return 0

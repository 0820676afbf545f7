"""The report as one self-contained HTML page: no network, light and dark, wide and narrow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from r2u_rec.report.answer import RULE as CHOSEN
from r2u_rec.report.answer import answer_of, recommended
from r2u_rec.report.columns import column
from r2u_rec.report.figures.comparisons import groups_before_after, relative_cost
from r2u_rec.report.figures.curves import first_seen, forgetting_curve, training_curves
from r2u_rec.report.kit.pages import render, write_whole
from r2u_rec.report.kit.parts import Cell, Heading, PageFigure, PageTable, Repeat, TableRow, tone_of
from r2u_rec.report.results import Row, RunResult
from r2u_rec.report.table import Line, Table, tabulate
from r2u_rec.report.verdict import RULE, Statement, statements

PAGE_FILE = "report.html"


def write_page(result: RunResult, path: Path) -> Path:
    """Writes the page and returns its path; an old page is replaced only by a whole new one. Raises as `render_page`."""
    return write_whole(render_page(result), path)


def render_page(result: RunResult) -> str:
    """Returns the page. Everything that comes from the run is escaped.

    Raises:
        EvidenceError: retrained references are missing; no page about forgetting is made without them.
        ValueError: the result has no rows.
    """
    table, said = tabulate(result.rows), statements(result.rows)
    facts = [
        ("Data", result.data),
        ("Hashes of the parts", result.split_hashes),
        ("Versions", result.versions),
        ("Machine", result.machine),
    ]
    return render(
        "r2u_rec.report",
        "page.html.j2",
        title=result.name,
        answer=answer_of(result, said),
        about=_about(result),
        statements=said,
        rule=RULE,
        chosen=CHOSEN,
        table=_table(table, said),
        seeds=", ".join(map(str, result.seeds)),
        figures=_figures(result),
        definitions=[(column(name).label, column(name).definition) for name in (*table.columns, *table.by) if column(name).definition],
        repeat=Repeat(
            command=result.command,
            where=f"The run is in the folder {result.name}, beside this page: all rows as JSON and Parquet, and the resolved settings.",
            settings=json.dumps(result.settings, indent=2, ensure_ascii=False),
            about="Data, splits, versions, machine",
            facts=facts,
        ),
    )


def _about(result: RunResult) -> str:
    """The data in a line: name, sizes, date."""
    sizes = [(result.data.get(key), word) for key, word in (("n_users", "users"), ("n_items", "items"), ("n_interactions", "interactions"))]
    counted = [f"{n:,} {word}" for n, word in sizes if isinstance(n, int)]
    return " · ".join([str(result.data.get("name", "data")), *counted, result.created])


def _table(table: Table, said: Sequence[Statement]) -> PageTable:
    """All lines, the recommended one first; references and standing are named in the last of the naming columns."""
    best, by_names = recommended(said), {tuple(each.names.values()): each for each in said}
    rows = []
    for line in table.lines:
        statement = by_names.get(tuple(line.names.values()))
        taken = statement is best if best is not None else line.reference and _same(line, said)
        rows.append((not taken, _row(table, line, statement, taken)))
    rows.sort(key=lambda pair: pair[0])
    return PageTable("All figures", [Heading(heading) for heading in table.headings], [row for _, row in rows], len(table.by))


def _same(line: Line, said: Sequence[Statement]) -> bool:
    """Whether a reference belongs to the methods that were asked about, when one of them was judged."""
    methods = [each for each in said if not each.baseline]
    return bool(methods) and line.names.get("model") == methods[0].names.get("model")


def _row(table: Table, line: Line, statement: Statement | None, taken: bool) -> TableRow:
    last, cells = len(table.by) - 1, table.cells(line)
    badges = ("recommended",) * taken + ("retrained reference",) * line.reference
    if statement is not None and not statement.baseline:
        badges += (statement.status,)
    tone = tone_of(statement.status) if statement else "fine" if taken else ""
    made = [Cell(text, badges=badges, tone=tone) if i == last else Cell(text) for i, text in enumerate(cells)]
    return TableRow(made, "taken" if taken else "reference" if line.reference else "")


def _figures(result: RunResult) -> list[PageFigure]:
    """Title, drawing, caption and description of each figure that has data."""
    quality = result.quality
    out = []
    if result.curves:
        caption = (
            "Each line is one method, from the model as trained (hollow) to its last step (large, filled). Across: imprint AUC, no unit; "
            f"up: {quality} of the users who stay. The star is the mean of the retrained models with one standard deviation: the target."
        )
        drawing = forgetting_curve(result.curves, result.rows, quality=quality)
        out.append(_figure("Forgetting curve", drawing, caption, result.curves, "method"))
    if result.costs:
        caption = (
            "Wall seconds of one request divided by the mean wall seconds of retraining. Each ring is one measurement, the bar the mean."
        )
        out.append(_figure("Cost", relative_cost(result.costs), caption, result.costs, "method"))
    if result.groups:
        caption = (
            f"{quality} of staying users before (hollow) and after (filled) forgetting, mean over seeds; the upright line is the retrained "
            "models' mean for the same group."
        )
        drawing = groups_before_after(result.groups, quality=quality)
        out.append(_figure("Before and after, by user group", drawing, caption, result.groups, "group"))
    if result.training:
        caption = (
            f"Mean training loss of an example, and {quality} on the validation part, by epoch; mean over seeds, the band is their range."
        )
        drawing = training_curves(result.training, quality=quality)
        out.append(_figure("Training", drawing, caption, result.training, "arm"))
    return out


def _figure(title: str, drawing: str, caption: str, rows: Sequence[Row], key: str) -> PageFigure:
    return PageFigure(title, drawing, f"{caption} {_seeds(rows)}", f"{title}: {', '.join(first_seen(rows, key))}")


def _seeds(rows: Sequence[Row]) -> str:
    seeds = list(dict.fromkeys(row["seed"] for row in rows if row.get("seed") is not None))
    if not seeds:
        return "Seeds: not recorded."
    named = ", ".join(map(str, seeds[:10])) + (" …" if len(seeds) > 10 else "")
    return f"n = {len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'} ({named})."

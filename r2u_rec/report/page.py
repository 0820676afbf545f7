"""The report as one self-contained HTML page: no network, light and dark, wide and narrow."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from r2u_rec.report.columns import column
from r2u_rec.report.figures.comparisons import groups_before_after, relative_cost
from r2u_rec.report.figures.curves import first_seen, forgetting_curve, training_curves
from r2u_rec.report.kit.theme import stylesheet
from r2u_rec.report.results import Row, RunResult
from r2u_rec.report.table import tabulate
from r2u_rec.report.verdict import TOLERANCE, WIDEST, statements

PAGE_FILE = "report.html"


def write_page(result: RunResult, path: Path) -> Path:
    """Writes the page and returns its path; an old page is replaced only by a whole new one. Raises as `render_page`."""
    text = render_page(result)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    return unfinished.replace(path)


def render_page(result: RunResult) -> str:
    """Returns the page. Everything that comes from the run is escaped.

    Raises:
        EvidenceError: retrained references are missing; no page about forgetting is made without them.
        ValueError: the result has no rows.
    """
    table = tabulate(result.rows)
    shown = statements(result.rows)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(resources.files("r2u_rec.report").joinpath("page.html.j2").read_text(encoding="utf-8"))
    return template.render(
        result=result,
        headings=table.headings,
        n_names=len(table.by),
        lines=[(line.reference, table.cells(line)) for line in table.lines],
        statements=shown,
        headline=_headline([statement.tone for statement in shown if not statement.baseline]),
        figures=_figures(result),
        definitions=[(column(name).label, column(name).definition) for name in (*table.columns, *table.by) if column(name).definition],
        tolerance=TOLERANCE,
        widest=WIDEST,
        settings=json.dumps(result.settings, indent=2, ensure_ascii=False),
        style=stylesheet(),
    )


def _headline(tones: Sequence[str]) -> str:
    """One sentence over all methods."""
    if not tones:
        return "Nothing was forgotten in this run; no method is judged here."
    counts = {
        "exact, equal to retraining by construction": tones.count("exact"),
        "approximate and in the range of retrained models by every attack measured": tones.count("within"),
        "approximate and to be told from retrained models by at least one attack": sum(
            map(tones.count, ("residue", "remembered", "absent"))
        ),
        "approximate and not measured against retrained models": tones.count("unmeasured"),
    }
    said = "; ".join(f"{n} {what}" for what, n in counts.items() if n)
    return f"{len(tones)} {'method' if len(tones) == 1 else 'methods'} of forgetting: {said}."


def _figures(result: RunResult) -> list[dict[str, str]]:
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


def _figure(title: str, drawing: str, caption: str, rows: Sequence[Row], key: str) -> dict[str, str]:
    described = f"{title}: {', '.join(first_seen(rows, key))}"
    return {"title": title, "drawing": drawing, "caption": f"{caption} {_seeds(rows)}", "described": described}


def _seeds(rows: Sequence[Row]) -> str:
    seeds = list(dict.fromkeys(row["seed"] for row in rows if row.get("seed") is not None))
    if not seeds:
        return "Seeds: not recorded."
    named = ", ".join(map(str, seeds[:10])) + (" …" if len(seeds) > 10 else "")
    return f"n = {len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'} ({named})."

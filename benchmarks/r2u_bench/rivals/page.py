"""The benchmark of rivals as one self-contained HTML page: a picture and a table a recommender, every request, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r2u_bench.rivals.bench import BenchmarkResult
from r2u_bench.rivals.picture import BAND, close_up, draw, unplaced
from r2u_bench.rivals.summary import CLOSE, HIDDEN, QUALITY, Line, standing
from r2u_bench.rivals.systems.registry import recommender
from r2u_bench.rivals.tables import (
    REFERENCES,
    REQUEST_COLUMNS,
    Reference,
    figures,
    label,
    lines_of,
    main_cells,
    main_columns,
    number,
    reference_cells,
    reference_of,
    request_cells,
    sizes_of,
)
from r2u_rec.data.catalogue.cards import cards
from r2u_rec.registry.specs import FAMILIES
from r2u_rec.report.columns import ADAPTIVE_NULL
from r2u_rec.report.kit.pages import render, write_whole
from r2u_rec.report.kit.parts import Cell, Heading, PageFigure, PageTable, Repeat, Status, TableRow, VerdictBox, tone_of
from r2u_rec.report.provenance import machine_kind, versions

NAMED = 6
"""Systems named in the sentence above a table."""

HOW_TO_READ = (
    f"Kept: {QUALITY} of those who stay, divided by that of models retrained without those who left. 1 is as good as retraining.",
    "Imprint AUC: how well an attacker tells those who left from people the model never saw. 0.5: nothing to tell. Above: remembered. "
    "Below: over-forgotten, so that those who left stand out by their absence, which gives them away just as well.",
    f"Adaptive AUC: the same by an attacker who combines several signals. The references' own figure is the mark, not 0.5: {ADAPTIVE_NULL}",
    "An imprint AUC near 0.5 hides nobody by itself: look at the adaptive attacker too, and at the worst kind of request, since a mean "
    "over kinds can be near 0.5 when one lies above and another below.",
    "Seconds are processor seconds of all threads; cost / retraining is what a request costs beside training again.",
    f"Best: a system at the top, in the band from {BAND[0]} to {BAND[1]}, that costs little and reads nothing but the request.",
)

NOTES = (
    "Tests are two-sided paired t tests over pairs of a request and a seed, against the retrained references of the same request and "
    "seed; p is corrected by Holm over the systems of the recommender. Requests of a seed share a trained model, so the pairs are not "
    "independent and p is optimistic. A large p shows no equality.",
    "± is one standard deviation over requests and seeds in the main tables. In the tables of single requests it is one standard "
    "deviation over seeds for what is kept and for costs, and one standard error for imprint AUC and excess, which are measured over the "
    "users of all seeds together; of the references it is one standard deviation over the models.",
    "Exact means that a test of this project proves forgetting equal to retraining by the same recipe, bit for bit, within a stated "
    "tolerance, or in distribution. Such a recipe may keep less from the start: what it keeps is held against the recommender trained as "
    "usual.",
    "Retrained references are models of the same recommender trained on what remains, with other seeds. The imprint of each is held "
    "against the others. A request whose references do not look forgotten, or whose model with only the rows deleted does not look "
    "remembered, gets no imprint: the attack is not to be believed there.",
    "No figure here is a certificate of absence: it says what these attacks found on these data, not what no attack could find.",
    "– stands for what was not measured or may not be reported, never for 0.",
)


def write_page(found: BenchmarkResult, path: Path, *, command: str) -> Path:
    """Writes the page and returns its path; an old page is replaced only by a whole new one.

    Args:
        command: that gives the same figures again.
    """
    return write_whole(render_page(found, command=command), path)


def render_page(found: BenchmarkResult, *, command: str) -> str:
    """Returns the page; everything that comes from the run is escaped."""
    preset = found.preset
    blocks = [_block(found, model, f"rivals{i}") for i, model in enumerate(preset.models)]
    measured = [block["columns"] for block in blocks if block["lines"]]
    return render(
        "r2u_bench.rivals",
        "page.html.j2",
        title=f"Who keeps what, and leaves what behind: rivals on {preset.data}",
        answer=_answer(found),
        facts=_facts(found),
        how_to_read=HOW_TO_READ,
        blocks=blocks,
        refused=[(recommender(model).title, request, why) for (model, request), why in found.figures.refused.items()],
        failures=list(dict.fromkeys(found.failures)),
        unfinished=found.planned - found.finished,
        definitions=[*measured[0], *REQUEST_DEFINITIONS] if measured else [],
        notes=NOTES,
        close=f"{100 * CLOSE:g} %",
        hidden=f"{HIDDEN:.2f}",
        band=BAND,
        repeat=Repeat(
            command=command,
            where="The figures stand beside this page, as JSON.",
            settings=json.dumps(preset.content, indent=2, ensure_ascii=False, default=str),
            about="Versions, machine",
            facts=[("Versions", versions()), ("Machine", machine_kind())],
        ),
    )


STATUS: dict[str, Status] = {"keeps and hides": "good", "keeps": "mixed", "hides": "mixed", "neither": "bad", "": "neutral"}
"""Standing of a system -> its status."""

REQUEST_DEFINITIONS = (
    ("kept, active half; kept, inactive half", "The same as kept, of the more and of the less active half of those who stay."),
    ("own-loss AUC", "The attack by the model's loss on a whole history in place of fold-in."),
    (
        "TPR at 1 % FPR",
        "Share of those who asked that the attacker finds while at most 1 % of those never trained on are accused. Chance is 0.01.",
    ),
)


def _answer(found: BenchmarkResult) -> VerdictBox:
    """What was asked, and for each recommender which systems keep and hide."""
    question = (
        "Every system is trained on the same records, forgets the same people, and is held against models retrained without them. Which of "
        "them keep the quality of those who stay, and hide who left?"
    )
    asked = ("Asked", [question])
    said, best = [], 0
    for model in found.preset.models:
        mine = lines_of(found, model)
        title = recommender(model).title
        said.append((title, [lead(mine) if mine else f"No system has finished on {title}."]))
        best += any(STATUS[standing(line)] == "good" and line.family != "reference" for line in mine)
    n = len(said)
    status: Status = "good" if best == n else "mixed" if best else "bad" if found.lines else "neutral"
    badge = f"{status}: on {best} of {n} {'recommender' if n == 1 else 'recommenders'} a system keeps and hides"
    cheapest = [
        f"{label(line)} on {line.model}" for line in map(_cheapest, (lines_of(found, model) for model in found.preset.models)) if line
    ]
    headline = (
        f"Take {', '.join(cheapest)}: of the systems that keep and hide the cheapest{' of each recommender' if n > 1 else ''}."
        if cheapest
        else "Nothing has finished yet."
        if not found.lines
        else "Retrain: no other system keeps and hides."
    )
    return VerdictBox(status, badge, headline, [asked, *said])


def _cheapest(lines: Sequence[Line]) -> Line | None:
    best = [line for line in lines if line.family != "reference" and STATUS[standing(line)] == "good"]
    return min(best, key=lambda line: line.seconds.mean) if best else None


def _facts(found: BenchmarkResult) -> list[tuple[str, str]]:
    """What was run, in words."""
    preset = found.preset
    card = cards().get(preset.data)
    counts = "" if card is None else ", " + ", ".join(f"{n:,} {what}" for what, n in card.counts.items())
    machine, known = machine_kind(), versions()
    return [
        ("data", f"{preset.data if card is None else card.title}{counts}"),
        ("recommenders", ", ".join(recommender(model).title for model in preset.models)),
        ("seeds", f"{len(preset.seeds)} ({', '.join(map(str, preset.seeds))}); {preset.content['n_references']} retrained references a "
         "request and seed"),
        ("users a request", _users(found)),
        ("trials", f"{found.finished} of {found.planned} finished, {found.seconds / 60:.0f} minutes in all"),
        ("machine", ", ".join(f"{key} {value}" for key, value in machine.items())),
        ("versions", ", ".join(f"{name} {version}" for name, version in known.items())),
    ]  # fmt: skip


def _users(found: BenchmarkResult) -> str:
    """How many users ask in each request whose imprint was measured, such as "47 (random 5 %, core 5 %)"."""
    by_number: dict[int, list[str]] = {}
    for verdict in found.figures.verdicts:
        n, names = round(verdict["n_forget"] / verdict["n_seeds"]), [verdict["request"]]
        by_number[n] = list(dict.fromkeys(by_number.get(n, []) + names))
    return "; ".join(f"{n} ({', '.join(names)})" for n, names in by_number.items()) or "–"


def _block(found: BenchmarkResult, model: str, name: str) -> dict[str, Any]:
    """What the template shows of one recommender."""
    mine, rows = lines_of(found, model), found.figures.rows
    made = recommender(model)
    block: dict[str, Any] = {"title": made.title, "source": made.source, "name": name, "lines": len(mine), "n_references": 0}
    if not mine:
        return block
    reference, sizes = reference_of(rows, model), sizes_of(rows, model)
    planned = len(found.preset.seeds) * len(found.preset.requests(model))
    refused = {request: why for (m, request), why in found.figures.refused.items() if m == model}
    columns = main_columns(sizes)
    picture = None
    if any(line.auc for line in mine):
        caption = (
            f"Up: kept, all requests. Across: imprint AUC, requests of {sizes[-1]:g} %. Bars: one standard deviation over requests "
            f"and seeds. Shaded: {BAND[0]} to {BAND[1]}. The star is the mean of the retrained references. "
            f"n = {len(found.preset.seeds)} seeds, {len(found.preset.requests(model))} requests."
        )
        if lacking := [f"{label(line)} (kept {figures(line.utility, 3)})" for line in unplaced(mine)]:
            caption += f" Without an imprint, so not drawn: {'; '.join(lacking)}."
        described = f"What each system keeps on {made.title}, over its imprint AUC"
        width = 1180 if close_up(mine) else 820
        picture = PageFigure("", draw(mine, reference=reference, name=name), caption, described, "wide", width)
    return block | {
        "lead": lead(mine),
        "picture": picture,
        "columns": columns,
        "table": _main_table(made.title, mine, reference, sizes, planned),
        "largest": f"{sizes[-1]:g} %",
        "refused": ", ".join(refused),
        "requests": [
            (request, _request_table(found, model, request, made.title, has_reference=reference is not None), refused.get(request))
            for request in found.preset.requests(model)
        ],
    }


def _main_table(title: str, lines: Sequence[Line], reference: Reference | None, sizes: Sequence[float], planned: int) -> PageTable:
    """The references first, then the systems of each family."""
    rows = []
    if reference is not None:
        rows.append(TableRow([Cell(REFERENCES, strong=True), *_cells(reference_cells(reference, sizes))], "reference"))
    for family, heading in FAMILIES.items():
        mine = [line for line in lines if line.family == family]
        if mine:
            rows.append(TableRow([Cell(heading)], "group"))
        for line in mine:
            said = standing(line)
            name = Cell(label(line), badges=(said,) if said else (), strong=True, tone=tone_of(STATUS[said]))
            rows.append(TableRow([name, *_cells(main_cells(line, sizes, planned))]))
    headings = [Heading("system"), *(Heading(text) for text, _ in main_columns(sizes))]
    return PageTable(f"Table of the systems on {title}", headings, rows)


def _cells(texts: Sequence[tuple[str, str]]) -> list[Cell]:
    return [Cell(text, (small,) if small else ()) for text, small in texts]


def _request_table(found: BenchmarkResult, model: str, request: str, title: str, *, has_reference: bool) -> PageTable | None:
    lines = request_cells(found, model, request)
    rows = [TableRow([Cell(text) for text in cells], "reference" if i == 0 and has_reference else "") for i, cells in enumerate(lines)]
    return PageTable(f"{title}, {request}", [Heading(text) for text in REQUEST_COLUMNS], rows) if rows else None


def lead(lines: Sequence[Line]) -> str:
    """Returns in a sentence which systems keep and hide; references are not counted."""
    rivals = [line for line in lines if line.family != "reference"]
    best = sorted((line for line in rivals if standing(line) == "keeps and hides"), key=lambda line: line.seconds.mean)
    unknown = sum(not standing(line) for line in rivals)
    if not rivals:
        return "Nothing but references has finished."
    if best:
        named = [label(line) + (f" ({number(line.cost_share.mean, 3)})" if line.cost_share else "") for line in best]
        more = f", and {len(named) - NAMED} more" if len(named) > NAMED else ""
        verb = "keeps and hides" if len(best) == 1 else "keep and hide"
        said = f"{len(best)} of {len(rivals)} systems {verb}, the cheapest first, with the cost of a request over that of retraining: "
        said += ", ".join(named[:NAMED]) + f"{more}."
    else:
        said = f"None of {len(rivals)} systems keeps and hides."
    return said + (f" No imprint is known of {unknown} of them." if unknown else "")

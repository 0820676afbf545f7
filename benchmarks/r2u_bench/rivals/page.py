"""The benchmark of rivals as one self-contained HTML page: a picture and a table a recommender, every request, and what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from r2u_bench.rivals.bench import BenchmarkResult
from r2u_bench.rivals.picture import BAND, close_up, draw, unplaced
from r2u_bench.rivals.summary import CLOSE, HIDDEN, QUALITY, Line, standing
from r2u_bench.rivals.systems.registry import FAMILIES, recommender
from r2u_bench.rivals.tables import (
    REFERENCES,
    REQUEST_COLUMNS,
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
from r2u_rec.report.kit.theme import stylesheet
from r2u_rec.report.provenance import machine_kind, versions

NAMED = 6
"""Systems named in the sentence above a table."""

HOW_TO_READ = (
    f"Kept: {QUALITY} of those who stay, divided by that of models retrained without those who left. 1 is as good as retraining.",
    "Imprint AUC: how well an attacker tells those who left from people the model never saw. 0.5: nothing to tell. Above: remembered. "
    "Below: over-forgotten, so that those who left stand out by their absence, which gives them away just as well.",
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
    text = render_page(found, command=command)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    return unfinished.replace(path)


def render_page(found: BenchmarkResult, *, command: str) -> str:
    """Returns the page; everything that comes from the run is escaped."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(resources.files("r2u_bench.rivals").joinpath("page.html.j2").read_text(encoding="utf-8"))
    preset = found.preset
    return template.render(
        data=preset.data,
        facts=_facts(found),
        how_to_read=HOW_TO_READ,
        blocks=[_block(found, model, f"rivals{i}") for i, model in enumerate(preset.models)],
        request_columns=REQUEST_COLUMNS,
        refused=[(recommender(model).title, request, why) for (model, request), why in found.figures.refused.items()],
        failures=list(dict.fromkeys(found.failures)),
        unfinished=found.planned - found.finished,
        notes=NOTES,
        close=f"{100 * CLOSE:g} %",
        hidden=f"{HIDDEN:.2f}",
        band=BAND,
        command=command,
        settings=json.dumps(preset.content, indent=2, ensure_ascii=False, default=str),
        versions=versions(),
        machine=machine_kind(),
        style=stylesheet(),
    )


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
    return block | {
        "lead": lead(mine),
        "drawing": draw(mine, reference=reference, name=name) if any(line.auc for line in mine) else None,
        "wide": close_up(mine) is not None,
        "seeds": f"n = {len(found.preset.seeds)} seeds, {len(found.preset.requests(model))} requests.",
        "unplaced": [f"{label(line)} (kept {figures(line.utility, 3)})" for line in unplaced(mine)],
        "largest": f"{sizes[-1]:g} %",
        "columns": columns,
        "reference": None if reference is None else (REFERENCES, reference_cells(reference, sizes)),
        "groups": _groups(mine, sizes, planned),
        "refused": ", ".join(refused),
        "requests": [(request, request_cells(found, model, request), refused.get(request)) for request in found.preset.requests(model)],
    }


def _groups(lines: Sequence[Line], sizes: Sequence[float], planned: int) -> list[tuple[str, list[tuple[str, str, list[tuple[str, str]]]]]]:
    """Family -> (system, standing, cells) of its lines."""
    return [
        (title, [(label(line), standing(line), main_cells(line, sizes, planned)) for line in lines if line.family == family])
        for family, title in FAMILIES.items()
        if any(line.family == family for line in lines)
    ]


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

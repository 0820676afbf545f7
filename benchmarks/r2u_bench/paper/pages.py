"""One self-contained HTML page over one experiment or all of a folder: picture, caption, verdict, and what is not there and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from r2u_bench.paper.verdict import LEVEL, OUTCOMES
from r2u_rec.report.figures.canvas import THEME
from r2u_rec.report.kit.theme import stylesheet
from r2u_rec.trials.store import described

PICTURES = (".png", ".svg")
INDEX = "index.html"
SETTINGS = {"literal": "the paper's literal settings", "repaired": "the repaired settings"}
"""The settings of a finding, in words; others are named as they are."""

SHOWN_FAILURES = 8


def write_page(records: Sequence[Mapping[str, Any]], folder: Path, path: Path) -> Path:
    """Writes the page of the records (as `record.read_record` gives them) whole and returns its path.

    Args:
        folder: where their pictures are. path: of the page.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(resources.files("r2u_bench.paper").joinpath("page.html.j2").read_text(encoding="utf-8"))
    text = template.render(
        title="The paper's experiments" if len(records) > 1 else f"{records[0]['name']}: {records[0]['question']}",
        parts=[_part(record, folder) for record in records],
        style=stylesheet(),
        level=LEVEL,
    )
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    return unfinished.replace(path)


def headline(record: Mapping[str, Any]) -> str:
    """Returns in a sentence what became of an experiment: how many claims agree under which settings, or why there is no answer."""
    if record["trouble"]:
        return f"{record['trouble']}."
    if record["verdict"] is None:
        lacking = [each["what"] or "what it stands on" for each in record["missing"]]
        if lacking:
            return f"not drawn: {' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not to be had here."
        return f"not drawn: {_count(len(record['failures']), 'trial')} failed." if record["failures"] else "not drawn: no trial was run."
    said = []
    findings = [finding for claim in record["verdict"]["claims"] for finding in claim["findings"]]
    for settings in dict.fromkeys(finding["settings"] for finding in findings):
        outcomes = Counter(finding["outcome"] for finding in findings if finding["settings"] == settings)
        parts = [f"{outcomes[each]} {_OUTCOMES[each][outcomes[each] > 1]}" for each in OUTCOMES if outcomes[each]]
        said.append(f"with {SETTINGS.get(settings, settings)} {', '.join(parts)}")
    said += [f"not drawn: {each['what']}, which is not to be had here" for each in record["missing"]]
    return f"of {_count(len(record['verdict']['claims']), 'claim')}: {'; '.join(said)}." if findings else "drawn; no claim is judged here."


_OUTCOMES = {
    "agrees": ("agrees", "agree"),
    "does not agree": ("does not agree", "do not agree"),
    "not comparable": ("is not comparable", "are not comparable"),
}


def _part(record: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """All that the template shows of one experiment, as text."""
    verdict, failures = record["verdict"], record["failures"]
    drawing = folder / f"{record['name']}.svg"
    n = len(record["trials"])
    return {
        "name": record["name"],
        "title": record["question"],
        "in_paper": record["in_paper"],
        "paper_says": record["paper_says"],
        "headline": headline(record),
        "drawing": _themed(drawing.read_text(encoding="utf-8")) if verdict and drawing.is_file() else None,
        "width": _width(drawing) if verdict and drawing.is_file() else 0,
        "caption": f"{record['caption']} {_trials(n, record['n_planned'], record['seeds'])}",
        "claims": [_claim(claim) for claim in verdict["claims"]] if verdict else [],
        "excluded": [
            f"{each['name']}: {each['figure']} {figure_of(each)} against {each['standard']:.4g} of standard training"
            for each in (verdict["excluded"] if verdict else [])
        ],
        "targets": verdict["targets"] if verdict else [],
        "notes": record["notes"],
        "missing": [
            f"{each['what']} ({_count(each['n_trials'], 'trial')}): {each['reason'].rstrip('.')}. To do: {each['remedy']}."
            for each in record["missing"]
        ],
        "failures": [
            f"{described(each['spec'])}: {each['error'].rstrip('.')}. To do: {each['remedy']}." for each in failures[:SHOWN_FAILURES]
        ],
        "n_failures": len(failures),
        "command": record["command"],
        "settings": record["settings"],
        "facts": {"Versions": record["versions"], "Machine": record["machine"]},
    }


def _claim(claim: Mapping[str, Any]) -> dict[str, Any]:
    against = claim["against"]
    beside = "" if against is None else f"{against['name']} {figure_of(against)}"
    findings = []
    for finding in claim["findings"]:
        tests = finding["tests"]
        findings.append(
            {
                "settings": SETTINGS.get(finding["settings"], finding["settings"]),
                "measured": figure_of(finding["side"]),
                "against": beside,
                "one_tailed": "–" if tests is None else p_value(tests["one_tailed"]),
                "two_sided": "–" if tests is None else p_value(tests["two_sided"]),
                "test": "" if tests is None else f"{tests['kind']}, n = {tests['n']}",
                "outcome": finding["outcome"],
                "why": finding["why"],
            }
        )
    return {"statement": claim["statement"], "paper": claim["paper"], "unit": claim["unit"], "findings": findings}


def figure_of(side: Mapping[str, Any]) -> str:
    """Mean, spread and n of a side."""
    if side["mean"] is None:
        return "no figure"
    spread = "" if side["sd"] is None else f" ± {side['sd']:.3g}"
    return f"{side['mean']:.4g}{spread} (n = {side['n']})"


def p_value(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if value >= 0.001 else f"{value:.2g}"


def _trials(n: int, planned: int, seeds: Sequence[int]) -> str:
    of = "" if n == planned else f" of {planned} planned"
    runs = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1 else ", ".join(map(str, seeds))
    return f"n = {_count(n, 'trial')}{of}" + (f"; {'seed' if len(seeds) == 1 else 'seeds'} {runs}." if seeds else ".")


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _width(drawing: Path) -> int:
    """Pixels at which the text of a picture is as large as that of the page's captions."""
    found = re.search(r'viewBox="0 0 ([\d.]+)', drawing.read_text(encoding="utf-8"))
    return round(1.35 * float(found[1])) if found else 600


def _themed(drawing: str) -> str:
    """The SVG with its colours as variables of the page."""
    known = re.compile("|".join(map(re.escape, THEME)))
    return known.sub(lambda found: f"var({THEME[found[0]]}, {found[0]})", drawing)

"""One self-contained HTML page over one experiment or all of a folder: picture, caption, verdict, and what is not there and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from r2u_bench.paper.verdict import LEVEL, OUTCOMES
from r2u_rec.report.figures.canvas import THEME
from r2u_rec.report.kit.pages import render, write_whole
from r2u_rec.report.kit.parts import Cell, Heading, PageFigure, PageTable, Status, TableRow, VerdictBox
from r2u_rec.trials.store import spec_in_words

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
    several = len(records) > 1
    text = render(
        "r2u_bench.paper",
        "page.html.j2",
        title="The paper's experiments" if several else f"{records[0]['name']}: {records[0]['question']}",
        answer=_summary(records) if several else verdict_box(records[0]),
        parts=[_part(record, folder) for record in records],
        level=LEVEL,
    )
    return write_whole(text, path)


def verdict_box(record: Mapping[str, Any]) -> VerdictBox:
    """Returns the answer of an experiment: good when every claim agrees, mixed when some do, bad when none does.

    Findings with the repaired settings count, all of them where there are none of these.
    """
    said = headline(record)
    outcomes = _outcomes(record)
    agree = outcomes.count("agrees")
    status: Status = "neutral" if not outcomes else "good" if agree == len(outcomes) else "mixed" if agree else "bad"
    badge = f"{status}: {agree} of {len(outcomes)} findings agree" if outcomes else "no claim judged"
    paper = "The paper" if record["in_paper"] else "Beyond the paper"
    return VerdictBox(status, badge, f"{said[0].upper()}{said[1:]}", [("Asked", [record["question"]]), (paper, [record["paper_says"]])])


def _outcomes(record: Mapping[str, Any]) -> list[str]:
    findings = [finding for claim in (record["verdict"] or {"claims": []})["claims"] for finding in claim["findings"]]
    repaired = [finding for finding in findings if finding["settings"] == "repaired"]
    return [str(finding["outcome"]) for finding in repaired or findings]


def _summary(records: Sequence[Mapping[str, Any]]) -> VerdictBox:
    boxes = [verdict_box(record) for record in records]
    n = {status: sum(box.status == status for box in boxes) for status in ("good", "mixed", "bad", "neutral")}
    judged = len(boxes) - n["neutral"]
    status: Status = "neutral" if not judged else "good" if n["good"] == judged else "mixed" if n["good"] + n["mixed"] else "bad"
    words = [f"all findings agree in {n['good']}", f"some in {n['mixed']}", f"none in {n['bad']}"]
    said = f"Of {_count(judged, 'experiment')} with a claim that was judged {', '.join(words)}; {n['neutral']} are without a judged claim."
    return VerdictBox(status, f"{status}: {_count(len(boxes), 'experiment')}", said, [("Asked", ["What becomes of the paper's claims?"])])


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
        "box": verdict_box(record),
        "picture": PageFigure(
            "",
            _themed(drawing.read_text(encoding="utf-8")),
            f"{record['caption']} {_trials(n, record['n_planned'], record['seeds'])}",
            f"{record['name']}: {record['question']}",
            "wide",
            _width(drawing),
        )
        if verdict and drawing.is_file()
        else None,
        "table": _claims(record["name"], verdict["claims"]) if verdict and verdict["claims"] else None,
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
            f"{spec_in_words(each['spec'])}: {each['error'].rstrip('.')}. To do: {each['remedy']}." for each in failures[:SHOWN_FAILURES]
        ],
        "n_failures": len(failures),
        "command": record["command"],
        "settings": record["settings"],
        "facts": [
            ("The same in all trials", record["settings"]["shared"]),
            ("Varied", record["settings"]["varied"]),
            ("Versions", record["versions"]),
            ("Machine", record["machine"]),
        ],
    }


HEADINGS = ("With", "Measured", "Held against", "One-tailed p", "Two-sided p", "Outcome", "Why")
_TONES = {"agrees": "fine", "does not agree": "poor", "not comparable": ""}


def _claims(name: str, claims: Sequence[Mapping[str, Any]]) -> PageTable:
    """Each claim as a heading across the table, its findings below."""
    rows = []
    for claim in claims:
        rows.append(TableRow([Cell(f"{claim['statement']} ({claim['unit']}).", (f"The paper: {claim['paper']}",))], "group"))
        against = claim["against"]
        beside = "–" if against is None else f"{against['name']} {figure_of(against)}"
        for finding in claim["findings"]:
            tests, outcome = finding["tests"], finding["outcome"]
            one, two = ("–", "–") if tests is None else (p_value(tests["one_tailed"]), p_value(tests["two_sided"]))
            cells = [
                Cell(SETTINGS.get(finding["settings"], finding["settings"])),
                Cell(figure_of(finding["side"])),
                Cell(beside),
                Cell(one),
                Cell(two, () if tests is None else (f"{tests['kind']}, n = {tests['n']}",)),
                Cell("", badges=(outcome,), tone=_TONES[outcome]),
                Cell(finding["why"], prose=True),
            ]
            rows.append(TableRow(cells))
        if not claim["findings"]:
            rows.append(TableRow([Cell("not measured"), *[Cell("–")] * (len(HEADINGS) - 1)]))
    return PageTable(f"Verdict of {name}", [Heading(text, prose=text == "Why") for text in HEADINGS], rows)


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

"""What committed records say, as Markdown: `python -m r2u_bench.paper.digest docs/paper.md benchmarks/r2u_bench/results/paper`.

Everything from the mark on is made anew; what stands before it is written by hand. A picture is shown where docs/paper/NAME.png lies.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from r2u_bench.paper.pages import SETTINGS, figure_of, headline, p_value
from r2u_bench.paper.record import read_records
from r2u_rec.report.text_table import TextTable, markdown

MARK = "<!-- made by python -m r2u_bench.paper.digest -->\n"

HEADINGS = ("claim", "paper", "settings", "measured", "held against", "p", "outcome")


def digest(records: Sequence[Mapping[str, Any]], pictures: Path) -> str:
    """Returns the Markdown of the records (as `record.read_records` gives them).

    Args:
        pictures: folder of NAME.png, beside the file that the text is for.
    """
    minutes = sum(_seconds(records).values()) / 60
    machine = records[0]["machine"]
    head = (
        f"{len(records)} experiments, {len(_seconds(records))} trials, {minutes:.0f} minutes of trials in all; {machine['cores']} cores, "
        f"{machine['cpu']}. Mean ± standard deviation over n trials; p of the one-tailed t test, then of the two-sided one.\n"
    )
    return "\n".join([head, *(_section(record, pictures) for record in records)])


def rewritten(text: str, made: str) -> str:
    """Returns the text with everything behind the mark replaced; ValueError when it has no mark."""
    kept, mark, _ = text.partition(MARK)
    if not mark:
        raise ValueError(f"there is no line {MARK.strip()!r}: put it where the tables shall begin")
    return f"{kept}{mark}\n{made}"


def _seconds(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Seconds of each trial; one that several experiments share counts once."""
    return {key: float(trial["seconds"]) for record in records for key, trial in record["trials"].items()}


def _section(record: Mapping[str, Any], pictures: Path) -> str:
    verdict = record["verdict"]
    said = headline(record)
    lines = [f"## {record['name']}: {record['question']}\n", f"{said[0].upper()}{said[1:]}\n"]
    lines.append(f"*{'The paper' if record['in_paper'] else 'Beyond the paper'}:* {record['paper_says']}\n")
    if (pictures / f"{record['name']}.png").is_file():
        lines.append(f"![{record['question']}]({pictures.name}/{record['name']}.png)\n\n{record['caption']}\n")
    if verdict is None:
        return "\n".join(lines)
    if verdict["claims"]:
        rows = [row for claim in verdict["claims"] for row in _rows(claim)]
        lines.append(markdown(TextTable(HEADINGS, rows, 3, text={"outcome"})))
        lines.append("")
    for each in verdict["excluded"]:
        lines.append(f"- not compared, it had lost the data before: {each['name']}, {each['figure']} {figure_of(each)}")
    for each in verdict["targets"]:
        lines.append(f"- {'reached' if each['reached'] else '**not reached**'}: {each['statement']}; measured: {each['measured']}")
    lines += [f"- {note}" for note in record["notes"]]
    lines += [f"- not to be had: {each['what']} ({each['n_trials']} trials)" for each in record["missing"]]
    lines += [f"- failed: {each['key']}: {each['error']}" for each in record["failures"]]
    return "\n".join([*lines, ""])


def _rows(claim: Mapping[str, Any]) -> list[list[str]]:
    against = claim["against"]
    rows = []
    for i, finding in enumerate(claim["findings"]):
        tests = finding["tests"]
        p = "–" if tests is None else f"{p_value(tests['one_tailed'])}, {p_value(tests['two_sided'])}"
        cells = [
            f"{claim['statement']} ({claim['unit']})" if i == 0 else "",
            claim["paper"] if i == 0 else "",
            SETTINGS.get(finding["settings"], finding["settings"]),
            figure_of(finding["side"]),
            "–" if against is None else f"{against['name']} {figure_of(against)}",
            p,
            f"{finding['outcome']}: {finding['why']}" if finding["outcome"] == "not comparable" else finding["outcome"],
        ]
        rows.append([cell.replace("|", "/") for cell in cells])
    return rows


def main(arguments: Sequence[str]) -> int:
    """Makes the file named first anew from the folder named second."""
    if len(arguments) != 2:
        print("usage: python -m r2u_bench.paper.digest docs/paper.md benchmarks/r2u_bench/results/paper", file=sys.stderr)
        return 2
    path, folder = map(Path, arguments)
    made = digest(read_records(folder), path.with_suffix(""))
    path.write_text(rewritten(path.read_text(encoding="utf-8"), made), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

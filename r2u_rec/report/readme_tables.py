"""Tables of the pages are made from the committed results: `python -m r2u_rec.report.readme_tables PAGE.md RESULTS_FOLDER`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from r2u_rec.report.benchmark_results import read_benchmark
from r2u_rec.report.table import markdown_table

_BLOCK = re.compile(r"(<!-- table:(?P<name>[\w.-]+) -->\n?)(?P<body>.*?)(<!-- /table -->)", re.DOTALL)
_MARK = re.compile(r"<!-- (?:table:[\w.-]+|/table) -->")


def render_table(path: Path) -> str:
    """Returns the Markdown of one result file: its table, then n, seeds, machine, notes and the command; raises as `read_benchmark`."""
    content = read_benchmark(path)
    table = markdown_table(content["figures"], by=content["table"]["by"], columns=content["table"]["columns"])
    machine, seeds = content["machine"], content["seeds"]
    kind = f"{machine['cores']} {'core' if machine['cores'] == 1 else 'cores'}, {machine['cpu']}"
    named = f"{len(seeds)} {'seed' if len(seeds) == 1 else 'seeds'} ({', '.join(map(str, seeds))})"
    notes = "".join(f"\n- {note}" for note in content["notes"])
    below = f"Mean ± standard deviation of n measurements; {named}; {kind}. Made by `{content['command']}`."
    return f"{content['question']}\n\n{table}\n\n{below}{chr(10) if notes else ''}{notes}\n"


def filled(readme: str, results: Path) -> str:
    """Returns the README's text with every block `<!-- table:NAME -->...<!-- /table -->` made anew from NAME.json in `results`.

    Raises:
        FileNotFoundError: a named file is missing.
        ValueError: a mark has no partner.
    """
    paired = 2 * len(_BLOCK.findall(readme))
    if paired != len(_MARK.findall(readme)):
        raise ValueError(
            f"{len(_MARK.findall(readme))} table marks, of which {paired} pair up: close each <!-- table:NAME --> with <!-- /table -->"
        )
    return _BLOCK.sub(lambda m: f"<!-- table:{m['name']} -->\n{render_table(results / (m['name'] + '.json'))}{m[4]}", readme)


def differences(readme: str, results: Path) -> list[str]:
    """Returns the names of the tables in the README that differ from their result files; empty when all agree. Raises as `filled`."""
    new = filled(readme, results)
    pairs = zip(_BLOCK.finditer(readme), _BLOCK.finditer(new), strict=True)
    return [old["name"] for old, made in pairs if old["body"] != made["body"]]


def main(arguments: Sequence[str]) -> int:
    """Fills the README named first from the folder named second; with --check only says what differs, and returns 1 if anything does."""
    check = "--check" in arguments
    paths = [Path(argument) for argument in arguments if argument != "--check"]
    if len(paths) != 2:
        print("usage: python -m r2u_rec.report.readme_tables [--check] README.md benchmarks/r2u_bench/results", file=sys.stderr)
        return 2
    readme, results = paths
    text = readme.read_text(encoding="utf-8")
    different = differences(text, results)
    if not check:
        readme.write_text(filled(text, results), encoding="utf-8")
    print(f"{'differs' if check else 'made anew'}: {', '.join(different)}" if different else "all tables agree with their results")
    return 1 if check and different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

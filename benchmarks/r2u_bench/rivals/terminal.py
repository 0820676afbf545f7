"""The short table of the benchmark in a terminal."""

from __future__ import annotations

from typing import IO

from rich.console import Console
from rich.table import Table

from r2u_bench.rivals.bench import BenchmarkResult
from r2u_bench.rivals.summary import Line
from r2u_bench.rivals.tables import amount, figures, label
from r2u_rec.report.evidence import spread

HEADINGS = ("recommender", "system", "kept", "imprint AUC", "adaptive AUC", "CPU s", "/ retraining", "memory, MB", "reads", "exact")
WORDS = frozenset({"recommender", "system", "reads", "exact"})
"""Headings of columns of text, which stand to the left."""

CAPTION = (
    "kept: NDCG@20 of those who stay / retrained, all requests; imprint and costs: the largest requests. AUC 0.5: nothing to tell; above: "
    "remembered; below: over-forgotten. mean ± sd over requests and seeds"
)


def cells(line: Line) -> tuple[str, ...]:
    """Returns the text of a line below `HEADINGS`."""
    return (
        line.model,
        label(line),
        figures(line.utility, 3),
        figures(line.auc, 3),
        figures(line.adaptive_auc, 3),
        amount(line.seconds),
        amount(line.cost_share),
        amount(spread([line.memory_mb])),
        line.reads,
        "exact" if line.exact else "approximate",
    )


def print_lines(found: BenchmarkResult, file: IO[str] | None = None) -> None:
    """Prints one line a recommender and system: drawn by rich in a terminal, aligned plain text elsewhere."""
    console = Console(file=file)
    if not found.lines:
        print("nothing has finished", file=console.file)
        return
    rows = [cells(line) for line in found.lines]
    if not console.is_terminal:
        print(_aligned([HEADINGS, *rows]) + f"\n\n{CAPTION}", file=console.file)
        return
    drawn = Table(caption=CAPTION, caption_justify="left")
    for heading in HEADINGS:
        drawn.add_column(heading, justify="left" if heading in WORDS else "right", overflow="fold")
    for line, row in zip(found.lines, rows, strict=True):
        drawn.add_row(*row, style="dim" if line.family == "reference" else None)
    console.print(drawn, markup=False)


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    texts = [
        "  ".join(
            cell.ljust(w) if heading in WORDS else cell.rjust(w) for heading, cell, w in zip(HEADINGS, row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
    return "\n".join([texts[0], "  ".join("-" * w for w in widths), *texts[1:]])

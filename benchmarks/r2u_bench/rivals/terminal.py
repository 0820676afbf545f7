"""The short table of the benchmark in a terminal."""

from __future__ import annotations

from typing import IO

from r2u_bench.rivals.bench import BenchmarkResult
from r2u_bench.rivals.summary import Line
from r2u_bench.rivals.tables import amount, figures, label
from r2u_rec.report.evidence import spread
from r2u_rec.report.text_table import TextTable, print_text_table

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
        f"{label(line)} (reference)" if line.family == "reference" else label(line),
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
    """Prints one line a recommender and system, as `print_text_table` does; references are labelled as such."""
    if not found.lines:
        print("nothing has finished", file=file)
        return
    faint = [i for i, line in enumerate(found.lines) if line.family == "reference"]
    print_text_table(TextTable(HEADINGS, [cells(line) for line in found.lines], 2, WORDS, faint, CAPTION), file)

"""Results on disk, as a table, and as one self-contained page. No number about forgetting without its retrained reference.

`r2u_rec.report.page` draws (matplotlib, Jinja2); it is not imported here, so that reading results stays light.
"""

from r2u_rec.report.benchmark_results import read_benchmark, write_benchmark
from r2u_rec.report.columns import RATIO, RETRAINED, Column, column
from r2u_rec.report.evidence import Spread, references_of, require_references, spread, with_ratio
from r2u_rec.report.provenance import machine_kind, versions
from r2u_rec.report.results import RunResult, load, save
from r2u_rec.report.table import markdown_table, print_table, tabulate
from r2u_rec.report.verdict import Statement, statements

__all__ = [
    "RATIO",
    "RETRAINED",
    "Column",
    "RunResult",
    "Spread",
    "Statement",
    "column",
    "load",
    "machine_kind",
    "markdown_table",
    "print_table",
    "read_benchmark",
    "references_of",
    "require_references",
    "save",
    "spread",
    "statements",
    "tabulate",
    "versions",
    "with_ratio",
    "write_benchmark",
]

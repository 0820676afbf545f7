"""Proof and MethodComparison: what was measured about forgetting, as rows, as a verdict in words, and as a page."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from r2u_rec.report.page import write_page
from r2u_rec.report.results import RunResult
from r2u_rec.report.table import markdown_table
from r2u_rec.report.verdict import statements

if TYPE_CHECKING:
    import pandas as pd


class ForgettingReport:
    """What `r2u.audit` and `r2u.compare` return.

    Attributes:
        result: everything that was measured, with settings, seeds, hashes of the split, versions and machine.
    """

    def __init__(self, result: RunResult) -> None:
        self.result = result

    @property
    def rows(self) -> pd.DataFrame:
        """One row a way to train, method (`operator`) and seed; the retrained references have the operator "retrained"."""
        import pandas as pd

        return pd.DataFrame([dict(row) for row in self.result.rows])

    @property
    def verdict(self) -> str:
        """What is said of each method, a line each: good, mixed or bad, and why; what no method was done to is left out."""
        return "\n".join(f"{said.method}: {said.badge}" for said in statements(self.result.rows) if not said.baseline)

    def summary(self) -> str:
        """Returns question, verdict with its sentences, and the table as text."""
        lines = [self.result.question, ""]
        for said in statements(self.result.rows):
            lines += [f"{said.method}: {said.badge}", *(f"  {sentence}" for sentence in said.sentences)]
        return "\n".join([*lines, "", markdown_table(self.result.rows)])

    def to_html(self, path: str | PathLike[str]) -> Path:
        """Writes the report as one page that needs no network, and returns its path."""
        return write_page(self.result, Path(path))

    def __repr__(self) -> str:
        said = [s for s in statements(self.result.rows) if not s.baseline]
        told = ", ".join(f"{s.names.get('operator')}: {s.status}" for s in said)
        n = sum(row.get("operator") == "retrained" for row in self.result.rows)
        return f"<{self.result.name}: {told}; against {n} retrained models>"

"""The fairness figures as cells of two tables, and a sentence on how to read them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from r2u_rec.revocability.reports.fairness import Fairness

Cells = tuple[list[str], list[list[str]]]
"""Headings and rows."""


def fairness_tables(found: Fairness) -> tuple[Cells, Cells]:
    """Returns the table of groups, whose first two columns are names, and that of tests, whose first column is one."""
    groups = pd.DataFrame(
        {
            "column": found.groups["column"],
            "group": found.groups["group"],
            "users": found.groups["n"].map("{:,}".format),
            "flagged": found.groups["flagged"].map("{:,}".format),
            "share [95 %]": [
                f"{_percent(s)} [{_percent(a)}, {_percent(b)}]" for s, a, b in found.groups[["share", "low", "high"]].to_numpy()
            ],
            "ratio": found.groups["ratio"].map(_figure),
            "mean score": found.groups["mean_score"].map("{:.3f}".format),
        }
    )
    if "withdrew" in found.groups:
        groups["withdrew"] = found.groups["withdrew"].map("{:,}".format)
        for name in ("precision", "recall"):
            groups[name] = found.groups[name].map(_percent)
    tests = pd.DataFrame(
        {
            "column": found.tests["column"],
            "groups": found.tests["n_groups"].astype("str"),
            "chi-square": found.tests["chi_square"].map(_figure),
            "p": found.tests["p"].map(_p),
            "p (Holm)": found.tests["p_holm"].map(_p),
            "Cramér's V": found.tests["cramers_v"].map(_figure),
            "by": found.tests["how"],
        }
    )
    return _cells(groups), _cells(tests)


def fairness_note(found: Fairness) -> str:
    """Returns how many are flagged in all, and how the tables are to be read."""
    return (
        f"{found.flagged:,} of {found.n:,} users with records are flagged ({_percent(found.flagged / max(found.n, 1))}); ratio: share by "
        f"overall share. Groups below {found.min_size} users are shown together. A small p says that groups differ, not why."
    )


def _cells(frame: pd.DataFrame) -> Cells:
    return [str(name) for name in frame.columns], [[str(cell) for cell in row] for row in frame.to_numpy()]


def _percent(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.1%}"


def _figure(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.2f}"


def _p(value: float) -> str:
    return "–" if pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"

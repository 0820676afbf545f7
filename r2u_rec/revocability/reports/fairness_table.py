"""The fairness figures as text for a terminal, or as Markdown."""

from __future__ import annotations

from typing import Any

import pandas as pd

from r2u_rec.revocability.reports.fairness import Fairness


def fairness_text(found: Fairness, *, markdown: bool = False) -> str:
    """Returns two tables, groups and tests, and a line on how to read them; without a line break at the end."""
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
    said = (
        f"{found.flagged:,} of {found.n:,} users with records are flagged ({_percent(found.flagged / max(found.n, 1))}); ratio: share by "
        f"overall share. Groups below {found.min_size} users are shown together. A small p says that groups differ, not why."
    )
    return "\n\n".join([_drawn(groups, 2, markdown), _drawn(tests, 1, markdown), said])


def _drawn(frame: pd.DataFrame, n_left: int, markdown: bool) -> str:
    """Columns aligned, the first `n_left` to the left."""
    cells = [[str(name) for name in frame.columns], *([str(cell) for cell in row] for row in frame.to_numpy())]
    if markdown:
        cells = [[cell.replace("|", "\\|") for cell in row] for row in cells]
        cells.insert(1, [":--"] * n_left + ["--:"] * (len(frame.columns) - n_left))
        return "\n".join("| " + " | ".join(row) + " |" for row in cells)
    widths = [max(len(row[i]) for row in cells) for i in range(len(frame.columns))]
    lines = ["  ".join(c.ljust(w) if i < n_left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))) for row in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def _percent(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.1%}"


def _figure(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.2f}"


def _p(value: float) -> str:
    return "–" if pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"

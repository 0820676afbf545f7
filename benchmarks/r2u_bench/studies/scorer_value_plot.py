"""The picture of the study `scorer_value`: a row for each scorer, a mark for each kind of request, standard training beside it."""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import Any

from matplotlib.lines import Line2D

from r2u_bench.studies.scorer_value_population import ANYONE, FLAGGED, LOWER, OTHER, OWN  # beside this file
from r2u_rec.report.columns import RATIO
from r2u_rec.report.evidence import Spread, spread, with_ratio
from r2u_rec.report.figures.canvas import GRID, INK, MARKERS, MUTED, PAPER, SERIES, sheet

KINDS = (OWN, OTHER, LOWER, ANYONE)
SAME = {FLAGGED: OTHER}
"""What a request is called in the row of a model that no scorer helped to prepare."""

RATIO_OF = "NDCG@20" + RATIO
STANDARD, EVERYONE = "standard", "prepared for everyone"
LEFT_OUT = ("retrained", STANDARD)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draws the rows of the full table; each mark stands on a line to what standard training keeps at the same requests."""
    rows = with_ratio(rows, "NDCG@20")
    at = {(r["arm"], r["seed"], r["request"]): r.get(RATIO_OF) for r in rows}
    arms = [arm for arm in dict.fromkeys(r["arm"] for r in rows) if not arm.startswith(LEFT_OUT)]
    height = 0.66 * len(arms) + 1.75
    with sheet(height) as (figure, axes):
        figure.set_size_inches(7.6, height)
        for place, arm in enumerate(arms):
            for i, kind in enumerate(KINDS):
                mine = [r for r in rows if r["arm"] == arm and SAME.get(r["requests_from"], r["requests_from"]) == kind]
                kept, standard, everyone = (_over_seeds(at, name, mine) for name in (arm, STANDARD, EVERYONE))
                if kept and standard:
                    _mark(axes, place + (i - 1.5) * 0.19, kept, standard, i)
                if everyone and arm != EVERYONE:
                    axes.plot(everyone.mean, place + (i - 1.5) * 0.19, "|", ms=9, color=INK, mew=1.4, zorder=5)
            if place:
                axes.axhline(place - 0.5, color=GRID, lw=0.8)
        axes.axvline(1, color=INK, lw=1.2)
        axes.annotate("retrained", (1, 1.01), xycoords=("data", "axes fraction"), ha="right", va="bottom", fontsize=9.5)
        axes.annotate("prepared", (-0.015, 1.01), xycoords="axes fraction", ha="right", va="bottom", color=MUTED)
        axes.set_yticks(range(len(arms)), [arm.removeprefix("prepared ") for arm in arms])
        axes.set_ylim(len(arms) - 0.5, -0.5)
        axes.set_xlim(right=1.005)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("NDCG@20 of those who stay, at equal imprint, as a share of retraining's")
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        figure.legend(handles=_legend(), loc="outside lower center", ncols=2, frameon=False, fontsize=9.5)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=160, facecolor="white", metadata={"Software": None})


def _over_seeds(at: dict[tuple[str, int, str], float | None], arm: str, rows: list[dict[str, Any]]) -> Spread | None:
    """The spread over seeds of what the arm keeps at the requests of `rows`, each seed's mean over its requests."""
    by_seed: dict[int, list[float]] = {}
    for row in rows:
        value = at.get((arm, row["seed"], row["request"]))
        if value is not None:
            by_seed.setdefault(row["seed"], []).append(value)
    return spread(fmean(found) for found in by_seed.values())


def _mark(axes: Any, y: float, kept: Spread, base: Spread, i: int) -> None:
    axes.plot([base.mean, kept.mean], [y, y], color=SERIES[i], lw=1.0, alpha=0.55, zorder=2)
    axes.plot(base.mean, y, MARKERS[i], ms=5.5, mfc=PAPER, mec=SERIES[i], mew=1.1, zorder=3)
    axes.errorbar(kept.mean, y, xerr=kept.sd or 0, fmt=MARKERS[i], ms=6.5, color=SERIES[i], elinewidth=1.8, capsize=2.5, zorder=4)


def _legend() -> list[Line2D]:
    marks = [Line2D([], [], color=SERIES[i], marker=MARKERS[i], ls="", ms=6.5, label=f"asked by {kind}") for i, kind in enumerate(KINDS)]
    hollow = Line2D([], [], color=MUTED, marker="o", mfc=PAPER, lw=1.0, ms=5.5, label="standard training, same requests")
    return [*marks, hollow, Line2D([], [], color=INK, marker="|", ls="", ms=9, mew=1.4, label="prepared for everyone, same requests")]

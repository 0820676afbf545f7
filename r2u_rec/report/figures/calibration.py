"""The calibration plot: what was predicted against what came, a point for each group of users of like probability."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from r2u_rec.report.figures.canvas import INK, MUTED, PAPER, SERIES, sheet, svg
from r2u_rec.report.results import Row

_HEIGHT = 4.6
DOTS_PER_INCH = 144


def calibration_plot(rows: Sequence[Row], *, outcome: str = "withdrew", notes: Sequence[str] = ()) -> str:
    """Returns the SVG of observed shares over predicted probabilities, a point a bin, for a page.

    Args:
        rows: one a bin: `n`, `predicted`, `observed`, and its interval `low`, `high`, all but n as shares.
        outcome: what the observed share counts, for the axis.
        notes: lines written above the figure, such as the AUC with its interval.

    Raises:
        ValueError: no bins.
    """
    with sheet(_HEIGHT) as (figure, axes):
        _draw(axes, rows, outcome, notes)
        return svg(figure, name="calibration")


def write_calibration_plot(rows: Sequence[Row], path: Path, *, outcome: str = "withdrew", notes: Sequence[str] = ()) -> None:
    """Writes the plot as a file of its own, on white: SVG or PNG by the ending of `path`; otherwise as `calibration_plot`."""
    if path.suffix not in (".svg", ".png"):
        raise ValueError(f"a plot must end in .svg or .png, got {path}")
    with sheet(_HEIGHT) as (figure, axes):
        _draw(axes, rows, outcome, notes)
        nameless = {"Software": None} if path.suffix == ".png" else {"Date": None, "Creator": None, "Format": None, "Type": None}
        part = path.with_name(f".{path.stem}.part{path.suffix}")
        figure.savefig(part, dpi=DOTS_PER_INCH, facecolor="white", metadata=nameless)
    part.replace(path)


def _draw(axes: Axes, rows: Sequence[Row], outcome: str, notes: Sequence[str]) -> None:
    if not rows:
        raise ValueError("a calibration plot needs at least one bin, got 0: validate a scorer first")
    predicted, observed, low, high, n = (np.array([row[key] for row in rows]) for key in ("predicted", "observed", "low", "high", "n"))
    right, top = min(1.0, 1.12 * predicted.max()), min(1.0, 1.08 * high.max())
    end = min(right, top)
    axes.plot([0, end], [0, end], color=MUTED, lw=1, ls=(0, (5, 3)), zorder=1, label="as predicted")
    axes.errorbar(
        predicted, observed, yerr=[observed - low, high - observed], fmt="o", ms=6.5, color=SERIES[0], mec=PAPER, mew=0.8,
        elinewidth=1.4, capsize=2.5, zorder=3, clip_on=False, label=f"{_numbers(n)} users each, 95 % interval",
    )  # fmt: skip
    axes.set_xlim(0, right)
    axes.set_ylim(0, top)
    axes.set_xlabel("predicted probability, mean of a group")
    axes.set_ylabel(f"share who {outcome}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axes.grid()
    axes.figure.legend(loc="outside upper left", frameon=False, fontsize=9.5, ncols=2, handlelength=2.2, borderpad=0, labelcolor=INK)
    axes.set_title("\n".join(notes), loc="left", color=INK, fontsize=9.5, linespacing=1.35)


def _numbers(n: np.ndarray) -> str:
    return f"{n.min():,}" if n.min() == n.max() else f"{n.min():,} to {n.max():,}"

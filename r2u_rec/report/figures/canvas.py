"""The drawing surface: colours that follow the page's light or dark theme, and axes of AUCs that end at 1."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, MUTED, GRID, PAPER = "#1b1f24", "#5c6670", "#d8dde3", "#fefdfc"

SERIES = ("#0067a5", "#c24a00", "#00795c", "#9c3d78", "#7d5e00", "#5b55b8", "#4d6a2f", "#a83240")
"""Tell apart with every common colour blindness together with DASHES and MARKERS; dark enough for text on white."""

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.4)), (0, (6, 2, 1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")

THEME = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--paper"} | {colour: f"--s{i}" for i, colour in enumerate(SERIES)}
"""Every colour of a figure is a variable of the page."""

WIDTH = 5.6
"""Inches of every figure, 403 CSS units: the width of a telephone, so that text keeps its size there."""

_STYLE: dict[Any, Any] = {
    "font.size": 10.5,
    "font.family": ["DejaVu Sans"],
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.8,
    "text.parse_math": False,  # a name with two dollar signs is a name
    "svg.fonttype": "path",
    "svg.hashsalt": "r2u_rec",
}


@contextmanager
def sheet(height: float, **options: Any) -> Iterator[tuple[Figure, Any]]:
    """Yields a figure and its axes in the house style; `options` go to `Figure.subplots`. No global state is left."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, height), dpi=72, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure, figure.subplots(**options)


def svg(figure: Figure, *, name: str) -> str:
    """Returns the figure as an `<svg>` element to be put into a page; colours are the page's variables.

    Args:
        figure: drawn inside `sheet`.
        name: prefix of all its ids, unique in the page.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)  # matplotlib repeats each label in a comment
    text = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"|height="[\d.]+pt" |width="[\d.]+pt" ', " ", text, count=2)
    for colour, variable in THEME.items():
        text = text.replace(colour, f"var({variable}, {colour})")
    return text.strip()


def auc_limits(values: Iterable[float]) -> tuple[float, float]:
    """Returns the limits of an axis of AUCs: below the lowest value and 0.5, and 1, beyond which there is nothing."""
    lowest = min([value for value in values if math.isfinite(value)], default=0.5)
    return max(0.0, min(0.45, math.floor(20 * (lowest - 0.02) + 1e-9) / 20)), 1.0


def auc_axis(axes: Axes, which: Literal["x", "y"], values: Iterable[float]) -> None:
    """Makes x or y an axis of AUCs that ends at 1, with ticks at 0.5 and 1, and draws the line of 0.5, where there is nothing to tell."""
    low, high = auc_limits(values)
    ticks = [tick / 10 for tick in range(11) if low <= tick / 10 <= high]
    if which == "x":
        axes.set_xlim(low, high)
        axes.set_xticks(ticks)
        axes.axvline(0.5, color=MUTED, lw=1.1, ls=(0, (3, 2)), zorder=1)
    else:
        axes.set_ylim(low, high)
        axes.set_yticks([tick / 4 for tick in range(5) if low <= tick / 4])
        axes.axhline(0.5, color=MUTED, lw=1.1, ls=(0, (3, 2)), zorder=1)


def upright(axes: Axes, x: float) -> list[tuple[float, float]]:
    """Returns points along the line at x from the bottom to the top of the axes, for names to keep clear of."""
    low, high = axes.get_ylim()
    return [(x, low + share / 40 * (high - low)) for share in range(41)]


def level(axes: Axes, y: float) -> list[tuple[float, float]]:
    """Returns points along the line at y from the left to the right of the axes."""
    low, high = axes.get_xlim()
    return [(low + share / 60 * (high - low), y) for share in range(61)]

"""The drawing surface: colours that follow the page's light or dark theme, and labels that keep clear of each other."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

INK, MUTED, GRID, PAPER = "#1b1f24", "#5c6670", "#d8dde3", "#fefdfc"

SERIES = ("#0067a5", "#c24a00", "#00795c", "#9c3d78", "#7d5e00", "#5b55b8", "#4d6a2f", "#a83240")
"""Tell apart with every common colour blindness together with DASHES and MARKERS; dark enough for text on white."""

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.4)), (0, (6, 2, 1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")

THEME = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--paper"} | {colour: f"--s{i}" for i, colour in enumerate(SERIES)}
"""Every colour of a figure is a variable of the page."""

WIDTH = 5.6
"""Inches of every figure, 403 CSS units: the width of a telephone, so that text keeps its size there."""

_STYLE = {
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


def wrapped(text: str, width: int = 20) -> str:
    """Returns the text broken into lines of about `width` characters, for a label."""
    return "\n".join(textwrap.wrap(text, width, break_long_words=True)[:4]) or " "


def spread_out(places: ArrayLike, gap: float | Sequence[float], low: float, high: float) -> np.ndarray:
    """Returns the places moved as little as need be so that neighbours stand `gap` apart, in [low, high] if they fit.

    Args:
        places: (n,) positions in one direction.
        gap: room that each label needs, one for all or (n,).
    """
    wanted = np.asarray(places, dtype=np.float64)
    n = len(wanted)
    room = np.broadcast_to(np.asarray(gap, dtype=np.float64), (n,))
    order = np.argsort(wanted, kind="stable")
    offset = np.concatenate([[0.0], np.cumsum((room[order][1:] + room[order][:-1]) / 2)])
    # with the offsets taken off, "gap apart" is "not falling": pool neighbours that would fall (isotonic regression)
    blocks: list[list[float]] = []
    for value in wanted[order] - offset:
        blocks.append([value, 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            value_b, weight_b = blocks.pop()
            value_a, weight_a = blocks.pop()
            blocks.append([(value_a * weight_a + value_b * weight_b) / (weight_a + weight_b), weight_a + weight_b])
    level = np.concatenate([np.full(int(weight), value) for value, weight in blocks]) if blocks else np.empty(0)
    level = np.clip(level, low, max(low, high - (offset[-1] if n else 0.0)))
    out = np.empty(n)
    out[order] = level + offset
    return out


def label_points(
    axes: Axes, points: Sequence[tuple[float, float]], texts: Sequence[str], colours: Sequence[str], *, avoid: ArrayLike = ()
) -> None:
    """Writes each text near its point so that it covers no other text, no point of `avoid` and no edge, as far as possible.

    Tries places around the point at growing distance and takes the one that covers least; a thin line leads back to the
    point when the label had to move away. Call it last: limits and layout must stand.

    Args:
        axes: with its final limits.
        points: (x, y) in data units, one a text.
        texts, colours: of the labels.
        avoid: (m, 2) further points in data units that labels should keep clear of.
    """
    figure = axes.figure
    figure.canvas.draw()
    frame = axes.get_window_extent()
    obstacles = np.vstack([np.asarray(points, dtype=np.float64).reshape(-1, 2), np.asarray(avoid, dtype=np.float64).reshape(-1, 2)])
    obstacles = axes.transData.transform(obstacles)
    taken: list[tuple[float, float, float, float]] = []
    for (x, y), text, colour in zip(points, texts, colours, strict=True):
        at = axes.transData.transform((x, y))
        probe = axes.text(x, y, text, fontsize=9.5, linespacing=1.05)
        extent = probe.get_window_extent()
        probe.remove()
        width, height = extent.width + 4, extent.height + 4
        best: tuple[float, float, float] | None = None
        for radius in (9, 20, 34, 52, 75, 100):
            for angle in np.deg2rad([0, 180, 35, -35, 145, -145, 90, -90, 65, -65, 115, -115]):
                cx = at[0] + math.cos(angle) * (radius + width / 2)
                cy = at[1] + math.sin(angle) * (radius + height / 2)
                box = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
                cost = radius * 0.6 + _covered(box, taken, obstacles, frame)
                if best is None or cost < best[0]:
                    best = (cost, cx, cy)
        assert best is not None
        _, cx, cy = best
        taken.append((cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2))
        far = math.hypot(max(abs(cx - at[0]) - width / 2, 0), max(abs(cy - at[1]) - height / 2, 0)) > 14
        place = axes.transData.inverted().transform((cx, cy))
        arrow = {"arrowstyle": "-", "color": colour, "lw": 0.8, "alpha": 0.7, "shrinkA": 0, "shrinkB": 4} if far else None
        axes.annotate(
            text, (x, y), place, color=colour, fontsize=9.5, ha="center", va="center", linespacing=1.05, arrowprops=arrow, zorder=6
        )


def _covered(
    box: tuple[float, float, float, float], taken: list[tuple[float, float, float, float]], points: np.ndarray, frame: Any
) -> float:
    """How bad a place is: area shared with other labels, points underneath, and what sticks out of the frame."""
    x0, y0, x1, y1 = box
    shared = sum(max(min(x1, b) - max(x0, a), 0) * max(min(y1, d) - max(y0, c), 0) for a, c, b, d in taken)
    inside = int(((points[:, 0] > x0) & (points[:, 0] < x1) & (points[:, 1] > y0) & (points[:, 1] < y1)).sum())
    outside = max(frame.x0 - x0, 0) + max(x1 - frame.x1, 0) + max(frame.y0 - y0, 0) + max(y1 - frame.y1, 0)
    return 4.0 * shared + 25.0 * inside + 60.0 * outside

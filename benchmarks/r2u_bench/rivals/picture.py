"""The picture of the benchmark: what each system keeps against what it leaves behind, one labelled point a system."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from r2u_bench.rivals.summary import Line
from r2u_bench.rivals.systems.registry import FAMILIES
from r2u_bench.rivals.tables import REFERENCES, Reference, label
from r2u_rec.errors import EvidenceError
from r2u_rec.report.figures.canvas import INK, MARKERS, MUTED, PAPER, SERIES, sheet, svg

BAND = (0.45, 0.55)
"""Imprint AUC in which nothing is to be told from chance."""

NEAR = (0.90, 0.15)
"""Systems that keep at least this much, and whose AUC is no farther than this from 0.5, are drawn again in a close-up."""

LEAST = (0.975, 1.005)
"""Kept utility that is always in the picture, so that noise does not look like a difference."""

LOOK = {family: ((INK, *SERIES)[i % 9], MARKERS[i % len(MARKERS)]) for i, family in enumerate(FAMILIES)}
"""Colour and marker of each family."""

Box = tuple[float, float, float, float]
Window = tuple[tuple[float, float], tuple[float, float]]
FONT = 8.5


def unplaced(lines: Sequence[Line]) -> list[Line]:
    """Returns the systems that have no place in the picture, since no imprint of them is reported."""
    return [line for line in lines if line.auc is None]


def draw(lines: Sequence[Line], *, reference: Reference | None = None, name: str = "rivals") -> str:
    """Returns the SVG of the systems of one recommender: kept utility over imprint AUC, with one standard deviation.

    Args:
        lines: of one recommender. reference: its retrained models, drawn as a star at a utility of 1.
        name: prefix of all ids, unique in the page.

    Raises:
        EvidenceError: no system has an imprint.
    """
    with sheet(6.6, ncols=2 if close_up(lines) else 1) as (figure, axes):
        _draw(figure, axes, lines, reference)
        return svg(figure, name=name)


def save_png(lines: Sequence[Line], path: Path, *, reference: Reference | None = None, dpi: int = 144) -> Path:
    """Writes the picture on white as a PNG and returns its path; raises as `draw`."""
    with sheet(6.6, ncols=2 if close_up(lines) else 1) as (figure, axes):
        _draw(figure, axes, lines, reference)
        figure.savefig(path, format="png", dpi=dpi, facecolor="white")
    return path


def close_up(lines: Sequence[Line]) -> Window | None:
    """Returns ((lowest, highest AUC), (lowest, highest utility)) of the close-up; None where it would show nothing better.

    There is one when three systems are near the target and one is far from it.
    """
    near = [line for line in lines if line.auc is not None and line.utility.mean >= NEAR[0] and abs(line.auc.mean - 0.5) <= NEAR[1]]
    if len(near) < 3 or len(near) == len(lines) - len(unplaced(lines)):
        return None
    aucs, kept = [line.auc.mean for line in near if line.auc], [line.utility.mean for line in near]
    x, y = (min(*aucs, BAND[0]), max(*aucs, BAND[1])), (min(*kept, LEAST[0]), max(*kept, LEAST[1]))
    return (x[0] - 0.1 * (x[1] - x[0]), x[1] + 0.1 * (x[1] - x[0])), (y[0] - 0.12 * (y[1] - y[0]), y[1] + 0.12 * (y[1] - y[0]))


def _draw(figure: Figure, axes: Any, lines: Sequence[Line], reference: Reference | None) -> None:
    placed = [line for line in lines if line.auc is not None]
    if not placed:
        raise EvidenceError(f"none of {len(lines)} systems has an imprint, so there is nothing to draw: see why it was refused")
    window = close_up(lines)
    figure.set_size_inches(11.5 if window else 8.0, 6.6)
    panels = list(np.ravel(axes))
    if window:
        panels[0].get_gridspec().set_width_ratios([1.0, 1.35])
    for panel in panels:
        _points(panel, placed, reference)
    within = [window is not None and _inside(line, window) for line in placed]
    if window:
        (x0, x1), (y0, y1) = window
        panels[0].add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec=MUTED, lw=0.9, ls=(0, (3, 2)), zorder=2))
        panels[0].annotate("close-up, right", (x0, y0), (2, -9), textcoords="offset points", fontsize=8, color=MUTED)
        panels[0].set_title("all systems", loc="left", fontsize=10.5)
        panels[1].set_title("close-up of the systems near the target", loc="left", fontsize=10.5)
        panels[1].set(xlim=window[0], ylim=window[1])
    panels[0].set_ylabel("kept: NDCG@20 of those who stay / retrained")
    for panel in panels:
        panel.set_xlabel("imprint AUC (0.5: nothing to tell; above: remembered; below: over-forgotten)", fontsize=9)
    seen = [family for family in FAMILIES if any(line.family == family for line in placed)]
    handles = [Line2D([], [], color=LOOK[f][0], marker=LOOK[f][1], ls="", ms=6, label=FAMILIES[f]) for f in seen]
    if reference is not None and reference.auc is not None:
        handles.append(Line2D([], [], color=INK, marker="*", ls="", ms=12, label=REFERENCES))
    figure.legend(handles=handles, loc="outside lower center", ncols=3 if window else 2, frameon=False, fontsize=9)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # labels are placed for the layout as it stands
    stars = [(reference.auc.mean, 1.0)] if reference is not None and reference.auc is not None else []
    far = [line for line, near in zip(placed, within, strict=True) if not near]
    place_labels(panels[0], far, [line for line in placed if line not in far], stars)
    if window:
        place_labels(panels[1], [line for line in placed if line not in far], far, stars)


def _inside(line: Line, window: Window) -> bool:
    (x0, x1), (y0, y1) = window
    return line.auc is not None and x0 <= line.auc.mean <= x1 and y0 <= line.utility.mean <= y1


def _points(axes: Axes, lines: Sequence[Line], reference: Reference | None) -> None:
    axes.axvspan(*BAND, color=SERIES[2], alpha=0.10, lw=0)
    axes.axvline(0.5, color=SERIES[2], lw=0.9, ls=(0, (3, 2)), zorder=1)
    axes.axhline(1.0, color=MUTED, lw=0.9, ls=(0, (3, 2)), zorder=1)
    for line in lines:
        assert line.auc is not None
        colour, marker = LOOK[line.family]
        axes.errorbar(
            line.auc.mean, line.utility.mean, xerr=line.auc.sd, yerr=line.utility.sd, color=colour, elinewidth=1.0, alpha=0.35, zorder=3
        )
        axes.plot(line.auc.mean, line.utility.mean, marker, color=colour, mec=PAPER, mew=0.7, ms=6.5, zorder=5)
    if reference is not None and reference.auc is not None:
        axes.errorbar(
            reference.auc.mean, 1.0, xerr=reference.auc.sd, yerr=reference.utility.sd, color=INK, elinewidth=1.0, alpha=0.5, zorder=3
        )
        axes.plot(reference.auc.mean, 1.0, "*", color=INK, mec=PAPER, mew=0.7, ms=13, zorder=4)
    axes.margins(0.09)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, LEAST[0]), max(high, LEAST[1]))
    axes.grid(axis="y")


def place_labels(axes: Axes, lines: Sequence[Line], others: Sequence[Line], stars: Sequence[tuple[float, float]]) -> list[Box]:
    """Writes the name of each of `lines` beside its point and returns the boxes, in pixels; a thin line leads back from one that moved.

    Places around each point are tried at growing distance. After a first round each label is moved again, with all others as they
    stand, until none gains by it: what comes first does not spoil what comes later.

    Args:
        axes: with its final limits and layout. others, stars: further points that labels keep clear of.
    """
    at = axes.transData.transform([(line.auc.mean, line.utility.mean) for line in lines if line.auc] or np.empty((0, 2)))
    further = [(line.auc.mean, line.utility.mean) for line in others if line.auc] + list(stars)
    points = np.vstack([at, axes.transData.transform(further)]) if further else at
    sizes = [_size(axes, label(line)) for line in lines]
    frame = axes.get_window_extent()
    candidates = [_around(point, size) for point, size in zip(at, sizes, strict=True)]
    own = [_alone(boxes, point, points, (frame.x0, frame.y0, frame.x1, frame.y1)) for boxes, point in zip(candidates, at, strict=True)]
    chosen: list[int | None] = [None] * len(lines)
    for _ in range(8):
        before = list(chosen)
        for i in np.argsort([-float((np.hypot(*(at - point).T) < 60).sum()) for point in at], kind="stable"):
            cost = own[i].copy()
            for j, there in enumerate(chosen):
                if there is not None and j != i:
                    cost += _shared(candidates[i], candidates[j][there])
                    cost += 30.0 * _crossed(at[i], candidates[i], at[j], candidates[j][there])
            chosen[i] = int(np.argmin(cost))
        if chosen == before:
            break
    out = []
    for line, point, boxes, there in zip(lines, at, candidates, chosen, strict=True):
        assert there is not None
        _write(axes, line, point, boxes[there])
        x0, y0, x1, y1 = map(float, boxes[there])
        out.append((x0, y0, x1, y1))
    return out


def _write(axes: Axes, line: Line, point: NDArray[np.float64], box: NDArray[np.float64]) -> None:
    colour = LOOK[line.family][0]
    x, y = axes.transData.inverted().transform(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
    text = axes.text(x, y, label(line), color=colour, fontsize=FONT, ha="center", va="center", zorder=7)
    text.set_path_effects([withStroke(linewidth=2.4, foreground=PAPER)])
    nearest = np.clip(point, box[:2], box[2:])
    if math.hypot(*(nearest - point)) > 9:
        ends = axes.transData.inverted().transform([point, nearest])
        axes.plot(*ends.T, color=colour, lw=0.8, alpha=0.75, zorder=4, scalex=False, scaley=False)


def _size(axes: Axes, text: str) -> tuple[float, float]:
    probe = axes.text(0, 0, text, fontsize=FONT)
    extent = probe.get_window_extent()
    probe.remove()
    return extent.width + 4, extent.height + 2


def _around(point: NDArray[np.float64], size: tuple[float, float]) -> NDArray[np.float64]:
    """Boxes (n, 4) around a point, near ones first."""
    boxes = []
    for radius in (7, 14, 24, 36, 50, 66, 84, 104, 126, 150, 180):
        for angle in np.deg2rad(np.arange(0, 360, 15)):
            x = point[0] + math.cos(angle) * (radius + size[0] / 2)
            y = point[1] + math.sin(angle) * (radius + size[1] / 2)
            boxes.append((x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2))
    return np.array(boxes)


def _alone(boxes: NDArray[np.float64], point: NDArray[np.float64], points: NDArray[np.float64], frame: Box) -> NDArray[np.float64]:
    """Cost (n,) of each box whatever the other labels do: its distance, the points under it, and what sticks out of the frame."""
    x0, y0, x1, y1 = boxes.T
    gap = np.hypot(np.maximum(np.maximum(x0 - point[0], point[0] - x1), 0), np.maximum(np.maximum(y0 - point[1], point[1] - y1), 0))
    px, py = points[:, 0][:, None], points[:, 1][:, None]
    under = ((px > x0 - 4) & (px < x1 + 4) & (py > y0 - 4) & (py < y1 + 4)).sum(axis=0)
    outside = sum(np.maximum(over, 0) for over in (frame[0] - x0, x1 - frame[2], frame[1] - y0, y1 - frame[3]))
    return np.asarray(gap + 60.0 * under + 80.0 * outside)


def _shared(boxes: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cost (n,) of the area that each box shares with another."""
    width = np.minimum(boxes[:, 2], other[2]) - np.maximum(boxes[:, 0], other[0])
    height = np.minimum(boxes[:, 3], other[3]) - np.maximum(boxes[:, 1], other[1])
    return np.where((width > 0) & (height > 0), 200.0 + width * height, 0.0)


def _crossed(
    point: NDArray[np.float64], boxes: NDArray[np.float64], other_point: NDArray[np.float64], other: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Whether (n,) the line from the point to each box meets that of the other, or the other's text."""
    ends = np.clip(point, boxes[:, :2], boxes[:, 2:])
    end = np.clip(other_point, other[:2], other[2:])

    def side(a: Any, b: Any, c: Any) -> Any:
        return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])

    meets = (side(point, ends, other_point) * side(point, ends, end) < 0) & (
        side(other_point, end, point) * side(other_point, end, ends) < 0
    )
    steps = point + np.linspace(0.1, 1, 8)[:, None, None] * (ends - point)  # (8, n, 2)
    through = ((steps > other[:2]) & (steps < other[2:])).all(axis=2).any(axis=0)
    back = other_point + np.linspace(0.1, 1, 8)[:, None, None] * (end - other_point)  # (8, 1, 2)
    under = ((back > boxes[:, :2]) & (back < boxes[:, 2:])).all(axis=2).any(axis=0)
    return np.asarray(meets.astype(float) + through + under)

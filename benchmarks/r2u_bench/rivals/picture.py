"""The picture of the benchmark: what each system keeps against what it leaves behind, one labelled point a system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MultipleLocator

from r2u_bench.rivals.summary import Line
from r2u_bench.rivals.tables import REFERENCES, Reference, label
from r2u_rec.errors import EvidenceError
from r2u_rec.registry.specs import FAMILIES
from r2u_rec.report.figures.canvas import INK, MARKERS, MUTED, PAPER, SERIES, auc_axis, sheet, svg
from r2u_rec.report.figures.labels import Box, name_points

BAND = (0.45, 0.55)
"""Imprint AUC in which nothing is to be told from chance."""

NEAR = (0.90, 0.15)
"""Systems that keep at least this much, and whose AUC is no farther than this from 0.5, are drawn again in a close-up."""

LEAST = (0.975, 1.005)
"""Kept utility that is always in the picture, so that noise does not look like a difference."""

LOOK = {family: ((INK, *SERIES)[i % 9], MARKERS[i % len(MARKERS)]) for i, family in enumerate(FAMILIES)}
"""Colour and marker of each family."""

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
        panels[1].xaxis.set_major_locator(MultipleLocator(0.05))
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
    auc_axis(axes, "x", [line.auc.mean - (line.auc.sd or 0) for line in lines if line.auc])
    axes.margins(y=0.09)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, LEAST[0]), max(high, LEAST[1]))
    axes.grid(axis="y")


def place_labels(axes: Axes, lines: Sequence[Line], others: Sequence[Line], stars: Sequence[tuple[float, float]]) -> list[Box]:
    """Writes the name of each of `lines` beside its point and returns the boxes, in pixels; see `name_points`."""
    at, further = ([(line.auc.mean, line.utility.mean) for line in each if line.auc] for each in (lines, others))
    colours = [LOOK[line.family][0] for line in lines]
    reach = np.linspace(-1, 1, 9)
    bars = [(line.auc.mean + t * (line.auc.sd or 0), line.utility.mean) for line in lines if line.auc for t in reach]
    return name_points(axes, at, [label(line) for line in lines], colours, others=further, stars=stars, avoid=bars, fontsize=FONT)

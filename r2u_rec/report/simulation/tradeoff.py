"""Two figures to choose by: how long the erased wait under each policy, and what is left of them against what the others keep."""

from __future__ import annotations

from typing import Any

import numpy as np

from r2u_rec.optional import needed_for
from r2u_rec.report.figures.canvas import GRID, INK, MUTED, PAPER, label_points, sheet, svg, wrapped
from r2u_rec.report.simulation.advice import LIMIT
from r2u_rec.report.simulation.frames import numbers
from r2u_rec.report.simulation.plots import looks
from r2u_rec.report.simulation.results import Simulation
from r2u_rec.report.simulation.table import choose_table, erased_by, line_of

with needed_for("a figure"):
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

SHORTEST = 1 / 3600
"""Hours; what took no time at all is drawn at one second."""

_MARKS = ((1 / 3600, "1 s"), (1 / 60, "1 min"), (1, "1 h"), (24, "1 day"), (168, "1 week"), (8766, "1 year"))

CLEAR = 18.0
"""Pixels by which a curve should be alone where its name stands."""

SMALLEST, LARGEST = 18.0, 200.0
"""Areas of the dots in square points: of no compute, and of the policy that computes most."""


def hours_to_erase(sim: Simulation) -> str:
    """Returns the SVG of the share of requests carried out within so many hours, a step line a policy, the deadline marked.

    Raises:
        EvidenceError: as `choose_table`.
    """
    with sheet(3.9) as (figure, axes):
        draw_hours(figure, axes, sim)
        return svg(figure, name="hours")


def draw_hours(figure: Figure, axes: Axes, sim: Simulation) -> None:
    """Draws the hours to erase, all seeds together."""
    look = looks(sim)
    allowed = (numbers(sim.requests, "due") - numbers(sim.requests, "received")) / 3600
    curves = {name: erased_by(sim.part("requests", name), sim.end) for name in sim.policies}
    known = [np.maximum(hours, SHORTEST) for hours, _ in curves.values() if len(hours)]
    left = min([hours.min() for hours in known], default=1.0)
    right = max([allowed.max(), *(hours.max() for hours in known)]) * 4  # room for names
    ends = []
    for name, (hours, done) in curves.items():
        style = look[name]
        x = np.concatenate([[left / 1.6], np.maximum(hours, SHORTEST), [right]])
        y = np.concatenate([[0.0], done, [done[-1] if len(done) else 0.0]])
        axes.step(x, y, where="post", color=style.colour, ls=style.dash, lw=1.6)
        ends.append((x, y, style.label, style.colour))
    axes.axvspan(allowed.min(), allowed.max(), color=GRID, lw=0, zorder=0)
    axes.axvline(allowed.max(), color=MUTED, lw=1, ls=(0, (3, 2)), zorder=1)
    axes.set_xscale("log")
    axes.set_xlim(left / 1.6, right)
    axes.set_ylim(-0.02, 1.06)
    marks = [(at, text) for at, text in _MARKS if left / 1.6 <= at <= right]
    axes.xaxis.set_major_locator(FixedLocator([at for at, _ in marks]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: dict(marks).get(value, "")))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    axes.grid()
    axes.set_xlabel("from receipt until carried out (log scale)")
    axes.set_ylabel("requests carried out")
    axes.annotate("deadline", (allowed.max(), 1.0), xycoords=("data", "axes fraction"), xytext=(-4, 3), textcoords="offset points",
                  ha="right", va="bottom", fontsize=9, color=MUTED)  # fmt: skip
    figure.draw_without_rendering()
    _name_curves(axes, ends, [float(allowed.max())])


def _name_curves(axes: Axes, curves: list[tuple[Any, Any, str, str]], lines: list[float]) -> None:
    """Writes each name beside its own curve, at the point and on the side where it covers least of any curve, line or name.

    Args:
        axes: limits and layout as they will stand.
        curves: hours and shares of each step line, its name and colour.
        lines: upright lines to keep clear of.
    """
    frame = axes.get_window_extent()
    tracks = [_track(axes, x, y) for x, y, _, _ in curves]
    upright = [axes.transData.transform([(x, y) for y in np.linspace(0, 1, 60)]) for x in lines]
    ink = np.vstack([*tracks, *upright])
    taken: list[tuple[float, float, float, float]] = []
    for i, (_, _, name, colour) in enumerate(curves):
        track, others = tracks[i], np.vstack([*tracks[:i], *tracks[i + 1 :], *upright])
        probe = axes.text(0.5, 0.5, wrapped(name, 10), fontsize=9.5, linespacing=1.05, transform=axes.transAxes)
        extent = probe.get_window_extent()
        probe.remove()
        half_width, half_height = extent.width / 2 + 3, extent.height / 2 + 1
        best: tuple[float, float, float] | None = None
        for px, py in track[:: max(1, len(track) // 80)]:
            alone = min(float(np.hypot(others[:, 0] - px, others[:, 1] - py).min()), CLEAR)  # a name beside two curves names neither
            for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                cx, cy = px + dx * (half_width + 3), py + dy * (half_height + 3)
                box = (cx - half_width, cy - half_height, cx + half_width, cy + half_height)
                inside = ((ink > box[:2]) & (ink < box[2:])).all(axis=1).sum()
                shared = sum(max(min(box[2], c) - max(box[0], a), 0) * max(min(box[3], d) - max(box[1], b), 0) for a, b, c, d in taken)
                outside = max(frame.x0 - box[0], 0) + max(box[2] - frame.x1, 0) + max(frame.y0 - box[1], 0) + max(box[3] - frame.y1, 0)
                cost = 40.0 * inside + 4.0 * shared + 60.0 * outside + 0.05 * abs(cy - (frame.y0 + frame.y1) / 2) + 8.0 * (CLEAR - alone)
                if best is None or cost < best[0]:
                    best = (cost, cx, cy)
        assert best is not None
        _, cx, cy = best
        taken.append((cx - half_width, cy - half_height, cx + half_width, cy + half_height))
        place = axes.transData.inverted().transform((cx, cy))
        axes.text(place[0], place[1], wrapped(name, 10), color=colour, fontsize=9.5, ha="center", va="center", linespacing=1.05, zorder=6)


def _track(axes: Axes, x: Any, y: Any) -> Any:
    """Points every few pixels along a step line, in pixels."""
    corners = np.column_stack([np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]])
    corners = axes.transData.transform(corners)
    lengths = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(corners, axis=0)).sum(axis=1))])
    at = np.linspace(0, lengths[-1], max(2, int(lengths[-1] / 4)))
    return np.column_stack([np.interp(at, lengths, corners[:, 0]), np.interp(at, lengths, corners[:, 1])])


def tradeoff(sim: Simulation) -> str:
    """Returns the SVG of retained quality (up) against the imprint left at the end (across); the dot's area is the compute.

    Raises:
        EvidenceError: as `choose_table`.
    """
    with sheet(4.2) as (figure, axes):
        draw_tradeoff(axes, sim)
        return svg(figure, name="tradeoff")


def draw_tradeoff(axes: Axes, sim: Simulation) -> None:
    """Draws a dot a policy."""
    table, look = choose_table(sim), looks(sim)
    points, texts, colours, avoid = [], [], [], []
    costs = {name: line_of(table, name).figures["cpu_per_month"] for name in sim.policies}
    most = max((cost.mean for cost in costs.values() if cost), default=0.0) or 1.0
    for name in sim.policies:
        figures, style, cost = line_of(table, name).figures, look[name], costs[name]
        left, kept = figures["imprint_end"], figures["ndcg_share"]
        if left is None or kept is None or cost is None:
            continue
        area = SMALLEST + (LARGEST - SMALLEST) * cost.mean / most
        axes.errorbar(left.mean, kept.mean, xerr=left.sd or 0, yerr=kept.sd or 0, fmt="none", ecolor=style.colour, elinewidth=1.1, zorder=3)
        axes.scatter([left.mean], [kept.mean], s=area, color=style.colour, edgecolors=PAPER, linewidths=0.8, zorder=4)
        points.append((left.mean, kept.mean))
        texts.append(f"{wrapped(style.label, 18)}\n{f'{cost.mean:.3g}' if cost.mean < 1000 else f'{cost.mean:,.0f}'} s")
        colours.append(style.colour)
        along = np.linspace(-1, 1, 9)
        avoid += [(left.mean + t * (left.sd or 0), kept.mean) for t in along]
        avoid += [(left.mean, kept.mean + t * (kept.sd or 0)) for t in along]
    first, last = axes.get_xlim()
    avoid += [(x, 1.0) for x in np.linspace(first, last, 120)]
    axes.axvspan(1 - LIMIT, LIMIT, color=GRID, alpha=0.45, lw=0, zorder=0)
    axes.axhline(1.0, color=MUTED, lw=0.9, ls=(0, (3, 2)), zorder=1)
    axes.grid()
    axes.margins(x=0.14, y=0.18)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %"))
    axes.set_xlabel("imprint AUC at the end  (0.5 = nothing to tell)")
    axes.set_ylabel(f"{sim.quality}, share of retrained")
    if points:
        label_points(axes, points, texts, colours, avoid=avoid)
    else:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color=INK)

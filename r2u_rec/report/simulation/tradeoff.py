"""Two figures to choose by: how long the erased wait under each policy, and what is left of them against what the others keep."""

from __future__ import annotations

import numpy as np

from r2u_rec.optional import needed_for
from r2u_rec.report.figures.canvas import GRID, INK, MUTED, PAPER, auc_axis, level, sheet, svg, upright
from r2u_rec.report.figures.labels import name_curves, name_points, wrapped
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
        axes.step(x, y, where="post", color=style.colour, ls=style.dash, lw=1.6, clip_on=False)
        ends.append((x, y, style.label, style.colour))
    axes.axvspan(allowed.min(), allowed.max(), color=GRID, lw=0, zorder=0)
    axes.axvline(allowed.max(), color=MUTED, lw=1, ls=(0, (3, 2)), zorder=1)
    axes.set_xscale("log")
    axes.set_xlim(left / 1.6, right)
    axes.set_ylim(0, 1)
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
    name_curves(axes, ends, upright=[float(allowed.max())])


def tradeoff(sim: Simulation) -> str:
    """Returns the SVG of retained quality (up) against the imprint left at the end (across); the dot's area is the compute.

    Raises:
        EvidenceError: as `choose_table`.
    """
    with sheet(4.2) as (figure, axes):
        draw_tradeoff(figure, axes, sim)
        return svg(figure, name="tradeoff")


def draw_tradeoff(figure: Figure, axes: Axes, sim: Simulation) -> None:
    """Draws a dot a policy."""
    table, look = choose_table(sim), looks(sim)
    points, texts, colours, avoid = [], [], [], []
    costs = {name: line_of(table, name).figures["cpu_per_month"] for name in sim.policies}
    most = max((cost.mean for cost in costs.values() if cost), default=0.0) or 1.0
    for name in sim.policies:
        shown, style, cost = line_of(table, name).figures, look[name], costs[name]
        left, kept = shown["imprint_end"], shown["ndcg_share"]
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
    axes.axvspan(1 - LIMIT, LIMIT, color=GRID, alpha=0.45, lw=0, zorder=0)
    axes.axhline(1.0, color=MUTED, lw=0.9, ls=(0, (3, 2)), zorder=1)
    axes.grid()
    axes.margins(y=0.18)
    auc_axis(axes, "x", [x for x, _ in avoid])
    avoid += level(axes, 1.0) + upright(axes, 0.5)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %"))
    axes.set_xlabel("imprint AUC at the end  (0.5 = nothing to tell, 1 = remembered)")
    axes.set_ylabel(f"{sim.quality}, share of retrained")
    figure.draw_without_rendering()
    if points:
        name_points(axes, points, texts, colours, avoid=avoid)
    else:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color=INK)

"""The timeline of a simulation: what was asked, what waited, what was kept, what was left, what it cost, over one axis of dates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_rec.optional import needed_for
from r2u_rec.report.figures.canvas import DASHES, INK, MARKERS, MUTED, PAPER, SERIES, auc_axis, sheet, svg
from r2u_rec.report.figures.labels import name_ends
from r2u_rec.report.simulation.frames import numbers
from r2u_rec.report.simulation.results import Simulation
from r2u_rec.report.simulation.table import always_retraining, never_erasing

with needed_for("a figure"):
    from matplotlib import dates as mdates
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

DAY = 86_400
LONGEST_NAME = 18
"""Characters of a name that still stands at the end of a line."""

LONGEST_DAILY = 800
"""More days than this are counted by week: a bar must be wide enough to be seen."""

Values = NDArray[np.float64]
End = tuple[float, float, str, str]
"""Date, value, name and colour of a line's last point."""


@dataclass(frozen=True)
class Look:
    """How a policy is drawn, the same in every figure."""

    colour: str
    dash: Any
    marker: str
    label: str


def looks(sim: Simulation) -> dict[str, Look]:
    """Returns the look of every policy: ink for always retraining, grey for never erasing, the series for all others."""
    never, always = never_erasing(sim), always_retraining(sim)
    markers, letters = [marker for marker in MARKERS if marker != "v"], lettered(sim)
    found, i = {}, 0
    for at, name in enumerate(sim.policies):
        label = name if not letters else ascii_uppercase[at] if at < len(ascii_uppercase) else str(at + 1)
        if name in (never, always):
            found[name] = Look(MUTED, (0, (2, 2)), "v", label) if name == never else Look(INK, "-", "*", label)
            continue
        found[name] = Look(SERIES[i % len(SERIES)], DASHES[i % len(DASHES)], markers[i % len(markers)], label)
        i += 1
    return found


def lettered(sim: Simulation) -> bool:
    """Returns whether names are too long to stand in a figure, so that letters stand for them."""
    return max(map(len, sim.policies)) > LONGEST_NAME


def timeline(sim: Simulation) -> str:
    """Returns the SVG of six panels over the same dates: requests, waiting, retained quality, imprint, cost, drift.

    Raises:
        EvidenceError: as `choose_table`.
    """
    each = max(1.45, 0.45 + 0.19 * len(sim.policies))
    with sheet(1.1 + 6 * each, nrows=6, sharex=True) as (figure, panels):
        draw_timeline(figure, panels, sim)
        return svg(figure, name="timeline")


def draw_timeline(figure: Figure, panels: Sequence[Axes], sim: Simulation) -> None:
    """Draws the timeline on six axes that share theirs across."""
    look, never = looks(sim), never_erasing(sim)
    erasing = [name for name in sim.policies if name != never]
    asked, waiting, kept, imprint, cost, drift = panels
    _requests(asked, sim)
    floor = _over_seeds(sim, sim.policies, _checkpoint("overlap_floor"))
    pair = [("retrained pair", *floor[:2])] if floor else []
    ends = [
        _lines(waiting, sim, erasing, look, _waiting),
        _lines(kept, sim, list(look), look, _checkpoint("ndcg_share"), reference=1.0),
        _lines(imprint, sim, list(look), look, _checkpoint("auc")),
        _lines(cost, sim, list(look), look, _cpu, log=True),
        _lines(drift, sim, list(look), look, _checkpoint("overlap"), further=pair),
    ]
    auc_axis(imprint, "y", [value for value in numbers(sim.checkpoints, "auc") if not np.isnan(value)])
    titles = (
        f"requests received {'a week' if _width(sim) > DAY else 'a day'}",
        "requests that wait",
        f"{sim.quality} of those who stay, as a share of retrained",
        "imprint AUC of all who have asked so far  (0.5 = nothing to tell)",
        "CPU seconds so far (log scale)",
        "share of the top 20 in common with a retrained model",
    )
    for axes, title in zip(panels, titles, strict=True):
        axes.set_title(title, fontsize=10, loc="left", color=INK, pad=5)
        axes.set_xlim(_date(sim.start), _date(sim.end))
        for time in sim.incidents:
            axes.axvline(_date(time), color=MUTED, lw=0.9, ls=(0, (1, 2)), zorder=0)
    locator = mdates.AutoDateLocator(minticks=4, maxticks=7)  # type: ignore[no-untyped-call]
    drift.xaxis.set_major_locator(locator)
    drift.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    drift.xaxis.get_offset_text().set_color(MUTED)
    figure.draw_without_rendering()  # limits and layout as they will stand
    for axes, named in zip(panels[1:], ends, strict=True):
        name_ends(axes, named)


def _date(time: Any) -> Any:
    return np.asarray(time, dtype=np.float64) / DAY  # matplotlib counts days since 1970


def _width(sim: Simulation) -> int:
    return DAY if sim.end - sim.start <= LONGEST_DAILY * DAY else 7 * DAY


def _requests(axes: Axes, sim: Simulation) -> None:
    """Bars: mean over seeds of the requests received in each day or week."""
    width = _width(sim)
    edges = np.arange(sim.start, sim.end + width, width)
    received = numbers(sim.part("requests", next(iter(sim.policies))), "received")
    counts = np.histogram(received, bins=edges)[0] / len(sim.seeds)
    axes.stairs(counts, _date(edges), fill=True, color=INK, lw=0)
    axes.set_ylim(0, max(counts.max() * 1.12, 1.0))
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.grid(axis="y")
    for time in sim.incidents:
        axes.annotate("incident", (_date(time), 1.0), xycoords=("data", "axes fraction"), xytext=(-3, -2), textcoords="offset points",
                      ha="right", va="top", fontsize=9, color=MUTED)  # fmt: skip


def _lines(
    axes: Axes,
    sim: Simulation,
    names: list[str],
    look: dict[str, Look],
    series: Callable[[Simulation, str, int], tuple[Values, Values]],
    *,
    reference: float | None = None,
    log: bool = False,
    further: list[tuple[str, Values, Values]] | None = None,
) -> list[End]:
    """A line a policy: mean over seeds, their range as band; returns what to write at each end."""
    ends: list[End] = []
    for name in names:
        found = _over_seeds(sim, [name], series)
        if found is None:
            continue
        x, middle, low, high = found
        if log:
            shown = low > 0
            if not shown.any():
                continue
            x, middle, low, high = x[shown], middle[shown], low[shown], high[shown]
        style = look[name]
        few = len(x) <= 60
        dash, width = (style.dash, 1.5) if few or log else ("-", 1.2)  # dashes break up a line that goes up and down
        marker, size = style.marker if few else None, 5.5 if style.marker == "*" else 3.6
        axes.plot(_date(x), middle, color=style.colour, ls=dash, lw=width, marker=marker, ms=size, mec=PAPER, mew=0.4, zorder=3)
        if (high > low).any():
            axes.fill_between(_date(x), low, high, color=style.colour, alpha=0.15, lw=0)
        ends.append((float(_date(x[-1])), float(middle[-1]), style.label, style.colour))
    for name, x, middle in further or []:
        axes.plot(_date(x), middle, color=MUTED, lw=1.1, ls=(0, (1, 1.4)), zorder=2)
        ends.append((float(_date(x[-1])), float(middle[-1]), name, MUTED))
    if not ends:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color=MUTED)
    if reference is not None:
        axes.axhline(reference, color=MUTED, lw=0.9, ls=(0, (3, 2)), zorder=1)
    axes.grid(axis="y")
    if log:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(10, numticks=5))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axes.margins(y=0.1)
    return ends


def _over_seeds(
    sim: Simulation, names: Any, series: Callable[[Simulation, str, int], tuple[Values, Values]]
) -> tuple[Values, Values, Values, Values] | None:
    """Times, and mean, lowest and highest over seeds (and policies) of what is there; None if nothing is."""
    found = [series(sim, name, seed) for name in names for seed in sim.seeds]
    found = [(x, y) for x, y in found if len(x) and not np.isnan(y).all()]
    if not found:
        return None
    times = found[0][0]
    values = np.array([y for x, y in found if len(x) == len(times)])
    known = ~np.isnan(values).all(axis=0)
    values = values[:, known]
    return times[known], np.nanmean(values, axis=0), np.nanmin(values, axis=0), np.nanmax(values, axis=0)


def _checkpoint(column: str) -> Callable[[Simulation, str, int], tuple[Values, Values]]:
    def series(sim: Simulation, policy: str, seed: int) -> tuple[Values, Values]:
        mine = sim.part("checkpoints", policy, seed).sort_values("time")
        return numbers(mine, "time"), numbers(mine, column)

    return series


def _grid(sim: Simulation) -> Values:
    return np.linspace(sim.start, sim.end, min(400, max(2, (sim.end - sim.start) // (DAY // 4))))


def _waiting(sim: Simulation, policy: str, seed: int) -> tuple[Values, Values]:
    """Requests received and not carried out, on a grid of times."""
    mine, grid = sim.part("requests", policy, seed), _grid(sim)
    received, finished = np.sort(numbers(mine, "received")), np.sort(numbers(mine, "finished"))
    here = np.searchsorted(received, grid, side="right") - np.searchsorted(finished[~np.isnan(finished)], grid, side="right")
    return grid, here.astype(np.float64)


def _cpu(sim: Simulation, policy: str, seed: int) -> tuple[Values, Values]:
    """CPU seconds of the batches so far, on a grid of times."""
    mine, grid = sim.part("batches", policy, seed).sort_values("time"), _grid(sim)
    total = np.concatenate([[0.0], np.cumsum(numbers(mine, "cpu_seconds"))])
    return grid, total[np.searchsorted(numbers(mine, "time"), grid, side="right")]


def seeds_said(sim: Simulation) -> str:
    """Returns "n = 2 seeds (1, 2)."."""
    named = ", ".join(map(str, sim.seeds[:10])) + (" …" if len(sim.seeds) > 10 else "")
    return f"n = {len(sim.seeds)} {'seed' if len(sim.seeds) == 1 else 'seeds'} ({named})."

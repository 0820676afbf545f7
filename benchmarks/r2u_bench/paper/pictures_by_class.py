"""Pictures over categories: a radar with an axis each, and bars with error bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.ticker import MaxNLocator

from r2u_bench.paper.pictures import WIDE, draw_levels, grid, legend, legend_height, look, saved
from r2u_rec.report.figures.canvas import INK, MUTED, PAPER, SERIES, WIDTH, sheet
from r2u_rec.report.figures.labels import wrapped


@dataclass(frozen=True)
class Radar:
    """A radar: an axis a category.

    Attributes:
        title: above it.
        axes: names of the categories, at least three.
        lines: name -> one value a category; None where there is none.
        limits: of all axes; None: a little below the lowest value, and the highest.
    """

    title: str
    axes: Sequence[str]
    lines: Mapping[str, Sequence[float | None]]
    limits: tuple[float, float] | None = None


@dataclass(frozen=True)
class Bars:
    """Bars of mean and standard deviation.

    Attributes:
        title: above them.
        bars: name of the bar -> name of what is compared -> one value a trial.
        y_label: with the unit.
        levels: (y, text) of dotted level lines.
        from_zero: False where a bar's length means nothing, such as accuracies near 1: then the axis is cut and points are drawn.
    """

    title: str
    bars: Mapping[str, Mapping[str, Sequence[float]]]
    y_label: str
    levels: Sequence[tuple[float, str]] = ()
    from_zero: bool = True


def radar(panels: Sequence[Radar], path: Path, *, shades: bool = False) -> None:
    """Draws radars, two abreast, over one legend (Figures 4 and 10).

    Args:
        path: without ending. shades: as in `curves`.

    Raises:
        ValueError: fewer than three axes, or a line of another length.
    """
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    n_rows, n_columns = grid(len(panels))
    width = WIDE if n_columns > 1 else WIDTH
    height = 4.2 * n_rows + legend_height(names, width)
    with sheet(height, nrows=n_rows, ncols=n_columns, squeeze=False, subplot_kw={"projection": "polar"}) as (figure, axes):
        figure.set_size_inches(width, height)
        for panel, place in zip(panels, axes.flat, strict=False):
            wrong = [name for name, values in panel.lines.items() if len(values) != len(panel.axes)]
            if len(panel.axes) < 3 or wrong:
                raise ValueError(
                    f"radar {panel.title!r} needs at least 3 axes and a value on each, got {len(panel.axes)} axes, wrong: {wrong}"
                )
            angles = np.linspace(0, 2 * np.pi, len(panel.axes), endpoint=False)
            for name, values in panel.lines.items():
                colour, dash, alpha = look(names.index(name), len(names), shades)
                ring = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
                closed = np.append(ring, ring[0])
                place.plot(np.append(angles, angles[0]), closed, color=colour, ls=dash, alpha=alpha, marker="o", ms=3.2, lw=1.7, label=name)
                if not np.isnan(ring).any():
                    place.fill(angles, ring, color=colour, alpha=0.06 * alpha, lw=0)
            known = [value for values in panel.lines.values() for value in values if value is not None]
            low, high = panel.limits or (min(known) - 0.25 * (max(known) - min(known) or 1.0), max(known))
            place.set_ylim(low, high + 0.02 * (high - low))
            place.set_theta_offset(np.pi / 2)
            place.set_theta_direction(-1)
            place.set_xticks(angles, [wrapped(name, 14) for name in panel.axes])
            place.yaxis.set_major_locator(MaxNLocator(4, prune="lower"))
            place.set_rlabel_position(180 / len(panel.axes))
            place.tick_params(axis="y", labelsize=8.5, labelcolor=MUTED)
            place.spines["polar"].set_visible(False)
            place.set_title(panel.title, fontsize=10.5, pad=14)
        for place in axes.flat[len(panels) :]:
            place.set_visible(False)
        legend(figure, axes.flat[: len(panels)], names)
        saved(figure, path)


def bars(panels: Sequence[Bars], path: Path) -> None:
    """Draws bars of the mean with one standard deviation and every trial as a ring, a panel a row (Figures 9 and 12).

    Args:
        path: without ending.
    """
    names = list(dict.fromkeys(name for panel in panels for group in panel.bars.values() for name in group))
    grid(len(panels))
    n_groups = max(len(panel.bars) for panel in panels)
    longest = max(len(word) for panel in panels for bar in panel.bars for word in bar.split())
    wide = n_groups * len(names) > 14 or n_groups * (longest + 1.5) * 0.083 > WIDTH - 0.8
    size = WIDE if wide else WIDTH
    room = max(5, int((size - 0.8) / n_groups / 0.083 - 1.5))  # characters below a bar
    height = 3.3 * len(panels) + legend_height(names, size)
    with sheet(height, nrows=len(panels), squeeze=False) as (figure, axes):
        figure.set_size_inches(size, height)
        for panel, place in zip(panels, axes.flat, strict=True):
            width = 0.8 / len(names)
            for i, group in enumerate(panel.bars.values()):
                for name, values in group.items():
                    j = names.index(name)
                    found = np.asarray(values, dtype=np.float64)
                    if found.size == 0:
                        continue
                    at, colour = i + (j - (len(names) - 1) / 2) * width, SERIES[j % len(SERIES)]
                    label = name if name not in place.get_legend_handles_labels()[1] else None
                    sd = found.std(ddof=1) if found.size > 1 else 0.0
                    if panel.from_zero:
                        place.bar(at, found.mean(), width * 0.88, color=colour, alpha=0.55, label=label, zorder=2)
                    mark = {"fmt": "none", "color": colour} if panel.from_zero else {"fmt": "D", "ms": 6, "color": colour, "label": label}
                    place.errorbar(at, found.mean(), yerr=sd or None, ecolor=INK, elinewidth=1.3, capsize=4, zorder=4, **mark)
                    shift = np.linspace(-0.24, 0.24, found.size) * width if found.size > 1 else np.zeros(1)
                    place.plot(at + shift, found, "o", ms=3, mfc=PAPER, mec=colour, mew=0.9, zorder=3)
            place.set_xticks(range(len(panel.bars)), [wrapped(name, room) for name in panel.bars])
            place.tick_params(axis="x", length=0)
            place.set_xlim(-0.6, len(panel.bars) - 0.4)
            place.set_ylabel(panel.y_label)
            place.set_title(panel.title, fontsize=10.5)
            place.grid(axis="y")
            draw_levels(place, panel.levels)
            if panel.from_zero:
                place.axhline(0, color=MUTED, lw=0.9)
        legend(figure, list(axes.flat), names)
        saved(figure, path)

"""Pictures in the paper's forms: curves, radar, bars, table, shaded words, pairs of scatters. Each is written as PNG and as SVG."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from r2u_bench.paper.experiment import Rows
from r2u_rec.report.figures.canvas import DASHES, INK, MUTED, SERIES, WIDTH, sheet, svg
from r2u_rec.report.figures.labels import wrapped

WIDE = 1.75 * WIDTH
"""Inches of a picture with panels side by side."""

DOTS_PER_INCH = 160


@dataclass(frozen=True)
class Series:
    """A line: mean over trials and one standard deviation around it.

    Attributes:
        name: in the legend; the same name has the same colour in every panel of a picture.
        x, y, sd: (n,) each; sd is 0 where only one trial is there.
        n: trials behind it, the most at any x.
    """

    name: str
    x: ArrayLike
    y: ArrayLike
    sd: ArrayLike
    n: int


@dataclass(frozen=True)
class Panel:
    """One set of axes with curves.

    Attributes:
        title: above it.
        lines: the series.
        x_label, y_label: with units.
        starts: (x, text) of dashed upright lines, such as the start of unlearning.
        levels: (y, text) of dotted level lines, such as chance.
        y_limits: lowest and highest; None leaves them to the data.
    """

    title: str
    lines: Sequence[Series]
    x_label: str
    y_label: str
    starts: Sequence[tuple[float, str]] = ()
    levels: Sequence[tuple[float, str]] = ()
    y_limits: tuple[float, float] | None = None


def series(rows: Rows, *, by: str, x: str, y: str, names: Mapping[Any, str] | None = None, hold_last: bool = True) -> list[Series]:
    """Returns a line for each value of the column `by`, in the order of `names` if given, else of first appearance.

    Args:
        rows: with the columns by, x, y and trial; rows whose y is None are passed over.
        names: value of `by` -> name in the legend; values that are not in it are left out.
        hold_last: a trial that ended before others keeps its last value to the end, so that the mean does not jump when it ends.
    """
    found: dict[Any, dict[Any, dict[float, float]]] = {}
    for row in rows:
        if row.get(y) is not None and row.get(x) is not None and (names is None or row.get(by) in names):
            found.setdefault(row.get(by), {}).setdefault(row.get("trial"), {})[float(row[x])] = float(row[y])
    wanted = [value for value in names if value in found] if names is not None else list(found)
    return [_averaged(names[value] if names else str(value), list(found[value].values()), hold_last) for value in wanted]


def _averaged(name: str, trials: list[dict[float, float]], hold_last: bool) -> Series:
    xs = sorted({x for trial in trials for x in trial})
    table = np.full((len(trials), len(xs)), np.nan)  # (n_trials, n_x)
    for i, trial in enumerate(trials):
        last = max(trial)
        for j, x in enumerate(xs):
            table[i, j] = trial.get(x, trial[last] if hold_last and x > last else np.nan)
    n = (~np.isnan(table)).sum(axis=0)
    mean = np.nansum(table, axis=0) / n
    square = np.nansum((table - mean) ** 2, axis=0)
    return Series(name, np.array(xs), mean, np.sqrt(square / np.maximum(n - 1, 1)), int(n.max()))


def curves(panels: Sequence[Panel], path: Path, *, emphasis: str | None = None, shades: bool = False) -> None:
    """Draws panels of lines with bands, two abreast, over one legend (Figures 3, 5, 6, 8, 13).

    Args:
        path: without ending.
        emphasis: name of the line that is drawn whole and thickest.
        shades: the lines are levels of one quantity, in order: one colour from light to dark.
    """
    names = list(dict.fromkeys(line.name for panel in panels for line in panel.lines))
    n_rows, n_columns = grid(len(panels))
    width = WIDE if n_columns > 1 else WIDTH
    height = 3.1 * n_rows + legend_height(names, width)
    with sheet(height, nrows=n_rows, ncols=n_columns, squeeze=False) as (figure, axes):
        figure.set_size_inches(width, height)
        for panel, place in zip(panels, axes.flat, strict=False):
            for line in panel.lines:
                _draw_line(place, line, names, emphasis, shades)
            _dress(place, panel)
        for place in axes.flat[len(panels) :]:
            place.set_visible(False)
        legend(figure, axes.flat[: len(panels)], names)
        saved(figure, path)


def _draw_line(axes: Axes, line: Series, names: Sequence[str], emphasis: str | None, shades: bool) -> None:
    i = names.index(line.name)
    colour, dash, alpha = look(i, len(names), shades)
    x, y, sd = (np.asarray(each, dtype=np.float64) for each in (line.x, line.y, line.sd))
    marker: dict[str, Any] = {"marker": "o", "ms": 4} if x.size < 3 else {}
    dash, width, order = ("-", 3.0, 4) if line.name == emphasis else (dash, 1.6, 3)
    axes.plot(x, y, color=colour, ls=dash, alpha=alpha, lw=width, label=line.name, zorder=order, **marker)
    if (sd > 0).any():
        axes.fill_between(x, y - sd, y + sd, color=colour, alpha=0.13 * alpha, lw=0, zorder=2)


def look(i: int, n: int, shades: bool) -> tuple[str, Any, float]:
    """Returns colour, dashes and opacity of line i of n."""
    if shades:
        return SERIES[0], "-", 0.25 + 0.75 * (i / max(n - 1, 1))
    return SERIES[i % len(SERIES)], DASHES[i % len(DASHES)], 1.0


def _dress(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, fontsize=10.5, pad=16 if panel.starts else 6)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    axes.grid(axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    if panel.y_limits is not None:
        axes.set_ylim(*panel.y_limits)
    for x, text in panel.starts:
        axes.axvline(x, color=INK, ls=(0, (4, 3)), lw=1.1, zorder=1)
        place = axes.get_xaxis_transform()
        axes.text(x, 1.015, text, transform=place, ha="center", va="bottom", fontsize=8.5, color=MUTED)
    draw_levels(axes, panel.levels)


def draw_levels(axes: Axes, levels: Sequence[tuple[float, str]]) -> None:
    """Draws dotted level lines with their names to the right of the frame."""
    for y, text in levels:
        axes.axhline(y, color=MUTED, ls=(0, (1, 2)), lw=1.1, zorder=1)
        axes.annotate(
            wrapped(text, 10), (1, y), xycoords=axes.get_yaxis_transform(), xytext=(4, 0), textcoords="offset points",
            ha="left", va="center", fontsize=8.5, color=MUTED, linespacing=1.0,
        )  # fmt: skip


def legend(figure: Figure, axes: Sequence[Axes], names: Sequence[str]) -> None:
    """Puts one legend for all panels below them; none when there is only one name."""
    handles: dict[str, Any] = {}
    for place in axes:
        for handle, name in zip(*place.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    known = [name for name in names if name in handles]
    if len(known) > 1:
        figure.legend(
            [handles[name] for name in known], known, loc="outside lower center", ncols=_abreast(known, figure.get_figwidth()),
            frameon=False, fontsize=9.5, handlelength=2.6,
        )  # fmt: skip


def legend_height(names: Sequence[str], width: float) -> float:
    """Returns the inches that the legend of these names takes below a picture of that width, with its margin."""
    return 0.2 + (0.24 * -(-len(names) // _abreast(names, width)) if len(names) > 1 else 0.0)


def _abreast(names: Sequence[str], width: float) -> int:
    """How many names stand beside each other in a legend, filled evenly."""
    fit = max(1, int(width / (0.62 + 0.083 * max(map(len, names), default=1))))
    n_rows = -(-len(names) // fit)
    return -(-len(names) // max(n_rows, 1)) or 1


def grid(n: int) -> tuple[int, int]:
    """Returns rows and columns of n panels, two abreast as in the paper.

    Raises:
        ValueError: no panel.
    """
    if n < 1:
        raise ValueError("a picture needs at least one panel, got none: draw only what has rows")
    return -(-n // 2), min(n, 2)


def saved(figure: Figure, path: Path) -> None:
    """Writes `path`.png on white and `path`.svg; the SVG's colours are those of `canvas.THEME`, so that a page can replace them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path.with_name(path.name + ".png"), dpi=DOTS_PER_INCH, facecolor="white", metadata={"Software": None})
    plain = re.sub(r"var\(--[\w-]+, (#[0-9a-f]{6})\)", r"\1", svg(figure, name=path.name))
    path.with_name(path.name + ".svg").write_text(plain + "\n", encoding="utf-8")

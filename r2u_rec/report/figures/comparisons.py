"""Two figures of before and after: ranking quality by user group, and cost relative to retraining."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from r2u_rec.errors import EvidenceError
from r2u_rec.report.columns import RETRAINED
from r2u_rec.report.evidence import spread
from r2u_rec.report.figures.canvas import INK, MARKERS, MUTED, PAPER, SERIES, sheet, svg
from r2u_rec.report.figures.curves import first_seen
from r2u_rec.report.figures.labels import wrapped
from r2u_rec.report.results import Row


def groups_before_after(groups: Sequence[Row], *, quality: str) -> str:
    """Returns the SVG of quality before (hollow) and after (filled) forgetting, a block a user group, a line a method; mean over seeds.

    Args:
        groups: `method`, `group`, `n_users`, `before`, `after`, `retrained`, `seed`.
        quality: name of the ranking metric.

    Raises:
        EvidenceError: a point has no retrained figure beside it.
    """
    lacking = [row for row in groups if row.get("retrained") is None]
    if lacking:
        raise EvidenceError(
            f"{len(lacking)} of {len(groups)} group figures have no retrained figure beside them, the first is group "
            f"{lacking[0]['group']!r} of {lacking[0]['method']!r}: measure the retrained models by group too"
        )
    methods, names = first_seen(groups, "method"), first_seen(groups, "group")
    n_lines = sum(len(first_seen([row for row in groups if str(row["group"]) == name], "method")) + 1.35 for name in names)
    with sheet(0.9 + 0.27 * n_lines) as (figure, axes):
        y, ticks, labels = 0.0, [], []
        for name in names:
            here = [row for row in groups if str(row["group"]) == name]
            users = spread(row.get("n_users") for row in here)
            axes.annotate(
                f"{name}{f'  ({users.mean:.0f} users)' if users else ''}", (0.0, y), xycoords=axes.get_yaxis_transform(),
                xytext=(4, 0), textcoords="offset points", fontsize=10, fontweight="bold", va="center",
            )  # fmt: skip
            top = y + 0.5
            for method in first_seen(here, "method"):
                y += 1
                mine = [row for row in here if str(row["method"]) == method]
                i = methods.index(method)
                before, after = (np.mean([row[key] for row in mine]) for key in ("before", "after"))
                colour, marker = SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)]
                axes.plot([before, after], [y, y], color=colour, lw=2)
                axes.plot(before, y, marker, mfc=PAPER, mec=colour, mew=1.6, ms=7)
                axes.plot(after, y, marker, color=colour, ms=7)
                ticks.append(y)
                labels.append(wrapped(method, 30))
            retrained = spread(row["retrained"] for row in here)
            assert retrained is not None
            axes.plot([retrained.mean] * 2, [top, y + 0.45], color=INK, lw=1.6, zorder=1)
            y += 1.35
        axes.set_yticks(ticks, labels, fontsize=9)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(y - 0.7, -0.7)
        axes.margins(x=0.08)
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel(quality)
        return svg(figure, name="groups")


def relative_cost(costs: Sequence[Row]) -> str:
    """Returns the SVG of each method's seconds relative to retraining on a logarithmic axis; each dot a seed, the bar the mean.

    Args:
        costs: `method`, `seconds`, `seed`; method "retrained" is the reference.

    Raises:
        EvidenceError: there is no retrained cost, or it is 0.
    """
    base = spread(row["seconds"] for row in costs if row["method"] == RETRAINED)
    if base is None or base.mean <= 0:
        raise EvidenceError(
            f"costs relative to retraining need rows of the method {RETRAINED!r} with seconds above 0: time the retraining in the same run"
        )
    methods = [*(m for m in first_seen(costs, "method") if m != RETRAINED), RETRAINED]
    with sheet(1.25 + 0.46 * len(methods)) as (figure, axes):
        everything = []
        for y, method in enumerate(methods):
            seconds = [max(row["seconds"], 1e-6) for row in costs if row["method"] == method]
            colour = INK if method == RETRAINED else SERIES[y % len(SERIES)]
            shares, mean = np.array(seconds) / base.mean, float(np.mean(seconds))
            everything += shares.tolist()
            axes.plot(shares, [y] * len(shares), "o", ms=5, mfc="none", mec=colour, alpha=0.75)
            axes.plot([mean / base.mean] * 2, [y - 0.28, y + 0.28], color=colour, lw=2.6)
            axes.annotate(
                f"{_times(mean / base.mean)}  ({_seconds(mean)})", (max(shares.max(), mean / base.mean), y), xytext=(8, 0),
                textcoords="offset points", va="center", fontsize=9.5, color=colour,
            )  # fmt: skip
        axes.axvline(1, color=MUTED, lw=1, ls=(0, (3, 2)), zorder=0)
        axes.set_xscale("log")
        low, high = min(everything) / 1.6, max(everything)
        axes.set_xlim(low, high * max(8.0, (high / low) ** 0.55))  # room for the figures on the right
        axes.xaxis.set_major_locator(LogLocator(10, numticks=7))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(range(len(methods)), [wrapped(method, 20) for method in methods], fontsize=9.5)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(methods) - 0.5, -0.5)
        axes.grid(axis="x")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("seconds, relative to retraining (log scale)")
        return svg(figure, name="cost")


def _times(share: float) -> str:
    return f"{share:.2g}×" if share < 10 else f"{share:.0f}×"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"

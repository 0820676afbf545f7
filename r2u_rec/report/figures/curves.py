"""Two figures over steps: training curves, and the forgetting curve with the retrained models as its target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator

from r2u_rec.errors import EvidenceError
from r2u_rec.report.evidence import MATCHING, MIN_REFERENCES, Spread, is_reference, spread
from r2u_rec.report.figures.canvas import DASHES, INK, MARKERS, MUTED, PAPER, SERIES, auc_axis, sheet, svg, upright
from r2u_rec.report.figures.labels import name_ends, name_points, wrapped
from r2u_rec.report.results import Row


def first_seen(rows: Sequence[Row], key: str) -> list[str]:
    """Returns the different values of `key` as text, in the order of first appearance."""
    return list(dict.fromkeys(str(row[key]) for row in rows))


def training_curves(training: Sequence[Row], *, quality: str) -> str:
    """Returns the SVG of loss (above) and validation quality (below) over epochs, one line an arm; mean over seeds, range as band.

    Args:
        training: `arm`, `epoch`, `loss`, `validation` (or None), `seed`.
        quality: name of the validation metric.
    """
    arms = first_seen(training, "arm")
    with sheet(4.6, nrows=2, sharex=True) as (figure, (above, below)):
        named = []
        for axes, key, label in ((above, "loss", "training loss"), (below, "validation", f"validation {quality}")):
            ends = []
            for i, arm in enumerate(arms):
                x, middle, low, high = _over(training, "arm", arm, "epoch", key)
                if x.size == 0:
                    continue
                colour = SERIES[i % len(SERIES)]
                axes.plot(x, middle, color=colour, ls=DASHES[i % len(DASHES)], marker="o" if x.size < 3 else None, ms=4)
                if (high > low).any():
                    axes.fill_between(x, low, high, color=colour, alpha=0.16, lw=0)
                ends.append((x[-1], middle[-1], arm, colour))
            axes.set_ylabel(label)
            axes.grid(axis="y")
            axes.yaxis.set_major_locator(MaxNLocator(5))
            if not ends:
                axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", va="center", color=MUTED)
            axes.margins(y=0.08)
            named.append((axes, ends))
        below.set_xlabel("epoch")
        below.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        below.set_xlim(right=max((float(row["epoch"]) for row in training), default=1.0) or 1.0)
        figure.draw_without_rendering()  # limits and layout as they will stand
        for axes, ends in named:
            name_ends(axes, ends)
        return svg(figure, name="training")


def forgetting_curve(curves: Sequence[Row], rows: Sequence[Row], *, quality: str) -> str:
    """Returns the SVG of ranking quality against imprint along the steps of each method; the target is the retrained models' cross.

    Args:
        curves: `method`, `step`, `auc`, `retained`, `seed`, and `model` where the rows have several; points of one step are
            averaged over seeds.
        rows: among them the retrained references with `auc` and the quality.
        quality: name of the ranking metric.

    Raises:
        EvidenceError: fewer than two references carry both figures.
    """
    targets = _targets(curves, rows, quality)
    with sheet(4.4) as (figure, axes):
        ends, avoid, shown = [], [], []
        for i, method in enumerate(first_seen(curves, "method")):
            _, imprint, _, _ = _over(curves, "method", method, "step", "auc")
            _, kept, _, _ = _over(curves, "method", method, "step", "retained")
            colour, marker, every = SERIES[i % len(SERIES)], MARKERS[i % len(MARKERS)], 1 + len(imprint) // 12
            style = {"color": colour, "marker": marker, "clip_on": False}
            axes.plot(imprint, kept, ls=DASHES[i % len(DASHES)], markevery=every, ms=4.5, mec=PAPER, mew=0.6, **style)
            axes.plot(imprint[0], kept[0], **style | {"ms": 7, "mfc": PAPER, "mec": colour, "mew": 1.6, "zorder": 4})
            axes.plot(imprint[-1], kept[-1], **style | {"ms": 7.5, "zorder": 5})
            ends.append((float(imprint[-1]), float(kept[-1]), wrapped(method, 18), colour))
            shown += [*imprint]
            avoid += _along(imprint, kept)
        stars = []
        for name, auc, retrained in targets:
            axes.errorbar(
                auc.mean, retrained.mean, xerr=auc.sd or 0, yerr=retrained.sd or 0,
                fmt="*", ms=13, color=INK, mec=PAPER, elinewidth=1.4, capsize=3.5, zorder=7,
            )  # fmt: skip
            stars.append((auc.mean, retrained.mean))
            ends.insert(0, (*stars[-1], f"{name}\n(n = {auc.n})", INK))
            reach = np.linspace(-1, 1, 15)
            avoid += [(auc.mean + t * (auc.sd or 0), retrained.mean) for t in reach]
            avoid += [(auc.mean, retrained.mean + t * (retrained.sd or 0)) for t in reach]
            shown.append(auc.mean - (auc.sd or 0))
        axes.grid()
        axes.margins(y=0.14)
        auc_axis(axes, "x", shown)
        axes.set_xlabel("imprint AUC  (0.5 = nothing to tell, 1 = remembered)")
        axes.set_ylabel(f"{quality} of the users who stay")
        avoid += upright(axes, 0.5)
        figure.draw_without_rendering()
        places, texts, colours = [(x, y) for x, y, _, _ in ends], [text for _, _, text, _ in ends], [colour for *_, colour in ends]
        name_points(axes, places, texts, colours, stars=stars, avoid=avoid)
        return svg(figure, name="forgetting")


def _targets(curves: Sequence[Row], rows: Sequence[Row], quality: str) -> list[tuple[str, Spread, Spread]]:
    """Name, imprint and quality of the retrained models, apart by data, model and request where the curves name these."""
    keys = [key for key in MATCHING if any(point.get(key) is not None for point in curves)]
    wanted = {tuple(point.get(key) for key in keys) for point in curves}
    known = [row for row in rows if is_reference(row) and row.get("auc") is not None and row.get(quality) is not None]
    out = []
    for values in sorted(wanted, key=str):
        mine = [row for row in known if tuple(row.get(key) for key in keys) == values]
        if len(mine) < MIN_REFERENCES:
            what = "".join(f" of {value!r}" for value in values)
            raise EvidenceError(
                f"the forgetting curve{what} needs at least {MIN_REFERENCES} retrained references with auc and {quality}, got {len(mine)}: "
                "retrain with other seeds and measure both"
            )
        auc, kept = spread(row["auc"] for row in mine), spread(row[quality] for row in mine)
        assert auc is not None
        assert kept is not None
        out.append((" ".join(["retrained", *map(str, values if len(wanted) > 1 else ())]), auc, kept))
    return out


def _over(rows: Sequence[Row], key: str, value: str, step: str, figure: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Steps, and mean, lowest and highest of the figure over seeds at each of them."""
    at: dict[float, list[float]] = {}
    for row in rows:
        if str(row[key]) == value and row.get(figure) is not None:
            at.setdefault(row[step], []).append(row[figure])
    steps = sorted(at)
    return (
        np.array(steps, dtype=np.float64),
        np.array([np.mean(at[s]) for s in steps]),
        np.array([min(at[s]) for s in steps]),
        np.array([max(at[s]) for s in steps]),
    )


def _along(x: np.ndarray, y: np.ndarray, n: int = 8) -> list[tuple[float, float]]:
    """Points along a line, so that labels keep clear of it between its markers too."""
    share = np.linspace(0, 1, n, endpoint=False)
    between = [(x[i] + t * (x[i + 1] - x[i]), y[i] + t * (y[i + 1] - y[i])) for i in range(len(x) - 1) for t in share]
    return [(float(a), float(b)) for a, b in between] + [(float(x[-1]), float(y[-1]))]

"""Figure 8: for how long to prepare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from r2u_bench.paper.experiment import Experiment, Rows
from r2u_bench.paper.images.plans import class_of, spec_of
from r2u_bench.paper.images.rows import TITLES, format_side, percent, select_rows, sets_of
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.verdict import Side, Verdict, claim, side


def plan_duration(preset: Preset) -> list[dict[str, Any]]:
    """Returns trials that prepare in the last M epochs, for each M of `durations`; without adaptive weights, whose reference is
    what the standard epochs before reached, and there are none when all prepare."""
    settings = preset.section("image", "fig8")
    return [
        spec_of(settings, arm="repaired", forget=[class_of(seed, settings["data"], preset.seed)], seed=seed, prepare=n, loss_share=None)
        for seed in preset.seeds("fig8")
        for n in settings["durations"]
    ]


def judge_duration(rows: Rows) -> Verdict:
    ends = select_rows(rows, "summary")
    durations = sorted({row["prepare"] for row in ends})
    steps = {n: side(epochs(n), ends, "steps_to_half", prepare=n) for n in durations}
    short, long = steps[durations[0]], steps[durations[-1]]
    trend = slopes(ends)
    before = "; ".join(
        f"{epochs(n)} {format_side(side('', percent(ends, 'forget_before'), 'forget_before', prepare=n))}" for n in durations
    )
    return Verdict(
        claims=(
            claim(
                "Preparing in every epoch forgets in fewer steps than preparing in the fewest",
                paper="longer preparation consistently leads to a faster response",
                unit="ascent steps to 50 %",
                repaired=long,
                against=short,
                better="less",
            ),
            claim(
                "Steps to 50 % fall with each doubling of the prepared epochs",
                paper="a clear trend over 10 durations",
                unit="steps a doubling",
                repaired=trend,
                against=Side("no trend", dict.fromkeys(trend.values, 0.0)),
                better="less",
            ),
        ),
        notes=(
            f"Ascent steps to 50 %: {'; '.join(f'{epochs(n)} {format_side(found)}' for n, found in steps.items())}.",
            f"Forget accuracy before unlearning (%): {before}. A duration that has lost accuracy has paid for its speed.",
        ),
    )


def slopes(ends: Rows) -> Side:
    """Returns for each class and seed the slope of steps to 50 % on the logarithm to base 2 of the prepared epochs."""
    trials: dict[tuple[Any, ...], list[tuple[float, float]]] = {}
    for row in ends:
        if row.get("steps_to_half") is not None:
            trials.setdefault((row["data"], tuple(row["forget"]), row["seed"]), []).append((np.log2(row["prepare"]), row["steps_to_half"]))
    found = {pair: float(np.polyfit(*zip(*points, strict=True), 1)[0]) for pair, points in trials.items() if len(set(points)) > 1}
    return Side("slope", found)


def draw_duration(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures

    names = {n: epochs(n) for n in sorted({row["prepare"] for row in rows})}
    pictures.curves([panel_of(rows, "prepare", names)], path, shades=True)


def epochs(n: int) -> str:
    """Returns the number with its noun."""
    return f"{n} epoch" if n == 1 else f"{n} epochs"


def panel_of(rows: Rows, by: str, names: dict[Any, str]) -> Any:
    """Returns the panel of forget accuracy along the ascent, a line for each value of the column `by`."""
    from r2u_bench.paper import pictures

    curve = percent(select_rows(rows, "curve"), "forget_accuracy")
    return pictures.Panel(
        TITLES[sets_of(rows)[0]],
        pictures.series(curve, by=by, x="step", y="forget_accuracy", names=names),
        x_label="ascent step",
        y_label="forget accuracy (%)",
        levels=[(50, "50 %")],
        y_limits=(-3, 103),
    )


EXPERIMENT = Experiment(
    "fig8",
    "For how long to prepare",
    caption="Forget accuracy on test images (%) along gradient ascent, for preparation in the last M epochs of the same training, "
    "darker for "
    "longer; mean and one standard deviation over trials, each its own class and seed.",
    paper_says="Longer preparation consistently forgets faster, in a clear trend over M = 2, 4, ..., 20 of 20 epochs.",
    plan=plan_duration,
    judge=judge_duration,
    draw=draw_duration,
)

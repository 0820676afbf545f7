"""Figure 13: when to prepare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from r2u_bench.paper.experiment import Experiment, Rows
from r2u_bench.paper.figures.fig8 import panel_of
from r2u_bench.paper.images.plans import class_of, spec_of
from r2u_bench.paper.images.rows import format_side, select_rows
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.verdict import Verdict, claim, side

QUARTERS = ("first quarter", "second quarter", "third quarter", "last quarter")


def plan_timing(preset: Preset) -> list[dict[str, Any]]:
    """Returns trials that prepare in the last `stage` epochs of each quarter, and standard training."""
    settings = preset.section("image", "fig13")
    n, stage = settings["epochs"], settings["stage"]
    specs = []
    for seed in preset.seeds("fig13"):
        forget = [class_of(seed, settings["data"], preset.seed)]
        specs.append(spec_of(settings, arm="standard", forget=forget, seed=seed))
        for quarter in range(1, 5):
            stop = n * quarter // 4
            specs.append(spec_of(settings, arm="repaired", forget=forget, seed=seed, prepare=[max(stop - stage, 0), stop], loss_share=None))
    return specs


def judge_timing(rows: Rows) -> Verdict:
    ends = select_rows(timed(rows), "summary")
    steps = {when: side(when, ends, "steps_to_half", when=when) for when in (*QUARTERS, "no preparation")}
    none, last = steps["no preparation"], steps[QUARTERS[-1]]
    claims = [
        claim(
            f"Preparation in the {when} forgets in fewer steps than none",
            paper="all intervention timings provide measurable benefits",
            unit="ascent steps to 50 %",
            repaired=steps[when],
            against=none,
            better="less",
        )
        for when in QUARTERS
    ]
    claims += [
        claim(
            f"Preparation in the last quarter forgets in fewer steps than in the {when}",
            paper="later interventions generally yield better unlearning",
            unit="ascent steps to 50 %",
            repaired=last,
            against=steps[when],
            better="less",
        )
        for when in QUARTERS[:-1]
    ]
    return Verdict(
        tuple(claims), notes=(f"Ascent steps to 50 %: {'; '.join(f'{when} {format_side(each)}' for when, each in steps.items())}.",)
    )


def draw_timing(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures

    pictures.curves([panel_of(timed(rows), "when", {when: when for when in ("no preparation", *QUARTERS)})], path)


def timed(rows: Rows) -> list[dict[str, Any]]:
    """Returns the rows with the quarter in which they prepare, as "when"."""
    return [{**row, "when": "no preparation" if row["arm"] == "standard" else quarter(row["prepare"][1], row["epochs"])} for row in rows]


def quarter(stop: int, n_epochs: int) -> str:
    """Returns the quarter of the training that a stage which ends before epoch `stop` lies in."""
    return QUARTERS[-(-4 * stop // n_epochs) - 1]


EXPERIMENT = Experiment(
    "fig13",
    "When to prepare",
    caption="Forget accuracy on test images (%) along gradient ascent, for preparation at the end of each quarter of the training; "
    "mean and one "
    "standard deviation over trials, each its own class and seed.",
    paper_says="Later preparation is generally better, and preparation at any time is better than none.",
    plan=plan_timing,
    judge=judge_timing,
    draw=draw_timing,
)

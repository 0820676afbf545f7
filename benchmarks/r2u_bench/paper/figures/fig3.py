"""Figures 3 and 4: how fast a class is forgotten, and what of the others is left, for each way to train."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from r2u_bench.paper.baselines import best, comparable
from r2u_bench.paper.experiment import Experiment, Rows
from r2u_bench.paper.images.arms import BASELINES, NAMES
from r2u_bench.paper.images.pictures_of_images import retention
from r2u_bench.paper.images.plans import trials
from r2u_bench.paper.images.rows import (
    TITLES,
    at_crossing,
    differences,
    format_side,
    percent,
    ratios,
    select_rows,
    sets_of,
    spoiled,
    within,
)
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.verdict import Claim, Excluded, Side, Target, Verdict, claim, side

ARMS = (*BASELINES, "literal", "literal-balanced", "repaired", "alpha0", "random")
CONTROLS = ("alpha0", "random")
EPOCH_WIDTH = 5
"""Ascent steps that an epoch of training is as wide as in the picture."""


def plan_efficiency(preset: Preset) -> list[dict[str, Any]]:
    return trials(preset, "fig3", ARMS)


def plan_retention(preset: Preset) -> list[dict[str, Any]]:
    return [spec for spec in trials(preset, "fig3", ARMS) if spec["arm"] in ("standard", "literal-balanced", "repaired")]


def judge_efficiency(rows: Rows) -> Verdict:
    claims: list[Claim] = []
    excluded: list[Excluded] = []
    targets: list[Target] = []
    for data in sets_of(rows):
        mine = [row for row in rows if row["data"] == data]
        summaries = select_rows(mine, "summary")
        kept, lost = comparable(summaries, "forget_before", {arm: f"{NAMES[arm]}, {TITLES[data]}" for arm in BASELINES})
        excluded += lost
        claims += _efficiency_claims(mine, data, kept)
        if data == "mnist":
            targets += _targets(mine, kept)
    notes = (
        "Ascent uses Adam, mean loss and batches of the forget data alone; training uses Adam in place of SGD, which does not train "
        "this network at the paper's rate.",
        "With alpha = 1e-5 the displaced point is the undisplaced one: as printed, revocable images count lambda3 * share - 1, below "
        "zero for one class of ten, so that training is itself unbounded ascent on them. With half of x drawn from them they count "
        "above zero; the figures stand beside the controls.",
        "Before unlearning every baseline must hold 95 % of standard training's forget accuracy; those that do not have forgotten "
        "already and are excluded. The paper calls the accuracies before unlearning comparable for all methods.",
        *_not_run(rows),
        *_controls(rows),
    )
    return Verdict(tuple(claims), tuple(excluded), tuple(targets), notes)


def _efficiency_claims(rows: Rows, data: str, kept: list[str]) -> list[Claim]:
    summaries, then = select_rows(rows, "summary"), at_crossing(rows)
    base = side("standard", summaries, "forget_before", arm="standard")
    rival = best(then, "forget_then", kept, "less") or "standard"
    on = TITLES[data]
    broken = {arm: spoiled(rows, arm, base) for arm in ("literal", "literal-balanced")}
    literal = "literal" if not broken["literal"] else "literal-balanced"
    why = {"literal": "" if literal == "literal" else f"With x drawn half and half, because as printed {broken['literal'].rstrip('.')}."}
    ran = bool(select_rows(summaries, "summary", arm=literal))
    repaired = side(NAMES["repaired"], then, "forget_then", arm="repaired")
    fewer = {arm: side(NAMES[arm], summaries, "steps_to_half", arm=arm) for arm in ("standard", "repaired")}
    return [
        claim(
            f"{on}: forget accuracy at the step at which Ready2Unlearn first falls to chance lies below the best comparable baseline's",
            paper="p < 1e-17, 10 trials",
            unit="%",
            literal=side(NAMES[literal], then, "forget_then", arm=literal, spoiled=broken[literal]) if ran else None,
            repaired=repaired,
            against=side(NAMES[rival], then, "forget_then", arm=rival),
            better="less",
            why=why,
        ),
        claim(
            f"{on}: fewer ascent steps to 50 % forget accuracy than standard training",
            paper="Ready2Unlearn at 50 % when the others are at about 75 %",
            unit="ascent steps",
            literal=side(NAMES[literal], summaries, "steps_to_half", arm=literal, spoiled=broken[literal]) if ran else None,
            repaired=fewer["repaired"],
            against=fewer["standard"],
            better="less",
            why=why,
        ),
        _unharmed(rows, on, broken),
    ]


def _unharmed(rows: Rows, on: str, broken: Mapping[str, str]) -> Claim:
    findings = []
    for settings, arm in (("literal", "literal"), ("repaired", "repaired")):
        if not select_rows(rows, "summary", arm=arm):
            continue
        found = differences(NAMES[arm], rows, "forget_before", arm, "standard")
        if settings == "literal" and broken["literal"]:
            found = Side(found.name, found.values, spoiled=broken["literal"])
        findings.append(within(settings, NAMES[arm], found, 1.0, 0.9))
    return Claim(
        f"{on}: before unlearning, forget accuracy is that of standard training",
        "comparable across all methods; weights chosen so that training loses at most 1 %",
        "points of accuracy, difference from standard training",
        tuple(findings),
    )


def _targets(rows: Rows, kept: list[str]) -> list[Target]:
    summaries = select_rows(rows, "summary")
    steps = {arm: side(arm, summaries, "steps_to_half", arm=arm) for arm in (*kept, "repaired")}
    mine = steps["repaired"]
    if mine.mean is None or steps["standard"].mean is None:
        return []
    rival = min((arm for arm in kept if steps[arm].mean is not None), key=lambda arm: steps[arm].mean or 0.0)
    single = ratios(rows, "steps_to_half", "standard", "repaired")
    lost = side("lost", percent(summaries, "retain_lost"), "retain_lost", arm="repaired")
    before = differences("before", rows, "forget_before", "repaired", "standard")
    good = sum(value >= -1.0 for value in before.values.values())
    retained = differences("retained", rows, "retain_before", "repaired", "standard")
    times = ratios(rows, "training_seconds", "repaired", "standard")
    by_standard, by_rival = steps["standard"].mean / mine.mean, (steps[rival].mean or 0.0) / mine.mean
    found = [
        Target(
            "at least 5 times fewer ascent steps to 50 % than standard training, on average",
            f"{by_standard:.1f} times ({format_side(steps['standard'])} against {format_side(mine)}); "
            f"worst trial {min(single.values.values()):.1f}",
            by_standard >= 5 and not mine.lacking,
        ),
        Target(
            "at least 3 times fewer than the best comparable baseline",
            f"{by_rival:.1f} times (against {NAMES[rival]}, {format_side(steps[rival])})",
            by_rival >= 3 and not mine.lacking,
        ),
        Target(
            "retain accuracy at chance within 0.5 points of before",
            f"loses {format_side(lost, 2)} points",
            lost.mean is not None and lost.mean <= 0.5 and not lost.lacking,
        ),
        Target(
            "forget accuracy before unlearning within 1 point of standard training in at least 9 of 10 trials",
            f"{good} of {before.n}; difference {format_side(before, 2)} points; retain accuracy differs by {format_side(retained, 2)}",
            good >= 0.9 * before.n,
        ),
    ]
    if times.mean is not None:
        found.append(Target("whole training at most 1.2 times standard in time", f"{format_side(times, 2)} times", times.mean <= 1.2))
    return found


def _not_run(rows: Rows) -> list[str]:
    """Returns which baselines a set lacks by the preset's choice, a sentence a set."""
    said = []
    for data in sets_of(rows):
        there = {row["arm"] for row in select_rows(rows, "summary", data=data)}
        lacking = [NAMES[arm] for arm in BASELINES if arm not in there]
        if lacking:
            said.append(f"{TITLES[data]}: not run with this preset: {', '.join(lacking)}; the best baseline is the best of the others.")
    return said


def _controls(rows: Rows) -> list[str]:
    said = []
    for data in sets_of(rows):
        summaries = select_rows(rows, "summary", data=data)
        parts = [
            f"{NAMES[arm]} {format_side(found)}" + (f", never reached in {found.lacking}" if found.lacking else "")
            for arm in ("standard", "repaired", "literal-balanced", *CONTROLS)
            if (found := side(arm, summaries, "steps_to_half", arm=arm)).n
        ]
        said.append(f"{TITLES[data]}, ascent steps to 50 % beside the controls: {'; '.join(parts)}.")
    return said


def judge_retention(rows: Rows) -> Verdict:
    claims = []
    for data in sets_of(rows):
        mine = percent(select_rows(rows, "summary", data=data), "retain_at_chance", "retain_before")
        base = side("standard", select_rows(rows, "summary", data=data), "forget_before", arm="standard")
        literal = side(
            NAMES["literal-balanced"],
            mine,
            "retain_at_chance",
            arm="literal-balanced",
            spoiled=spoiled([row for row in rows if row["data"] == data], "literal-balanced", base),
        )
        claims.append(
            claim(
                f"{TITLES[data]}: more retain accuracy is left at chance than after standard training",
                paper="p < 1e-14 on every class",
                unit="%",
                literal=literal if select_rows(mine, "summary", arm="literal-balanced") else None,
                repaired=side(NAMES["repaired"], mine, "retain_at_chance", arm="repaired"),
                against=side(NAMES["standard"], mine, "retain_at_chance", arm="standard"),
                better="greater",
                why={"literal": "With x drawn half and half from revocable and stable images; see Figure 3 for the printed form."},
            )
        )
    return Verdict(tuple(claims), notes=("One trial a class where the preset has ten: the test is over classes, not within one.",))


def draw_efficiency(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures

    panels, shown = [], {arm: name for arm, name in NAMES.items() if arm not in CONTROLS}
    for data in sets_of(rows):
        mine = [row for row in rows if row["data"] == data]
        curve = [
            *({**row, "x": row["step"]} for row in select_rows(mine, "curve")),
            *({**row, "x": EPOCH_WIDTH * (row["epoch"] - row["epochs"] - 1)} for row in select_rows(mine, "training") if row["epoch"] > 2),
        ]
        lines = pictures.series(percent(curve, "forget_accuracy"), by="arm", x="x", y="forget_accuracy", names=shown)
        chance = select_rows(mine, "summary", diverged=False)[0]["chance"]
        panels.append(
            pictures.Panel(
                TITLES[data],
                lines,
                x_label="ascent step (left of the line: training)",
                y_label="forget accuracy (%)",
                starts=[(0, "unlearning begins")],
                levels=[(100 * chance, "chance"), (50, "50 %")],
                y_limits=(-3, 103),
            )
        )
    pictures.curves(panels, path, emphasis=NAMES["repaired"])


def draw_retention(rows: Rows, path: Path) -> None:
    names = {arm: NAMES[arm] for arm in ("standard", "literal-balanced", "repaired")}
    retention(
        [(TITLES[data], percent(select_rows(rows, "summary", data=data), "retain_at_chance"), "arm", names) for data in sets_of(rows)], path
    )


FIG3 = Experiment(
    "fig3",
    "How fast a class is forgotten",
    caption="Forget accuracy on test images (%) along gradient ascent (Adam, 1e-5 a step), mean over classes and one standard deviation; "
    "each class is forgotten in turn, with its own seed. Left of the dashed line the last epochs of training, on validation images, "
    "an epoch as wide as five steps. A trial that has reached chance keeps its last value.",
    paper_says="Ready2Unlearn forgets fastest on MNIST and PathMNIST: at the step at which it falls below chance its forget accuracy lies "
    "below the best baseline's (p < 1e-17, 10 trials), and before unlearning all methods are comparable.",
    plan=plan_efficiency,
    judge=judge_efficiency,
    draw=draw_efficiency,
)
FIG4 = Experiment(
    "fig4",
    "What is left of the other classes",
    caption="Accuracy on test images of the other classes (%) when forget accuracy reaches chance; an axis for each forgotten class.",
    paper_says="With preparation retain accuracy at chance is substantially higher on every class of MNIST and PathMNIST "
    "(p < 1e-14, 10 trials).",
    plan=plan_retention,
    judge=judge_retention,
    draw=draw_retention,
)

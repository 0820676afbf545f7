"""Beyond the paper, on images: ascent past its target, one forget image in place of all, readiness under further training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from r2u_bench.paper.experiment import Experiment, Rows
from r2u_bench.paper.images.arms import NAMES
from r2u_bench.paper.images.plans import class_of, spec_of
from r2u_bench.paper.images.probes import PAST_STEPS
from r2u_bench.paper.images.rows import TITLES, format_side, percent, select_rows, sets_of
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.verdict import Verdict, claim, side

ARMS = ("standard", "repaired")
SHARED = ("bounded", "one-sample", "wear")
"""Probes of one trial: the three experiments share their trainings."""

NOT_IN_PAPER = "The paper does not say."


def plan(preset: Preset) -> list[dict[str, Any]]:
    """Returns standard and prepared trainings that all probes are made on."""
    settings = preset.section("image", "bounded")
    return [
        spec_of(settings, arm=arm, forget=[class_of(seed, settings["data"], preset.seed)], seed=seed, probes=list(SHARED))
        for seed in preset.seeds("bounded")
        for arm in ARMS
    ]


def judge_bounded(rows: Rows) -> Verdict:
    last = [row for row in percent(select_rows(rows, "past"), "retain_accuracy", "forget_accuracy") if row["step"] == PAST_STEPS]
    sides = {
        (arm, ascent): side(f"{NAMES[arm]}, {ascent} ascent", last, "retain_accuracy", arm=arm, ascent=ascent)
        for arm in ARMS
        for ascent in ("plain", "bounded")
    }
    claims = [
        claim(
            f"{NAMES[arm]}: bounded ascent keeps more of the other classes after {PAST_STEPS} steps than plain ascent",
            paper="not measured",
            unit="% retain accuracy",
            repaired=sides[arm, "bounded"],
            against=sides[arm, "plain"],
            better="greater",
        )
        for arm in ARMS
    ]
    claims.append(
        claim(
            f"After {PAST_STEPS} steps of plain ascent the prepared model still keeps more than the standard one",
            paper="not measured: the paper stops at chance",
            unit="% retain accuracy",
            repaired=sides["repaired", "plain"],
            against=sides["standard", "plain"],
            better="greater",
        )
    )
    forgotten = "; ".join(
        f"{NAMES[arm]}, {ascent} {format_side(side('', last, 'forget_accuracy', arm=arm, ascent=ascent))}" for arm, ascent in sides
    )
    note = f"Forget accuracy after {PAST_STEPS} steps (%): {forgotten}."
    return Verdict(tuple(claims), notes=(note, "An early stop or a bound is part of the method: plain ascent does not stop by itself."))


def draw_bounded(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures

    past = [{**row, "line": f"{NAMES[row['arm']]}, {row['ascent']} ascent"} for row in select_rows(rows, "past")]
    past = percent(past, "retain_accuracy", "forget_accuracy")
    panels = [
        pictures.Panel(
            title,
            pictures.series(past, by="line", x="step", y=figure),
            x_label="ascent step",
            y_label="accuracy (%)",
            levels=[(10, "chance")],
            y_limits=(-3, 103),
        )
        for title, figure in (("The forgotten class", "forget_accuracy"), ("The other classes", "retain_accuracy"))
    ]
    pictures.curves(panels, path)


def judge_few(rows: Rows) -> Verdict:
    few = select_rows(rows, "few")
    counts = sorted({row["n_samples"] for row in few})
    steps = {(arm, n): side(f"{NAMES[arm]}, {images(n)}", few, "steps_to_half", arm=arm, n_samples=n) for arm in ARMS for n in counts}
    one, many = counts[0], counts[-1]
    return Verdict(
        claims=(
            claim(
                "Ascent on one forget image forgets the whole class in fewer steps after preparation than after standard training",
                paper="not measured",
                unit="ascent steps to 50 %",
                repaired=steps["repaired", one],
                against=steps["standard", one],
                better="less",
            ),
            claim(
                f"After preparation {images(many)} forget in fewer steps than one",
                paper="not measured",
                unit="ascent steps to 50 %",
                repaired=steps["repaired", many],
                against=steps["repaired", one],
                better="less",
            ),
        ),
        notes=(
            "Where one image is enough, whoever can take gradient steps with one image of the class can make the model forget it all.",
            f"Ascent steps to 50 %: {'; '.join(f'{each.name} {format_side(each)}, never in {each.lacking}' for each in steps.values())}.",
        ),
    )


def draw_few(rows: Rows, path: Path) -> None:
    from r2u_bench.paper.pictures_by_class import Bars, bars

    few = select_rows(rows, "few")
    groups = {
        images(n): {NAMES[arm]: list(side("", few, "steps_to_half", arm=arm, n_samples=n).values.values()) for arm in ARMS}
        for n in sorted({row["n_samples"] for row in few})
    }
    bars([Bars(TITLES[sets_of(rows)[0]], groups, "ascent steps to 50 % forget accuracy")], path)


def judge_wear(rows: Rows) -> Verdict:
    worn = select_rows(rows, "worn")
    counts = sorted({row["further"] for row in worn})
    steps = {(arm, n): side(f"{NAMES[arm]}, {n} further", worn, "steps_to_half", arm=arm, further=n) for arm in ARMS for n in counts}
    return Verdict(
        claims=(
            *(
                claim(
                    f"After {n} further standard epochs preparation still saves steps",
                    paper="Section 5.7: later training can overwrite the prepared state",
                    unit="ascent steps to 50 %",
                    repaired=steps["repaired", n],
                    against=steps["standard", n],
                    better="less",
                )
                for n in counts
            ),
            claim(
                f"{counts[-1]} further epochs cost steps",
                paper="Section 5.7: later training can overwrite the prepared state",
                unit="ascent steps to 50 %",
                repaired=steps["repaired", counts[-1]],
                against=steps["repaired", counts[0]],
                better="greater",
            ),
        ),
        notes=(f"Ascent steps to 50 %: {'; '.join(f'{each.name} {format_side(each)}' for each in steps.values())}.",),
    )


def draw_wear(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures

    lines = pictures.series(select_rows(rows, "worn"), by="arm", x="further", y="steps_to_half", names={arm: NAMES[arm] for arm in ARMS})
    pictures.curves(
        [pictures.Panel(TITLES[sets_of(rows)[0]], lines, "further epochs of standard training", "ascent steps to 50 %", y_limits=None)],
        path,
    )


def images(n: int) -> str:
    return f"{n} image" if n == 1 else f"{n} images"


BOUNDED = Experiment(
    "bounded",
    "Ascent past its target, plain and bounded",
    caption=f"Accuracy on test images (%) along {PAST_STEPS} steps of gradient ascent that nobody stops: plain, and bounded softly at "
    f"the loss "
    "of chance; mean and one standard deviation.",
    paper_says=NOT_IN_PAPER,
    plan=plan,
    judge=judge_bounded,
    draw=draw_bounded,
    in_paper=False,
)
ONE_SAMPLE = Experiment(
    "one-sample",
    "One forget image in place of all",
    caption="Ascent steps to 50 % forget accuracy on the whole class's test images, when the ascent sees 1, 8 or 64 training images of "
    "it, the "
    "same ones at each step; bars are means, rings trials. A trial that never reaches 50 % has no ring.",
    paper_says=NOT_IN_PAPER,
    plan=plan,
    judge=judge_few,
    draw=draw_few,
    in_paper=False,
)
WEAR = Experiment(
    "wear",
    "Readiness under further training",
    caption="Ascent steps to 50 % forget accuracy after further epochs of standard training on all images, at a quarter of the "
    "learning rate; mean "
    "and one standard deviation.",
    paper_says="Section 5.7 warns that a prepared state can be overwritten or partly degraded by further training, without figures.",
    plan=plan,
    judge=judge_wear,
    draw=draw_wear,
    in_paper=False,
)

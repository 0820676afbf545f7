"""Beyond the paper, on images: the unlearned model against one that never saw the class, and forgetting of single wrong images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from r2u_bench.paper.experiment import Experiment, Rows
from r2u_bench.paper.images.arms import NAMES
from r2u_bench.paper.images.plans import class_of, spec_of
from r2u_bench.paper.images.rows import TITLES, format_side, percent, select_rows, sets_of
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.verdict import Verdict, claim, side

ARMS = ("standard", "repaired")
FIGURES = {
    "loss_forget": "loss on the class (nats)",
    "kl_forget": "KL from retrained, the class (nats)",
    "kl_retain": "KL from retrained, the others (nats)",
    "membership_auc": "membership AUC of the class",
}


def plan_retrained(preset: Preset) -> list[dict[str, Any]]:
    settings = preset.section("image", "retrained")
    return [
        spec_of(settings, arm=arm, forget=[class_of(seed, settings["data"], preset.seed)], seed=seed, probes=["retrained"])
        for seed in preset.seeds("retrained")
        for arm in ARMS
    ]


def ends_of(rows: Rows) -> list[dict[str, Any]]:
    """Returns the last look at each unlearned model, as "end", and the row of the second retrained one."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in select_rows(rows, "against"):
        key = (row["trial"], row["model"])
        if key not in found or (row["step"] or 0) >= (found[key]["step"] or 0):
            found[key] = {**row, "end": NAMES[row["arm"]] if row["model"] == "unlearned" else "a second retrained model"}
    return list(found.values())


def judge_retrained(rows: Rows) -> Verdict:
    ends = ends_of(rows)
    sides = {(name, figure): side(name, ends, figure, end=name) for name in {row["end"] for row in ends} for figure in FIGURES}
    mine, second, standard = NAMES["repaired"], "a second retrained model", NAMES["standard"]

    def get(name: str, figure: str) -> Any:
        return sides.get((name, figure)) or side(name, (), figure)

    return Verdict(
        claims=(
            claim(
                "On the other classes the unlearned prepared model lies closer to the retrained one than the unlearned standard model",
                paper="not measured",
                unit="nats of KL",
                repaired=get(mine, "kl_retain"),
                against=get(standard, "kl_retain"),
                better="less",
            ),
            claim(
                "On the forgotten class it lies farther from the retrained model than a second retrained one does",
                paper="not measured: the paper holds nothing against a retrained model",
                unit="nats of KL",
                repaired=get(mine, "kl_forget"),
                against=get(second, "kl_forget"),
                better="greater",
            ),
        ),
        notes=(
            "Unlearning forgets the class; it does not give the model that never saw it. A second retrained model, of another seed, "
            "says how "
            "far two such models are apart.",
            *(
                f"{said}, at chance: {'; '.join(f'{name} {format_side(get(name, figure), 3)}' for name in (standard, mine, second))}."
                for figure, said in FIGURES.items()
            ),
        ),
    )


def draw_retrained(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures

    curve = [row for row in select_rows(rows, "against") if row["model"] == "unlearned"]
    second = [row for row in ends_of(rows) if row["model"] == "second retrained"]
    panels = []
    for figure, said in FIGURES.items():
        level = side("", second, figure).mean
        panels.append(
            pictures.Panel(
                said,
                pictures.series(curve, by="arm", x="step", y=figure, names={arm: NAMES[arm] for arm in ARMS}),
                x_label="ascent step",
                y_label="AUC" if figure == "membership_auc" else "nats",
                levels=[] if level is None else [(level, "second retrained")],
            )
        )
    pictures.curves(panels, path)


INSTANCE_ARMS = ("standard", "repaired", "alpha0")


def plan_instances(preset: Preset) -> list[dict[str, Any]]:
    """Returns trials that forget random training images that bear wrong labels."""
    settings = preset.section("image", "instances")
    return [
        spec_of(settings, arm=arm, forget=[], seed=seed, n_wrong=settings["n_wrong"])
        for seed in preset.seeds("instances")
        for arm in INSTANCE_ARMS
    ]


def judge_instances(rows: Rows) -> Verdict:
    ends = percent(select_rows(rows, "summary", diverged=False), "retain_at_half", "forget_before", "retain_before")
    steps = {arm: side(NAMES[arm], ends, "steps_to_half", arm=arm) for arm in INSTANCE_ARMS}
    kept = {arm: side(NAMES[arm], ends, "retain_at_half", arm=arm) for arm in INSTANCE_ARMS}
    before = {arm: side(NAMES[arm], ends, "forget_before", arm=arm) for arm in INSTANCE_ARMS}
    return Verdict(
        claims=(
            claim(
                "Wrong labels of random images are forgotten in fewer steps after preparation",
                paper="not measured on images; claimed for random texts (Figure 5)",
                unit="ascent steps to 50 %",
                repaired=steps["repaired"],
                against=steps["standard"],
                better="less",
            ),
            claim(
                "More test accuracy is left at that point after preparation",
                paper="not measured on images",
                unit="% test accuracy",
                repaired=kept["repaired"],
                against=kept["standard"],
                better="greater",
            ),
        ),
        notes=(
            f"Wrong labels given back before unlearning (%): {'; '.join(f'{each.name} {format_side(each)}' for each in before.values())}.",
            f"Ascent steps to 50 %: {'; '.join(f'{each.name} {format_side(each)}, never in {each.lacking}' for each in steps.values())}.",
            f"Test accuracy at that point (%): {'; '.join(f'{each.name} {format_side(each)}' for each in kept.values())}.",
            "A small training part is learnt by heart over many epochs: single wrong labels are not learnt otherwise.",
        ),
    )


def draw_instances(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures

    curve = percent(select_rows(rows, "curve"), "forget_accuracy", "retain_accuracy")
    names = {arm: NAMES[arm] for arm in INSTANCE_ARMS}
    title = TITLES[sets_of(rows)[0]]
    panels = [
        pictures.Panel(
            f"{title}: {what}",
            pictures.series(curve, by="arm", x="step", y=figure, names=names),
            x_label="ascent step",
            y_label=label,
            y_limits=(-3, 103),
        )
        for what, figure, label in (
            ("the wrong labels", "forget_accuracy", "given back (%)"),
            ("test images", "retain_accuracy", "accuracy (%)"),
        )
    ]
    pictures.curves(panels, path)


RETRAINED = Experiment(
    "retrained",
    "Against a model that never saw the class",
    caption="The unlearned model along gradient ascent against one trained without the class: loss on the class's test images, KL "
    "divergence from the "
    "retrained model on test images of the class and of the others, and AUC of telling the class's training images from its test images by "
    "loss. Dotted: a second retrained model of another seed. Mean and one standard deviation.",
    paper_says="The paper holds nothing against a retrained model.",
    plan=plan_retrained,
    judge=judge_retrained,
    draw=draw_retrained,
    in_paper=False,
)
INSTANCES = Experiment(
    "instances",
    "Single images with wrong labels",
    caption="Random training images bear wrong labels and are to be forgotten: share of the wrong labels that the model gives back, "
    "and accuracy on "
    "test images, along gradient ascent; mean and one standard deviation.",
    paper_says="The paper forgets classes of images and random texts, no single images.",
    plan=plan_instances,
    judge=judge_instances,
    draw=draw_instances,
    in_paper=False,
)

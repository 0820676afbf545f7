"""Table 2: the weight of the retain term."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from r2u_bench.paper.experiment import Experiment, Rows
from r2u_bench.paper.images.plans import class_of, spec_of
from r2u_bench.paper.images.rows import percent, select_rows
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.verdict import Verdict, claim, side

TABLE_COLUMNS = ("retain_before", "forget_before", "retain_after", "forget_after", "retain_rate", "forget_rate")


def plan_weight(preset: Preset) -> list[dict[str, Any]]:
    settings = preset.section("image", "table2")
    return [
        spec_of(settings, arm="repaired", forget=[class_of(seed, settings["data"], preset.seed)], seed=seed, lambda1=weight)
        for seed in preset.seeds("table2")
        for weight in settings["weights"]
    ]


def judged_after(rows: Rows) -> list[dict[str, Any]]:
    """Returns a row a trial with the columns of Table 2 in per cent, after as many ascent steps as preparation was planned for,
    or at the end of an ascent that had reached chance before."""
    found = []
    curves: dict[str, list[Any]] = {}
    for row in select_rows(rows, "curve"):
        curves.setdefault(row["trial"], []).append(row)
    for end in select_rows(rows, "summary", diverged=False):
        at = [row for row in curves[end["trial"]] if row["step"] <= end["alpha_steps"]]
        after = max(at, key=lambda row: row["step"])
        rates = {
            "retain_after": after["retain_accuracy"],
            "forget_after": after["forget_accuracy"],
            "retain_rate": after["retain_accuracy"] / end["retain_before"],
            "forget_rate": 1 - after["forget_accuracy"] / end["forget_before"],
        }
        found += percent([{**end, **rates}], *TABLE_COLUMNS)
    return found


def judge_weight(rows: Rows) -> Verdict:
    ends = judged_after(rows)
    weights = sorted({row["lambda1"] for row in ends})
    low, high = weights[0], weights[-1]
    return Verdict(
        claims=tuple(
            claim(
                f"lambda1 = {high:g} {verb} than lambda1 = {low:g}",
                paper=paper,
                unit="%",
                repaired=side(f"lambda1 = {high:g}", ends, figure, lambda1=high),
                against=side(f"lambda1 = {low:g}", ends, figure, lambda1=low),
                better=better,
            )
            for verb, figure, better, paper in (
                ("retains more", "retain_rate", "greater", "82.6 % at 4 against 77.6 % at 1"),
                ("forgets less", "forget_rate", "less", "31.1 % at 4 against more than 40 % at 1"),
            )
        ),
        notes=("The paper reads its accuracies at epoch 30 of a run whose ascent it does not time; here they are read at a fixed step.",),
    )


def draw_weight(rows: Rows, path: Path) -> None:
    from r2u_bench.paper.pictures_of_text import table

    ends = judged_after(rows)
    lines = []
    for weight in sorted({row["lambda1"] for row in ends}):
        sides = [side("", ends, figure, lambda1=weight) for figure in TABLE_COLUMNS]
        lines.append([f"{weight:g}", *(f"{each.mean:.1f}" + (f" ± {each.sd:.1f}" if each.sd is not None else "") for each in sides)])
    table(
        ["lambda1", "retain\nbefore", "forget\nbefore", "retain\nafter", "forget\nafter", "retain\nrate", "forget\nrate"],
        lines, path, note="%, mean ± standard deviation over trials",
    )  # fmt: skip


EXPERIMENT = Experiment(
    "table2",
    "The weight of the retain term",
    caption="Accuracy on test images before and after ascent of the planned length, for several retain weights lambda1, all else the "
    "same. "
    "Retain rate: after over before; forget rate: the share of forget accuracy that is lost.",
    paper_says="lambda1 = 1, 2, 3, 4: retain rate 77.6, 76.7, 80.0, 82.6 %; forget rate more than 40, 42.0, 33.7, 31.1 %.",
    plan=plan_weight,
    judge=judge_weight,
    draw=draw_weight,
)

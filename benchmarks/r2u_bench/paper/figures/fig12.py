"""Figure 12: several classes at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from r2u_bench.paper.experiment import Experiment, Rows
from r2u_bench.paper.images.arms import NAMES
from r2u_bench.paper.images.plans import N_CLASSES, class_of, spec_of
from r2u_bench.paper.images.rows import TITLES, format_side, percent, select_rows, sets_of
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.verdict import Verdict, claim, side


def plan_diversity(preset: Preset) -> list[dict[str, Any]]:
    """Returns trials that forget one to several classes at once, after standard and after prepared training."""
    settings = preset.section("image", "fig12")
    n = N_CLASSES[settings["data"]]
    return [
        spec_of(settings, arm=arm, forget=[(class_of(seed, settings["data"], preset.seed) + i) % n for i in range(many)], seed=seed)
        for seed in preset.seeds("fig12")
        for many in settings["diversities"]
        for arm in ("standard", "repaired")
    ]


def judge_diversity(rows: Rows) -> Verdict:
    ends = [{**row, "many": len(row["forget"])} for row in percent(select_rows(rows, "summary"), "retain_at_chance", "forget_before")]
    counts = sorted({row["many"] for row in ends})
    by = ("data", "seed")
    found = {many: side(classes(many), ends, "retain_at_chance", pair_by=by, arm="repaired", many=many) for many in counts}
    plain = {many: side(f"standard, {classes(many)}", ends, "retain_at_chance", pair_by=by, arm="standard", many=many) for many in counts}
    few, most = counts[0], counts[-1]
    steps = "; ".join(
        f"{classes(many)} {format_side(side('', ends, 'steps_to_half', pair_by=by, arm=arm, many=many))} ({NAMES[arm]})"
        for many in counts
        for arm in ("standard", "repaired")
    )
    return Verdict(
        claims=(
            claim(
                f"Forgetting {classes(most)} leaves less retain accuracy than {classes(few)}",
                paper="retention decreases with diversity and then levels off",
                unit="%",
                repaired=found[most],
                against=found[few],
                better="less",
            ),
            *(
                claim(
                    f"Forgetting {classes(many)} leaves more retain accuracy than after standard training",
                    paper="not compared",
                    unit="%",
                    repaired=found[many],
                    against=plain[many],
                    better="greater",
                )
                for many in counts
            ),
        ),
        notes=(
            f"Ascent steps to 50 %: {steps}.",
            "Chance is that of all classes of the set, however many are forgotten. A trial that never reaches it within the ascent has "
            "no figure.",
        ),
    )


def draw_diversity(rows: Rows, path: Path) -> None:
    from r2u_bench.paper.pictures_by_class import Bars, bars

    ends = [{**row, "many": len(row["forget"])} for row in percent(select_rows(rows, "summary"), "retain_at_chance")]
    groups = {
        classes(many): {
            NAMES[arm]: list(side("", ends, "retain_at_chance", arm=arm, many=many).values.values()) for arm in ("standard", "repaired")
        }
        for many in sorted({row["many"] for row in ends})
    }
    bars([Bars(TITLES[sets_of(rows)[0]], groups, "retain accuracy at chance (%)", from_zero=False)], path)


def classes(n: int) -> str:
    return f"{n} class" if n == 1 else f"{n} classes"


EXPERIMENT = Experiment(
    "fig12",
    "Several classes at once",
    caption="Accuracy on test images of the classes that stay (%) when forget accuracy reaches chance, against the number of classes "
    "forgotten "
    "together; diamonds are means, bars one standard deviation, rings trials.",
    paper_says="Retention falls with the diversity of the forget data and then levels off (10 trials).",
    plan=plan_diversity,
    judge=judge_diversity,
    draw=draw_diversity,
)

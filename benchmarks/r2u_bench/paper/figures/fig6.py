"""Figure 6 and Table 3: does forgotten text come back when the model goes on learning from similar text? With and without lambda2."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from r2u_bench.paper.experiment import Experiment, Rows, Spec
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.texts.curves import select_rows
from r2u_bench.paper.texts.judge import MODELS, fair, summary
from r2u_bench.paper.texts.plans import ENRON, ENRON_MODELS, enron_spec, listed
from r2u_bench.paper.verdict import Claim, Side, Verdict, claim, side

RESILIENCE = 3.0
"""lambda2 of the paper."""

WAYS: Mapping[str, str] = {
    "standard": "standard",
    "without": "prepared, lambda2 = 0",
    "with": "prepared, lambda2 = 3",
    "literal": "literal, lambda2 = 3",
    "retrained": "never saw D_f",
}


def plan(preset: Preset) -> list[Spec]:
    """Three phases on the e-mails: standard, prepared with and without lambda2, the paper's literal form, and never seen."""
    return [
        enron_spec(preset, arm, seed, model=model, lambda2=weight)
        for seed in preset.seeds("fig6")
        for model in listed(preset, ENRON, "models", ENRON_MODELS)
        for arm, weight in (
            ("retrained", 0.0), ("standard", 0.0), ("repaired", 0.0), ("repaired", RESILIENCE), ("literal", RESILIENCE),
        )
    ]  # fmt: skip


def with_way(rows: Rows) -> list[dict[str, Any]]:
    """Returns the rows with a column `way`: the arm, of prepared ones with or without lambda2."""
    found = []
    for row in rows:
        way = row["arm"]
        if way == "repaired":
            way = "with" if row["lambda2"] else "without"
        found.append({**row, "way": way})
    return found


def recovered_side(rows: Rows, way: str, model: str, figure: str = "forget_loss") -> Side:
    """Returns the figure after recovery on all of D_rc."""
    return side(WAYS[way], select_rows(rows, what="recovered", recovery=0), figure, way=way, model=model)


def _fair_side(rows: Rows, model: str, way: str) -> Side:
    return fair(recovered_side(rows, way, model), select_rows(rows, model=model), way=way)


def judge(rows: Rows) -> Verdict:
    every = with_way(rows)
    claims: list[Claim] = []
    notes: list[str] = []
    for model in dict.fromkeys(row["model"] for row in every):
        name = MODELS.get(model, model)
        told = functools.partial(_fair_side, every, model)
        claims.append(
            claim(
                f"{name}: after recovery the prepared model keeps a higher forget loss than standard training",
                paper="significantly larger at epoch 70, p < 1e-12, 10 trials", unit="nats of forget loss",
                literal=told("literal"), repaired=told("with"), against=told("standard"), better="greater",
            )
        )  # fmt: skip
        claims.append(
            claim(
                f"{name}: the resilience term raises it (Table 3)", paper="GPT-2 8.04 against 7.40, Llama-3.2-1B 5.24 against 4.69",
                unit="nats of forget loss", repaired=recovered_side(every, "with", model), against=recovered_side(every, "without", model),
                better="greater",
            )
        )  # fmt: skip
        notes.append(gap_note(every, model, name))
    return Verdict(tuple(claims), notes=(*notes, *NOTES))


NOTES = (
    "Unlearning ends at the chance level, log of the vocabulary: beyond it the model is only destroyed "
    "further, and recovery begins from there.",
    "Ascent hides what was learned rather than erasing it wherever a recovered model knows D_f better than "
    "one that never saw it and learned "
    "from the same recovery texts.",
)


def gap_note(rows: Rows, model: str, name: str) -> str:
    """Returns how far each way is from the level of a model that never saw D_f, after the same recovery."""
    never = recovered_side(rows, "retrained", model)
    if never.mean is None:
        return f"{name}: the never-seen level is not measured."
    gaps = []
    for way in ("standard", "without", "with"):
        each = recovered_side(rows, way, model)
        if each.mean is not None:
            gap = never.mean - each.mean
            gaps.append(f"{WAYS[way]} {summary(each)}, " + (f"{gap:.2f} below it" if gap > 0 else "not below it"))
    return f"{name}: never seen and then fine-tuned alike {summary(never, 'nats')}; after recovery " + "; ".join(gaps) + "."


def draw(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures

    panels = []
    for model in dict.fromkeys(row["model"] for row in rows):
        mine = [row for row in with_way(rows) if row["model"] == model]
        points, starts = timeline(mine)
        lines = pictures.series(points, by="way", x="x", y="forget_loss", names=WAYS)
        if lines:
            panels.append(
                pictures.Panel(MODELS.get(model, model), lines, "training | unlearning | recovery", "forget loss (nats)", starts=starts)
            )
    pictures.curves(panels, path, emphasis=WAYS["with"])


def timeline(rows: Rows) -> tuple[list[dict[str, Any]], list[tuple[float, str]]]:
    """Returns points of the three phases on one axis, one unit wide each, and where unlearning and recovery start."""
    training = select_rows(rows, what="phase", phase="training")
    curve = select_rows(rows, what="curve", unlearner="ascent")
    recovery = select_rows(rows, what="phase", phase="recovery", recovery=0)
    last = {"training": max((row["epoch"] for row in training), default=1), "recovery": max((row["epoch"] for row in recovery), default=1)}
    ends = {row["trial"]: max(each["step"] for each in curve if each["trial"] == row["trial"]) for row in curve}
    points = [{**row, "x": row["epoch"] / last["training"]} for row in training]
    points += [{**row, "x": 1 + row["step"] / max(ends[row["trial"]], 1)} for row in curve if row["step"] > 0]
    points += [{**row, "x": 2 + row["epoch"] / last["recovery"]} for row in recovery]
    return _binned(points), [(1.0, "unlearning"), (2.0, "recovery")]


def _binned(points: Rows, n: int = 20) -> list[dict[str, Any]]:
    """Returns points on a grid of n a phase, so that trials of unlike lengths meet in one mean."""
    return [{**row, "x": round(row["x"] * n) / n} for row in points]


def draw_table(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures_of_text

    every = with_way(rows)
    models = list(dict.fromkeys(row["model"] for row in every))
    ways = [way for way in WAYS if any(recovered_side(every, way, model).n for model in models)]
    lines = [[WAYS[way], *(summary(recovered_side(every, way, model)) for model in models)] for way in ways]
    pictures_of_text.table(["Converged loss on D_f (nats)", *(MODELS.get(model, model) for model in models)], lines, path)


SAYS = (
    "After fine-tuning on stylistically similar e-mails the forget loss plateaus higher with preparation than "
    "without (p < 1e-12, 10 trials); Table 3: "
    "with lambda2 = 3 it converges at 5.24 (Llama-3.2-1B) and 8.04 (GPT-2), with lambda2 = 0 at 4.69 and 7.40."
)

EXPERIMENT = Experiment(
    "fig6",
    "Resilience: forget loss over training, unlearning and recovery",
    caption=(
        "Mean cross-entropy (nats a token) on Enron e-mails to forget while the model is trained, while it "
        "ascends on them up to chance level, and while it is "
        "fine-tuned on other e-mails; each phase is drawn one unit wide, bands are one standard deviation over "
        "trials. The model that never saw them skips unlearning."
    ),
    paper_says=SAYS,
    plan=plan,
    judge=judge,
    draw=draw,
)  # fmt: skip

TABLE = Experiment(
    "table3",
    "Ablation of the resilience term",
    caption=(
        "Loss on the e-mails to forget after recovery on other e-mails, mean +- standard deviation over trials; "
        "the last line is the level to compare with."
    ),
    paper_says=SAYS,
    plan=plan,
    judge=judge,
    draw=draw_table,
)  # fmt: skip

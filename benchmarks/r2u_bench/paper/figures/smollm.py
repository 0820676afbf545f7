"""Figure 5 on a model of 135 million parameters, once: a test that the pipeline carries it, and no evidence."""

from __future__ import annotations

from pathlib import Path

from r2u_bench.paper.experiment import Experiment, Rows, Spec
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.texts.arms import NAMES
from r2u_bench.paper.texts.curves import select_rows
from r2u_bench.paper.texts.judge import summary
from r2u_bench.paper.texts.plans import listed, text_spec
from r2u_bench.paper.verdict import Target, Verdict, side


def plan(preset: Preset) -> list[Spec]:
    """MUSE-News, as few documents and steps as the preset says."""
    return [
        text_spec(preset, "smollm", "muse-news", arm, seed, model="smollm2-135m")
        for seed in preset.seeds("smollm")
        for arm in listed(preset, "smollm", "arms", ("repaired",))
    ]


def judge(rows: Rows) -> Verdict:
    targets, notes = [], []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        before = side(NAMES[arm], select_rows(rows, what="trained"), "forget_loss", arm=arm)
        after = side(NAMES[arm], select_rows(rows, what="unlearned"), "forget_loss", arm=arm)
        if before.mean is not None and after.mean is not None:
            text = f"forget loss {summary(before)} before and {summary(after, 'nats')} after"
            targets.append(Target(f"{NAMES[arm]}: trains, and gradient ascent raises the forget loss", text, after.mean > before.mean))
        seconds = side(NAMES[arm], select_rows(rows, what="trained"), "train_seconds", arm=arm)
        notes.append(f"{NAMES[arm]}: training took {summary(seconds, 'seconds')}.")
    return Verdict((), targets=tuple(targets), notes=(*notes, "A few documents and steps: nothing follows from it on efficiency."))


def draw(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures

    lines = pictures.series(select_rows(rows, what="curve", unlearner="ascent"), by="arm", x="step", y="forget_loss", names=NAMES)
    pictures.curves([pictures.Panel("SmolLM2-135M, MUSE-News", lines, "ascent step", "forget loss (nats)")], path)


EXPERIMENT = Experiment(
    "smollm",
    "SmolLM2-135M, a smoke test",
    caption=(
        "Forget loss (nats a token) of SmolLM2-135M over a few steps of gradient ascent on a few documents of "
        "MUSE-News, after a few steps of training."
    ),
    paper_says="Figure 5 uses Llama-3.2-1B and -3B, GPT-2 and GPT-2 Medium; none of them is this model.",
    plan=plan,
    judge=judge,
    draw=draw,
    in_paper=False,
)

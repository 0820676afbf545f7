"""Table 4: does it matter how similar the recovery texts are to those to forget?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from r2u_bench.paper.experiment import Experiment, Rows, Spec
from r2u_bench.paper.figures.fig6 import RESILIENCE
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.texts.curves import select_rows
from r2u_bench.paper.texts.judge import summary
from r2u_bench.paper.texts.plans import enron_spec
from r2u_bench.paper.verdict import Side, Verdict, claim, side

QUANTILES = (1, 2, 3, 4)
NAMES = {"repaired": "prepared, lambda2 = 3", "standard": "standard", "retrained": "never saw D_f"}
PAPER = {1: ("7.7", "4.8"), 2: ("7.8", "5.1"), 3: ("8.3", "5.4"), 4: ("8.5", "5.6")}


def plan(preset: Preset) -> list[Spec]:
    """One prepared trial a quantile; standard and never-seen ones recover on each, as their training is the same for all."""
    specs: list[Spec] = []
    for seed in preset.seeds("table4"):
        specs += [enron_spec(preset, arm, seed) for arm in ("retrained", "standard")]
        specs += [enron_spec(preset, "repaired", seed, lambda2=RESILIENCE, quantile=q) for q in QUANTILES]
    return specs


def quantile_side(rows: Rows, arm: str, quantile: int, name: str | None = None) -> Side:
    """Returns the forget loss after recovery on one quantile."""
    return side(name or f"{NAMES[arm]}, Q{quantile}", select_rows(rows, what="recovered", recovery=quantile), "forget_loss", arm=arm)


def slope_rows(rows: Rows, arm: str) -> list[dict[str, Any]]:
    """Returns for each seed the loss with the most similar quantile less that with the least similar one."""
    found = select_rows(rows, what="recovered", arm=arm)
    ends = {(row["seed"], row["recovery"]): row for row in found}
    return [
        {**row, "slope": row["forget_loss"] - ends[seed, 1]["forget_loss"]}
        for (seed, quantile), row in ends.items()
        if quantile == 4 and (seed, 1) in ends
    ]


def judge(rows: Rows) -> Verdict:
    slopes = {arm: side(NAMES[arm], slope_rows(rows, arm), "slope", arm=arm) for arm in NAMES}
    return Verdict(
        (
            claim(
                "After recovery on the most similar quarter the forget loss is higher than after the least similar quarter",
                paper="GPT-2 8.5 against 7.7, Llama-3.2-1B 5.6 against 4.8", unit="nats of forget loss",
                repaired=quantile_side(rows, "repaired", 4), against=quantile_side(rows, "repaired", 1), better="greater",
            ),
            claim(
                "Similarity raises it more with preparation than with standard training", paper="not told", unit="nats, Q4 less Q1",
                repaired=slopes["repaired"], against=slopes["standard"], better="greater",
            ),
        ),
        notes=(
            "Preparation and recovery use the same quarter of D_rc. Similarity is the mean cosine to D_f by "
            "all-MiniLM-L6-v2 (the paper: gte-Qwen2-7B-instruct).",
            "The never-seen model is fine-tuned on the same quarters: its Q4 less Q1 is " + summary(slopes["retrained"], "nats") + ".",
        ),
    )  # fmt: skip


def draw(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures_of_text

    arms = [arm for arm in NAMES if any(quantile_side(rows, arm, q).n for q in QUANTILES)]
    lines = [[f"Q{q}", *PAPER[q], *(summary(quantile_side(rows, arm, q)).replace(" (", "\n(") for arm in arms)] for q in QUANTILES]
    headings = ["Quantile by\nsimilarity", "paper,\nGPT-2", "paper,\nLlama-3.2-1B", *(NAMES[arm].replace(", ", ",\n") for arm in arms)]
    pictures_of_text.table(headings, lines, path)


EXPERIMENT = Experiment(
    "table4",
    "Similarity of recovery texts",
    caption=(
        "Loss (nats) on the e-mails to forget after fine-tuning on one quarter of the recovery e-mails, from the "
        "least similar to D_f (Q1) to the most similar (Q4); mean +- "
        "standard deviation over trials."
    ),
    paper_says=(
        "The more similar the recovery data, the higher the loss after recovery: GPT-2 7.7, 7.8, 8.3, 8.5 and "
        "Llama-3.2-1B 4.8, 5.1, 5.4, 5.6 from Q1 to Q4."
    ),
    plan=plan,
    judge=judge,
    draw=draw,
)  # fmt: skip

"""Beyond the paper: random documents as the set to forget, the paper's own setting, held against a retrained model and controls."""

from __future__ import annotations

from pathlib import Path

from r2u_bench.paper.experiment import Experiment, Rows, Spec
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.texts.arms import NAMES
from r2u_bench.paper.texts.curves import drawn, forgotten, references, select_rows
from r2u_bench.paper.texts.judge import arm_side, fair, summary
from r2u_bench.paper.texts.plans import enron_spec
from r2u_bench.paper.verdict import Claim, Verdict, claim

ARMS = ("standard", "alpha0", "random", "repaired", "retrained")
FIGURES = {"retain_loss": "retained e-mails it was shown", "heldout_loss": "held-out e-mails"}


def plan(preset: Preset) -> list[Spec]:
    """The e-mails of Figure 6, with the two controls."""
    return [enron_spec(preset, arm, seed) for seed in preset.seeds("random-documents") for arm in ARMS]


def judge(rows: Rows) -> Verdict:
    mine = [row for row in rows if row["arm"] not in ("repaired",) or not row["lambda2"]]
    found = select_rows(forgotten(mine), unlearner="ascent")
    prepared = {figure: fair(arm_side(found, "repaired", figure), mine, arm="repaired") for figure in ("step", *FIGURES)}
    claims: list[Claim] = [
        claim(
            "Fewer steps to the loss of a retrained model than standard training", paper="fewer, for random documents", unit="ascent steps",
            repaired=prepared["step"], against=arm_side(found, "standard", "step"), better="less",
        )
    ]  # fmt: skip
    for figure, what in FIGURES.items():
        for other in ("standard", "alpha0"):
            claims.append(
                claim(
                    f"At equal forget loss, lower loss on {what} than {NAMES[other]}", paper="no such comparison", unit="nats",
                    repaired=prepared[figure], against=arm_side(found, other, figure), better="less",
                )
            )  # fmt: skip
    return Verdict(tuple(claims), notes=(*_auc(mine, found), NOTE))


NOTE = (
    "Random documents share everything with those that stay, so an ascent on them has no direction of its "
    "own: no gain in speed is expected. What is protected for the "
    "documents that preparation showed need not be for others."
)


def _auc(rows: Rows, found: Rows) -> list[str]:
    known = list(references(rows).values())
    if not known:
        return []
    retrained = sum(row["min_k_auc"] for row in known) / len(known)
    said_of = "; ".join(f"{NAMES[arm]} {summary(arm_side(found, arm, 'min_k_auc'))}" for arm in ("standard", "repaired"))
    return [
        f"Min-20 % AUC at the retrained model's mean loss: {said_of}; of the retrained model {retrained:.2f}. "
        "Equal mean loss is not yet forgetting."
    ]


def draw(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures

    points = drawn(select_rows([row for row in rows if row["arm"] != "repaired" or not row["lambda2"]], what="curve", unlearner="ascent"))
    panels = []
    for figure, label in (("retain_loss", "loss on shown retained e-mails"), ("heldout_loss", "loss on held-out e-mails")):
        binned = [{**row, "level": round(row["forget_loss"] * 4) / 4} for row in points]
        lines = pictures.series(binned, by="arm", x="level", y=figure, names=NAMES)
        known = list(references(rows).values())
        starts = [(sum(row["forget_loss"] for row in known) / len(known), "retrained")] if known else []
        if lines:
            panels.append(pictures.Panel(label, lines, "forget loss (nats)", f"{label} (nats)", starts=starts))
    pictures.curves(panels, path, emphasis=NAMES["repaired"])


EXPERIMENT = Experiment(
    "random-documents",
    "Random documents as the set to forget",
    caption=(
        "What unlearning costs on Enron e-mails: loss on retained e-mails that training had shown (left) and on "
        "held-out ones (right) against the forget loss reached by gradient "
        "ascent; lower is better. The dashed line is the forget loss of a retrained model."
    ),
    paper_says="The paper unlearns random documents, reports faster forgetting, and no loss on retained or held-out text.",
    plan=plan,
    judge=judge,
    draw=draw,
    in_paper=False,
)

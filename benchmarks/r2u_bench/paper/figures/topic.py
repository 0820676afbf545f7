"""Beyond the paper: a topic as the set to forget, held against a retrained model and against two controls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from r2u_bench.paper.experiment import Experiment, Rows, Spec
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.texts.arms import NAMES
from r2u_bench.paper.texts.curves import drawn, forgotten, references, select_rows
from r2u_bench.paper.texts.judge import arm_side, best_arm, comparable_arms, fair, ratio_target, summary
from r2u_bench.paper.texts.plans import listed, text_spec
from r2u_bench.paper.verdict import Claim, Target, Verdict, claim

ARMS = ("standard", "reweighted", "phased", "goldfish", "neftune", "alpha0", "random", "repaired", "retrained")
OPERATORS = {"ascent": "plain ascent", "bounded": "bounded ascent", "npo": "NPO"}
HARM = 0.1
"""Nats of held-out loss before unlearning within which a prepared model counts as no worse."""


def plan(preset: Preset) -> list[Spec]:
    """BBC news without and with one topic; the prepared and the standard models are also unlearned by bounded ascent and NPO."""
    specs = []
    for seed in preset.seeds("topic"):
        for arm in listed(preset, "topic", "arms", ARMS):
            own: dict[str, Any] = {"unlearners": list(OPERATORS)} if arm in ("standard", "repaired") else {}
            specs.append(text_spec(preset, "topic", "bbc-news", arm, seed, **own))
    return specs


def judge(rows: Rows) -> Verdict:
    every = forgotten(rows)
    found = select_rows(every, unlearner="ascent")
    kept, lost = comparable_arms(found)
    standard, control, random = (arm_side(found, arm, "step") for arm in ("standard", "alpha0", "random"))
    prepared = fair(arm_side(found, "repaired", "step"), rows, arm="repaired")
    rival = best_arm(found, kept, "step")
    claims: list[Claim] = []
    for arm, other in (("standard", standard), ("alpha0", control), ("random", random)):
        claims.append(
            claim(
                f"Fewer steps to the loss of a retrained model than {NAMES[arm]}", paper="no such comparison", unit="ascent steps",
                repaired=prepared, against=other, better="less",
            )
        )  # fmt: skip
    if rival is not None and rival != "standard":
        claims.append(
            claim(
                f"Fewer steps than the best comparable baseline ({NAMES[rival]})", paper="no such comparison", unit="ascent steps",
                repaired=prepared, against=arm_side(found, rival, "step"), better="less",
            )
        )  # fmt: skip
    for figure, what in (("retain_loss", "retained documents it was shown"), ("heldout_loss", "held-out documents of the other topics")):
        claims.append(
            claim(
                f"At the forget loss of a retrained model, lower loss on {what} than standard", paper="no such comparison", unit="nats",
                repaired=arm_side(found, "repaired", figure), against=arm_side(found, "standard", figure), better="less",
            )
        )  # fmt: skip
    return Verdict(tuple(claims), tuple(lost), _targets(rows, found), _notes(rows, every))


def _targets(rows: Rows, found: Rows) -> tuple[Target, ...]:
    steps = {arm: arm_side(found, arm, "step") for arm in ("repaired", "standard", "alpha0")}
    retained = {arm: arm_side(found, arm, "retain_loss") for arm in ("repaired", "standard")}
    heldout = {arm: arm_side(found, arm, "heldout_loss_before") for arm in ("repaired", "standard")}
    seconds = {arm: arm_side(select_rows(rows, what="trained"), arm, "train_seconds") for arm in ("repaired", "standard")}
    targets = [
        ratio_target("At least 1.3 times fewer steps than standard training", steps["standard"], steps["repaired"], 1.3),
        ratio_target("At least 1.3 times fewer steps than the control without an inner step", steps["alpha0"], steps["repaired"], 1.3),
        ratio_target("Retained loss at least 1 nat lower there", retained["standard"], retained["repaired"], 1.0, difference=True),
    ]
    if heldout["repaired"].mean is not None and heldout["standard"].mean is not None:
        worse = heldout["repaired"].mean - heldout["standard"].mean
        text = f"{worse:+.3f} nats of held-out loss (prepared {summary(heldout['repaired'])}, standard {summary(heldout['standard'])})"
        targets.append(Target(f"No worse before unlearning (within {HARM} nats on held-out documents)", text, worse <= HARM))
    if seconds["standard"].mean and seconds["repaired"].mean is not None:
        ratio = seconds["repaired"].mean / seconds["standard"].mean
        targets.append(Target("Whole training at most 1.3 times as long", f"{ratio:.2f} times in processor time", ratio <= 1.3))
    return tuple(targets)


def _notes(rows: Rows, every: Rows) -> tuple[str, ...]:
    notes = []
    known = list(references(rows).values())
    if known:
        loss = sum(row["forget_loss"] for row in known) / len(known)
        auc = sum(row["min_k_auc"] for row in known) / len(known)
        notes.append(f"The retrained model has a forget loss of {loss:.2f} nats and a Min-20 % AUC of {auc:.2f}.")
    for arm in ("standard", "repaired"):
        for unlearner, name in OPERATORS.items():
            there = select_rows(every, arm=arm, unlearner=unlearner)
            if there:
                step, retain, held, auc_side = (arm_side(there, arm, each) for each in ("step", "retain_loss", "heldout_loss", "min_k_auc"))
                notes.append(
                    f"{NAMES[arm]}, {name}, at the retrained model's loss: {summary(step, 'steps')}; retained loss "
                    f"{summary(retain)}, held-out loss {summary(held)}, "
                    f"Min-20 % AUC {summary(auc_side)}."
                )
    return tuple(notes)


def draw(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures

    points = drawn(select_rows(rows, what="curve", unlearner="ascent"))
    known = list(references(rows).values())
    panels = []
    for figure, label in (
        ("forget_loss", "forget loss (nats)"),
        ("retain_loss", "loss on shown retained texts (nats)"),
        ("heldout_loss", "loss on held-out texts (nats)"),
        ("min_k_auc", "Min-20 % AUC on the topic"),
    ):
        lines = pictures.series(points, by="arm", x="step", y=figure, names=NAMES)
        levels = [(sum(row[figure] for row in known) / len(known), "retrained")] if known else []
        if lines:
            panels.append(pictures.Panel(label, lines, "ascent step", label, levels=levels))
    pictures.curves(panels, path, emphasis=NAMES["repaired"])


EXPERIMENT = Experiment(
    "topic",
    "A topic of news as the set to forget",
    caption=(
        "Gradient ascent on the BBC's sports news, by the way the model was trained: loss on them, on retained "
        "texts of other topics that training had shown, on "
        "held-out ones that it had not, and how well Min-20 % Prob tells the texts to forget from never-trained "
        "ones of the topic. Bands are one standard deviation over "
        "trials; dotted lines stand for the model retrained without the topic."
    ),
    paper_says=(
        "Not in the paper, whose texts to forget are random or a part of one corpus, and which compares with no "
        "retrained model and no control without an inner step."
    ),
    plan=plan,
    judge=judge,
    draw=draw,
    in_paper=False,
)  # fmt: skip

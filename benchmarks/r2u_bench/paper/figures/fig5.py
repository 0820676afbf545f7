"""Figure 5: how fast language models forget, by the way they were trained."""

from __future__ import annotations

from pathlib import Path

from r2u_bench.paper.experiment import Experiment, Rows, Spec
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.texts.arms import NAMES
from r2u_bench.paper.texts.curves import ahead, drawn, forgotten, references, select_rows
from r2u_bench.paper.texts.judge import MODELS, arm_side, best_arm, chosen, comparable_arms, fair, pairs
from r2u_bench.paper.texts.plans import listed, text_spec
from r2u_bench.paper.verdict import Claim, Excluded, Verdict, claim

DESTROYED = 20.0
"""Nats of forget loss at which the paper compares."""

ARMS = ("standard", "phased", "dp-sgd", "goldfish", "neftune", "literal", "repaired", "retrained")


def plan(preset: Preset) -> list[Spec]:
    """Every model on every corpus with every arm; the retrained ones first, as all others are read against them.

    Arms that the preset's `first_model` names have the first model alone.
    """
    arms = listed(preset, "fig5", "arms", ARMS)
    models = listed(preset, "fig5", "models", ("tiny-gpt2", "tiny-llama"))
    first = preset.of("fig5").get("first_model", ())
    return [
        text_spec(preset, "fig5", corpus, arm, seed, model=model)
        for seed in preset.seeds("fig5")
        for corpus in listed(preset, "fig5", "corpora", ("muse-news", "kjv-bible"))
        for model in models
        for arm in sorted(arms, key=lambda each: each != "retrained")
        if model == models[0] or arm not in first
    ]


def judge(rows: Rows) -> Verdict:
    claims: list[Claim] = []
    excluded: list[Excluded] = []
    notes: list[str] = []
    for data, model in pairs(rows):
        mine = chosen(rows, data, model)
        where = f"{MODELS.get(model, model)} on {data}"
        found = select_rows(forgotten(mine), unlearner="ascent")
        kept, lost = comparable_arms(found, where=f", {where}")
        excluded += lost
        claims.append(_steps(mine, found, kept, where))
        claims += [_crossing(mine, kept, where, arm) for arm in ("literal", "repaired") if select_rows(mine, arm=arm)]
        reference = [float(row["forget_loss"]) for row in references(mine).values()]
        lacking = [NAMES[arm] for arm in ARMS if not select_rows(mine, arm=arm)]
        if lacking:
            notes.append(f"{where}: not run with this preset: {', '.join(lacking)}.")
        sizes = [row["n_parameters"] for row in select_rows(mine, what="trained") if row.get("n_parameters")]
        if sizes:
            notes.append(f"{where}: {max(sizes) / 1e6:.2f} million parameters.")
        if reference:
            notes.append(
                f"{where}: a model that never saw D_f has a forget loss of {sum(reference) / len(reference):.2f} nats; at "
                "the paper's 20 the model is destroyed."
            )
    return Verdict(tuple(claims), tuple(excluded), notes=(*notes, *NOTES))


NOTES = (
    "GPT-2 Medium, Llama-3.2-1B and -3B and MUSE-Books are not to be had here. In their place stand a GPT-2 "
    "and a Llama of the size named above that "
    "were trained from nothing on general texts; `--preset full` names the paper's models and data, for whoever has them.",
    "Steps are counted to the loss of the model retrained without D_f, seed by seed: beyond it there is nothing more to forget.",
)


def _crossing(mine: Rows, kept: list[str], where: str, arm: str) -> Claim:
    """The paper's own comparison, at the step where the prepared model first crosses 20."""
    then = ahead(mine, arm, kept, DESTROYED)
    rival = best_arm(then, kept, "loss_then", least=False)
    found = fair(arm_side(then, arm, "loss_then"), mine, arm=arm) if select_rows(then, arm=arm) else None
    return claim(
        f"{where}, {arm} settings: when Ready2Unlearn first crosses a forget loss of 20, it is higher than the best baseline's",
        paper="higher, p < 1e-7, 10 trials", unit="nats of forget loss",
        literal=found if arm == "literal" else None, repaired=found if arm == "repaired" else None,
        against=None if rival is None else arm_side(then, rival, "loss_then"), better="greater",
    )  # fmt: skip


def _steps(mine: Rows, found: Rows, kept: list[str], where: str) -> Claim:
    rival = best_arm(found, kept, "step")
    return claim(
        f"{where}: Ready2Unlearn reaches the loss of a retrained model in fewer steps than the best comparable baseline",
        paper="fewer ascent steps to noticeable unlearning", unit="ascent steps",
        literal=fair(arm_side(found, "literal", "step"), mine, arm="literal") if select_rows(found, arm="literal") else None,
        repaired=fair(arm_side(found, "repaired", "step"), mine, arm="repaired") if select_rows(found, arm="repaired") else None,
        against=None if rival is None else arm_side(found, rival, "step"), better="less",
    )  # fmt: skip


def draw(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures

    panels = []
    for data, model in pairs(rows):
        mine = chosen(rows, data, model)
        points = drawn(select_rows(mine, what="curve", unlearner="ascent"))
        curves = pictures.series(points, by="arm", x="step", y="forget_loss", names=NAMES)
        reference = [float(row["forget_loss"]) for row in references(mine).values()]
        levels = [(sum(reference) / len(reference), "retrained")] if reference else []
        if curves:
            title = f"{MODELS.get(model, model)}, {data}"
            panels.append(pictures.Panel(title, curves, "ascent step", "forget loss (nats)", levels=levels))
    pictures.curves(panels, path, emphasis=NAMES["repaired"])


EXPERIMENT = Experiment(
    "fig5",
    "Language models: unlearning efficiency",
    caption=(
        "Mean cross-entropy (nats a token) on the documents to forget over steps of gradient ascent on them, by "
        "the way the model was trained; the band is one "
        "standard deviation over trials, the dotted line the loss of a model retrained without them. A line ends "
        "where its first trial has ended."
    ),
    paper_says=(
        "On GPT-2, GPT-2 Medium, Llama-3.2-1B and -3B with MUSE-Books and MUSE-News, Ready2Unlearn has a "
        "significantly higher forget loss at its first crossing of 20 "
        "than the best competing baseline (one-tailed t-test, p < 1e-7, 10 trials)."
    ),
    plan=plan,
    judge=judge,
    draw=draw,
)  # fmt: skip

"""Figure 7: which tokens carry the loss after unlearning. E-mails are shown by masked tokens only."""

from __future__ import annotations

from pathlib import Path

from r2u_bench.paper.experiment import Experiment, Rows, Spec
from r2u_bench.paper.figures.fig6 import RESILIENCE, WAYS, with_way
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.texts.curves import select_rows
from r2u_bench.paper.texts.judge import fair, summary
from r2u_bench.paper.texts.plans import enron_spec
from r2u_bench.paper.verdict import Side, Verdict, claim, side


def plan(preset: Preset) -> list[Spec]:
    """The trials of Figure 6 on the GPT-2."""
    arms = (("standard", 0.0), ("repaired", RESILIENCE), ("literal", RESILIENCE), ("retrained", 0.0))
    return [enron_spec(preset, arm, seed, lambda2=weight) for seed in preset.seeds("fig7") for arm, weight in arms]


def judge(rows: Rows) -> Verdict:
    ends = [row for row in with_way(rows) if row["what"] == "unlearned" and row.get("unlearner") == "ascent"]
    gaps = {way: fair(_gap(ends, way), with_way(rows), way=way) for way in ("standard", "with", "literal")}
    before = {way: _gap(select_rows(with_way(rows), what="trained"), way) for way in ("standard", "with", "retrained")}
    return Verdict(
        (
            claim(
                "After unlearning, names, numbers and rare words stand out from common words by more loss with preparation than without",
                paper="one example: darker on logins and passwords, uniform with standard training",
                unit="nats, loss of masked tokens less that of common words",
                literal=gaps["literal"], repaired=gaps["with"], against=gaps["standard"], better="greater",
            ),
        ),
        notes=(
            "Tokens of names, addresses, numbers, logins and every word that is not common in news are masked before "
            "anything is stored; the claim "
            "is tested on all e-mails to forget, not on the one that is shown.",
            "The same difference before unlearning: "
            + "; ".join(f"{each.name} {summary(each)}" for each in before.values() if each.n)
            + ".",
        ),
    )  # fmt: skip


def _gap(rows: Rows, way: str) -> Side:
    return side(WAYS[way], rows, "distinctive_gap", way=way)


def draw(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures_of_text

    tokens = select_rows(with_way(rows), what="token", state="unlearned")
    shared = set.intersection(*({row["seed"] for row in tokens if row["way"] == way} for way in ("standard", "with")))
    texts = []
    for way in ("standard", "with"):
        mine = sorted((row for row in tokens if row["way"] == way and row["seed"] == min(shared)), key=lambda row: row["position"])
        texts.append((WAYS[way], [spaced(row["shown"]) for row in mine], [row["loss"] for row in mine]))
    pictures_of_text.shaded(texts, path, scale_label="loss of the token (nats)")


def spaced(shown: str) -> str:
    """Returns a token with a blank before it where it stands for a masked string, which has lost its own."""
    return f" {shown}" if shown.startswith("[") else shown


EXPERIMENT = Experiment(
    "fig7",
    "Which tokens carry the loss after unlearning",
    caption=(
        "One e-mail to forget after gradient ascent up to chance level, with standard training (top) and prepared "
        "(bottom); the darker a token, the higher its loss. "
        "Whatever is personal or uncommon is masked: [name], [word], [number], [address], [secret], and a dot for each further token."
    ),
    paper_says=(
        "In an example the loss is uniform over tokens with standard training, and higher on distinctive ones "
        "such as login names and passwords with Ready2Unlearn."
    ),
    plan=plan,
    judge=judge,
    draw=draw,
)  # fmt: skip

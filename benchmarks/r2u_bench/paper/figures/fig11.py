"""Figure 11: are texts to forget and retained ones told apart more easily by their representations with the resilience term?"""

from __future__ import annotations

from pathlib import Path

from r2u_bench.paper.experiment import Experiment, Rows, Spec
from r2u_bench.paper.figures.fig6 import RESILIENCE, WAYS, with_way
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.texts.curves import select_rows
from r2u_bench.paper.texts.judge import summary
from r2u_bench.paper.texts.plans import enron_spec
from r2u_bench.paper.verdict import Verdict, claim, side

STATES = {"trained": "after training", "unlearned": "after unlearning"}


def plan(preset: Preset) -> list[Spec]:
    """The trials of Figure 6 on the GPT-2, with and without the resilience term, and the retrained one."""
    arms = (("repaired", 0.0), ("repaired", RESILIENCE), ("standard", 0.0), ("retrained", 0.0))
    return [enron_spec(preset, arm, seed, lambda2=weight) for seed in preset.seeds("fig11") for arm, weight in arms]


def judge(rows: Rows) -> Verdict:
    every = with_way(rows)
    claims = []
    for state, when in STATES.items():
        mine = select_rows(every, what=state)
        claims.append(
            claim(
                f"{when.capitalize()}, a linear probe tells D_f from D_r better with the resilience term",
                paper="noticeably less overlap in t-SNE, no figure", unit="AUC over five folds",
                repaired=side(WAYS["with"], mine, "separation_auc", way="with"),
                against=side(WAYS["without"], mine, "separation_auc", way="without"), better="greater",
            )
        )  # fmt: skip
    others = [side(WAYS[way], select_rows(every, what="trained"), "separation_auc", way=way) for way in ("standard", "retrained")]
    note = "After training: " + "; ".join(f"{each.name} {summary(each)}" for each in others if each.n) + "."
    return Verdict(
        tuple(claims),
        notes=(note, "t-SNE has no unit and no test; the claim is held against a linear probe on the same pooled last hidden states."),
    )


def draw(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures_of_text

    points = select_rows(with_way(rows), what="point")
    panels = []
    for state, when in STATES.items():
        for way in ("without", "with"):
            mine = select_rows(points, way=way, state=state)
            seed = min((row["seed"] for row in mine), default=None)
            clouds = {
                name: [(row["x"], row["y"]) for row in select_rows(mine, seed=seed, set=part)]
                for part, name in (("forget", "to forget"), ("retain", "retained"))
            }
            if mine:
                panels.append((f"{WAYS[way]}, {when}", clouds))
    pictures_of_text.scatters(panels, path)


EXPERIMENT = Experiment(
    "fig11",
    "Representations of texts to forget and retained texts",
    caption=(
        "t-SNE of the last hidden states, averaged over the tokens of each e-mail, of the first trial: without "
        "the resilience term (left) and with it (right), after training "
        "(top) and after unlearning (bottom). Distances between clouds have no unit."
    ),
    paper_says=(
        "With the resilience term the embeddings of forget and retain data are much more separable; without it "
        "they overlap substantially (GPT-2, Enron)."
    ),
    plan=plan,
    judge=judge,
    draw=draw,
)

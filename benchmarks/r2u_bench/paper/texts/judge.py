"""What the text experiments' verdicts have in common: which baselines can be compared, sides, and sentences on what does not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from r2u_bench.paper.experiment import Rows
from r2u_bench.paper.texts.arms import NAMES
from r2u_bench.paper.texts.curves import references, same, select_rows
from r2u_bench.paper.verdict import Excluded, Side, Target, side

REMEMBERED_SHARE = 0.8
"""A baseline is comparable while it knows of D_f at least this share of what standard training knows, in nats below the retrained model.
Losses spread more than accuracies, hence not the .95 of images."""

BASELINES = ("standard", "phased", "reweighted", "dp-sgd", "goldfish", "neftune")


MODELS = {"tiny-gpt2": "tiny GPT-2", "tiny-llama": "tiny Llama", "smollm2-135m": "SmolLM2-135M"}
"""Name in a spec -> name on a page."""


def arm_side(rows: Rows, arm: str, figure: str, **where: Any) -> Side:
    """Returns one arm's figure."""
    return side(NAMES[arm], rows, figure, arm=arm, **where)


def comparable_arms(found: Rows, arms: Sequence[str] = BASELINES, where: str = "") -> tuple[list[str], list[Excluded]]:
    """Returns the baselines that still know D_f before they are asked to forget it, and the others with their figures.

    Args:
        found: rows of `text_curves.forgotten` of one data set and model. where: named with the excluded ones.
    """
    base = arm_side(found, "standard", "remembered").mean
    kept, lost = [], []
    for arm in arms:
        each = arm_side(found, arm, "remembered")
        if each.mean is None:
            continue
        if base is None or arm == "standard" or each.mean >= REMEMBERED_SHARE * base:
            kept.append(arm)
        else:
            name = f"{NAMES[arm]}{where}"
            lost.append(
                Excluded(name, each.n, each.mean, each.sd, base, "knowledge of D_f before unlearning, nats below the retrained model")
            )
    return kept, lost


def fair(each: Side, rows: Rows, **where: Any) -> Side:
    """Returns the side, spoiled when its trainings had learned too little of D_f: the bar of the baselines holds for every way to train.

    Args:
        rows: all of one data set and model, the retrained model's and standard training's among them.
        where: picks the side's trainings, such as arm="literal".
    """
    known = references(rows)
    knows = [
        {**row, "knows": known[same(row)]["forget_loss"] - row["forget_loss"]}
        for row in select_rows(rows, what="trained")
        if same(row) in known
    ]
    mine, base = side("", knows, "knows", **where).mean, side("", knows, "knows", arm="standard").mean
    if each.spoiled or mine is None or base is None or mine >= REMEMBERED_SHARE * base:
        return each
    return replace(
        each,
        spoiled=f"before unlearning it knows {mine:.2f} nats of D_f, {mine / base:.0%} of standard training's {base:.2f}, and what "
        f"knows less than {REMEMBERED_SHARE:.0%} is not compared",
    )


def best_arm(found: Rows, arms: Sequence[str], figure: str, *, least: bool = True) -> str | None:
    """Returns the arm with the least (or greatest) mean among those that reach the figure in most trials."""
    means: dict[str, float] = {}
    for arm in arms:
        each = arm_side(found, arm, figure)
        if each.mean is not None and each.lacking <= each.n:
            means[arm] = each.mean
    if not means:
        return None
    return (min if least else max)(means, key=lambda arm: means[arm])


def summary(each: Side, unit: str = "") -> str:
    """Returns "12.3 +- 1.2 steps (n = 5)"."""
    if each.mean is None:
        return "no figure"
    spread = f" +- {each.sd:.3g}" if each.sd is not None else ""
    return f"{each.mean:.3g}{spread}{' ' + unit if unit else ''} (n = {each.n})"


def ratio_target(statement: str, slow: Side, fast: Side, least: float, *, difference: bool = False) -> Target:
    """Returns the target that slow / fast (or slow - fast) of the means is at least so much."""
    if not slow.mean or fast.mean is None or (fast.mean == 0 and not difference):
        return Target(statement, "not measured", False)
    value = slow.mean - fast.mean if difference else slow.mean / fast.mean
    text = f"{value:.2f} ({slow.name} {summary(slow)}, {fast.name} {summary(fast)})"
    return Target(statement, text, value >= least)


def pairs(rows: Rows) -> list[tuple[str, str]]:
    """Returns the (data, model) that there are trials of, in order."""
    return list(dict.fromkeys((str(row["data"]), str(row["model"])) for row in rows))


def chosen(rows: Rows, data: str, model: str) -> list[Any]:
    """Returns the rows of one data set and model."""
    return select_rows(rows, data=data, model=model)

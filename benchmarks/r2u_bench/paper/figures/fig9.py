"""Figure 9: the overhead of preparation in training time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from r2u_bench.paper.experiment import Experiment, Rows, Spec
from r2u_bench.paper.images.arms import SETTINGS
from r2u_bench.paper.images.plans import class_of, spec_of
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.texts.curves import select_rows
from r2u_bench.paper.texts.judge import MODELS, summary
from r2u_bench.paper.texts.plans import CORPORA, ONLY_PLAN, listed
from r2u_bench.paper.verdict import Claim, Target, Verdict, claim, side

WAYS = {"repaired": "last epochs prepare", "every": "every step prepares", "literal": "literal settings, every step"}
WHOLE = 1.3
"""Longest training that the project allows itself, in multiples of standard training."""


def plan(preset: Preset) -> list[Spec]:
    """Every model on every data set, images and texts."""
    specs: list[Spec] = []
    for seed in preset.seeds("fig9"):
        for data in listed(preset, "fig9", "images", ("mnist", "fashion-mnist")):
            settings = {**preset.sections.get("image", {}), **_own(preset, "image_"), "data": data}
            trial = spec_of(settings, arm="repaired", forget=[class_of(seed, data, preset.seed)], seed=seed)
            literal = {key: settings[key] for key in SETTINGS["literal"]}
            specs.append({**trial, **literal, "kind": "cost", "task": "image", "model": "cnn"})
        for corpus in listed(preset, "fig9", "corpora", ("muse-news", "kjv-bible", "enron")):
            for model in listed(preset, "fig9", "models", ("tiny-gpt2", "tiny-llama")):
                own = {**preset.sections.get("text", {}), **_own(preset, "text_"), **CORPORA[corpus]}
                specs.append({"kind": "cost", "task": "text", "model": model, "seed": seed, **own})
    return specs


def _own(preset: Preset, prefix: str) -> dict[str, Any]:
    """Returns the settings of one task: those of the sections cost and experiments.fig9 that begin so, without the beginning."""
    every = {key: value for key, value in preset.section("cost", "fig9").items() if key not in ONLY_PLAN}
    return {key.removeprefix(prefix): value for key, value in every.items() if key.startswith(prefix)}


def overhead(rows: Rows) -> list[dict[str, Any]]:
    """Returns the rows with `overhead`, the paper's figure in percent, of each way that prepares."""
    return [
        {**row, "overhead": None if row["time_ratio"] is None else 100 * (row["time_ratio"] - 1)}
        for row in select_rows(rows, what="cost")
        if row["way"] in WAYS
    ]


def judge(rows: Rows) -> Verdict:
    every = overhead(rows)
    claims: list[Claim] = []
    notes: list[str] = []
    for (task, model), mine in _tasks(every).items():
        name = f"{MODELS.get(model, model)} on {task}"
        base = side("standard", [{**row, "none": 0.0} for row in select_rows(mine, way="repaired")], "none")
        claims.append(
            claim(
                f"{name}: preparation lengthens training to equal quality", paper="by 13.7 % on average, more for small models",
                unit="percent of standard training", literal=side("literal settings", select_rows(mine, way="literal"), "overhead"),
                repaired=side("repaired", select_rows(mine, way="repaired"), "overhead"), against=base, better="greater",
            )
        )  # fmt: skip
        ratios = "; ".join(f"{text} {summary(side(text, select_rows(mine, way=way), 'step_ratio'), 'times')}" for way, text in WAYS.items())
        notes.append(f"{name}, one step against a standard one in the last epoch: {ratios}.")
    return Verdict(tuple(claims), targets=_targets(every), notes=(*notes, *NOTES))


NOTES = (
    "The paper's overhead of 13.7 % cannot come of preparing every step: a prepared step has four gradients. "
    "It is within reach when a part of the steps prepares.",
    "Equal quality: within 1 % of the best validation value of standard training. For the repaired form, "
    "which prepares last, the whole training counts, "
    "against the whole standard training of as many epochs.",
)


def _tasks(rows: Rows) -> Mapping[tuple[str, str], list[Any]]:
    found: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        found.setdefault((str(row["data"]), str(row["model"])), []).append(row)
    return found


def _targets(rows: Rows) -> tuple[Target, ...]:
    targets = []
    for (task, model), mine in _tasks(rows).items():
        each = side("repaired", select_rows(mine, way="repaired"), "whole_ratio")
        if each.mean is not None:
            text = f"{MODELS.get(model, model)} on {task}: whole training at most {WHOLE} times as long as standard training"
            targets.append(Target(text, summary(each, "times"), each.mean <= WHOLE))
    return tuple(targets)


def draw(rows: Rows, path: Path) -> None:
    from r2u_bench.paper import pictures_of_text

    lines = []
    for (task, model), mine in _tasks(overhead(rows)).items():
        for way, text in WAYS.items():
            chosen = select_rows(mine, way=way)
            cells = [_said(side(text, chosen, figure)) for figure in ("step_ratio", "whole_ratio", "overhead")]
            lines.append([f"{MODELS.get(model, model)}, {task}", text, *cells])
    headings = ["model, task", "way", "step,\ntimes standard", "whole training,\ntimes standard", "overhead to\nequal quality, %"]
    pictures_of_text.table(headings, lines, path)


def _said(each: Any) -> str:
    if each.mean is None:
        return "never reached" if each.lacking else "no figure"
    text = summary(each)
    return f"{text}, {each.lacking} never" if each.lacking else text


EXPERIMENT = Experiment(
    "fig9",
    "Overhead of preparation in training time",
    caption=(
        "For each model and data set: time of a prepared step and of the whole training as multiples of standard "
        "training, and the paper's relative overhead, the "
        "additional time to a validation quality within 1 % of standard training's best; mean +- standard "
        "deviation over trials, in processor time."
    ),
    paper_says=(
        "Preparation takes 13.7 % more training time on average over model-task configurations; relatively more "
        "for small models (CNNs) than for large ones."
    ),
    plan=plan,
    judge=judge,
    draw=draw,
)

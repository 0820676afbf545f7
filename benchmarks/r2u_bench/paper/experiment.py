"""An experiment: which trials it needs, what their figures say of the paper's claim, and how they are drawn.

How one is added. Write `benchmarks/r2u_bench/paper/figures/fig8.py` (one module may hold several experiments that share trials):

    from r2u_bench.paper.experiment import Experiment
    from r2u_bench.paper.verdict import Verdict, claim, side

    def plan(preset):
        image = preset.section("image", "fig8")                # the preset's image: settings, fig8's own on top
        return [
            {"kind": "image", **image, "data": "mnist", "arm": "repaired", "prepare_epochs": m, "seed": seed}
            for seed in preset.seeds("fig8")                   # as many as fig8's `trials`, or --trials
            for m in (1, 2, 4)
        ]

    def judge(rows):                                           # a row: the trial's spec, its figures over it, "trial": its key
        ends = [row for row in rows if row["what"] == "summary"]
        short = side("1 epoch", ends, "steps_to_half", prepare_epochs=1)
        long = side("4 epochs", ends, "steps_to_half", prepare_epochs=4)
        return Verdict(
            claims=(claim("Longer preparation forgets in fewer steps", paper="a clear trend", unit="steps",
                          repaired=long, against=short, better="less"),)
        )

    def draw(rows, path):                                      # writes path.png and path.svg
        from r2u_bench.paper import pictures                     # drawing is imported where it is used
        curve = [row for row in rows if row["what"] == "curve"]
        panel = pictures.Panel("MNIST", pictures.series(curve, by="prepare_epochs", x="step", y="forget_accuracy"),
                               x_label="ascent step", y_label="forget accuracy")
        pictures.curves([panel], path)

    EXPERIMENT = Experiment("fig8", "Duration of preparation", caption="...", paper_says="...", plan=plan, judge=judge, draw=draw)

and one line in `catalogue.py`:  "fig8": "r2u_bench.paper.figures.fig8:EXPERIMENT", and its `trials` in every file of `presets/`.
What a trial does is the business of its kind: see `kinds`. Radars and bars are in `pictures_by_class`; tables, shaded words and
scatters in `pictures_of_text`; baselines that had lost the data before are taken out by `baselines.comparable`.
Trials are stored under a name made from their spec, so that two figures that ask for the same spec share it: put nothing into
a spec that does not change what is measured. `draw` and `judge` see the rows of the trials that are there: some may have
failed, and data may not be to be had; leave out what has no rows, and never invent any.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from r2u_rec.trials.kinds import Rows, Spec

if TYPE_CHECKING:
    from r2u_bench.paper.preset import Preset
    from r2u_bench.paper.verdict import Verdict


@dataclass(frozen=True)
class Experiment:
    """One figure or table.

    Attributes:
        name: as in `r2u bench paper NAME`: lower-case letters, digits and hyphens.
        title: a few words for the list and the heading.
        caption: what the picture shows, with axes, units and what a band or bar means; n is added.
        paper_says: what the paper reports there, with its figures.
        plan: from a preset to the specs of all trials; the same preset gives the same specs.
        judge: from the rows to the verdict. Called with at least one row.
        draw: from the rows and a path without ending to PATH.png and PATH.svg, by a function of `pictures`.
        in_paper: False for what goes beyond the paper.
    """

    name: str
    title: str
    caption: str
    paper_says: str
    plan: Callable[[Preset], Sequence[Spec]]
    judge: Callable[[Rows], Verdict]
    draw: Callable[[Rows, Path], object]
    in_paper: bool = True

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ValueError(f"an experiment's name must be lower-case letters, digits and single hyphens, got {self.name!r}")
        empty = [field for field in ("title", "caption", "paper_says") if not getattr(self, field).strip()]
        if empty:
            raise ValueError(f"experiment {self.name} has no {', '.join(empty)}: its page cannot be read without")

"""Figure 10: retained images taken for revocable ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from r2u_bench.paper.experiment import Experiment, Rows
from r2u_bench.paper.images.pictures_of_images import retention
from r2u_bench.paper.images.plans import class_of, spec_of
from r2u_bench.paper.images.rows import TITLES, format_side, percent, select_rows, sets_of
from r2u_bench.paper.preset import Preset
from r2u_bench.paper.verdict import Verdict, claim, side


def plan_overlap(preset: Preset) -> list[dict[str, Any]]:
    """Returns trials in which a share of the revocable images are retained ones, and standard training."""
    settings = preset.section("image", "fig10")
    specs = []
    for seed in preset.seeds("fig10"):
        forget = [class_of(seed, settings["data"], preset.seed)]
        specs.append(spec_of(settings, arm="standard", forget=forget, seed=seed))
        for share in settings["overlaps"]:
            specs.append(spec_of(settings, arm="repaired", forget=forget, seed=seed, **({"overlap": share} if share else {})))
    return specs


def judge_overlap(rows: Rows) -> Verdict:
    ends = shares(percent(select_rows(rows, "summary"), "retain_at_chance"))
    names = overlaps(ends)
    found = {name: side(name, ends, "retain_at_chance", share=name) for name in names}
    none, most, clean = found[names[0]], found[names[-1]], found[names[1]]
    return Verdict(
        claims=(
            claim(
                f"With {names[-1]} more retain accuracy is left than without preparation",
                paper="still better than no preparation",
                unit="%",
                repaired=most,
                against=none,
                better="greater",
            ),
            claim(
                f"With {names[-1]} less retain accuracy is left than with none",
                paper="slightly compromised as the overlap grows",
                unit="%",
                repaired=most,
                against=clean,
                better="less",
            ),
        ),
        notes=(
            f"Retain accuracy at chance (%): {'; '.join(f'{name} {format_side(each)}' for name, each in found.items())}.",
            "Overlap is in what training is told may be withdrawn; what is withdrawn later, and measured, is the class alone.",
        ),
    )


def shares(rows: Rows) -> list[dict[str, Any]]:
    """Returns the rows with how much overlap they have, in words, as "share"."""
    return [
        {**row, "share": "no preparation" if row["arm"] == "standard" else f"{100 * row.get('overlap', 0):g} % overlap"} for row in rows
    ]


def overlaps(rows: Rows) -> list[str]:
    """Returns the values of "share": no preparation first, then from no overlap to the most."""
    prepared = sorted({row.get("overlap", 0) for row in rows if row["arm"] != "standard"})
    return ["no preparation", *(f"{100 * each:g} % overlap" for each in prepared)]


def draw_overlap(rows: Rows, path: Path) -> None:
    ends = shares(percent(select_rows(rows, "summary"), "retain_at_chance"))
    retention([(TITLES[sets_of(rows)[0]], ends, "share", {name: name for name in overlaps(ends)})], path)


EXPERIMENT = Experiment(
    "fig10",
    "Retained images taken for revocable ones",
    caption="Retain accuracy on test images (%) when the class is at chance, with a share of the revocable images being retained ones; "
    "an axis "
    "for each class.",
    paper_says="Retention is slightly compromised as the overlap grows, and stays better than with no preparation.",
    plan=plan_overlap,
    judge=judge_overlap,
    draw=draw_overlap,
)

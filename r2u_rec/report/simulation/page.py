"""The report of a deletion simulation as one self-contained HTML page: what to take, the table to choose by, the timeline."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from r2u_rec.report.columns import column
from r2u_rec.report.figures.canvas import THEME
from r2u_rec.report.kit.theme import stylesheet
from r2u_rec.report.simulation.advice import LIMIT, NEAR_COST, TOLERATED_LOSS, WIDENED, recommend
from r2u_rec.report.simulation.plots import lettered, looks, seeds_said, timeline
from r2u_rec.report.simulation.results import Simulation
from r2u_rec.report.simulation.table import always_retraining, choose_table, never_erasing
from r2u_rec.report.simulation.tradeoff import hours_to_erase, tradeoff
from r2u_rec.report.simulation.words import NOTES, describe, modelled_against_measured, without_evidence
from r2u_rec.report.table import Line, Table, figure

SIMULATION_PAGE = "simulation.html"


def write_simulation_page(sim: Simulation, path: Path) -> Path:
    """Writes the page and returns its path; an old page is replaced only by a whole new one. Raises as `render_simulation_page`."""
    text = render_simulation_page(sim)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    return unfinished.replace(path)


def render_simulation_page(sim: Simulation) -> str:
    """Returns the page. Everything that comes from the simulation is escaped.

    Raises:
        EvidenceError: a policy that never erases or one that always retrains is missing, or retraining took no time.
    """
    table, advice, look = choose_table(sim), recommend(sim), looks(sim)
    ends = {never_erasing(sim): "never erases", always_retraining(sim): "always retrains"}
    groups = _groups(table, sim.quality)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(resources.files("r2u_rec.report.simulation").joinpath("page.html.j2").read_text(encoding="utf-8"))
    return template.render(
        sim=sim,
        span=f"{_day(sim.start)} to {_day(sim.end)}",
        n_requests=f"{len(sim.requests) / len(sim.policies) / len(sim.seeds):,.0f}",
        seeds=seeds_said(sim),
        advice=advice,
        headings=[(heading, [name for name, _ in below]) for heading, _, below in groups],
        lines=[_line(table, line, groups, look[line.names["policy"]].label, advice.policy, ends) for line in table.lines],
        figures=_figures(sim),
        key=[(each.label, name, f"var({THEME[each.colour]})") for name, each in look.items()] if lettered(sim) else [],
        always=always_retraining(sim),
        policies=[
            (name, f"var({THEME[look[name].colour]})", describe(fields), advice.refused.get(name, ()))
            for name, fields in sim.policies.items()
        ],
        definitions=[(column(name).label, column(name).definition) for name in table.columns],
        limit=LIMIT,
        widened=WIDENED,
        tolerated=f"{100 * TOLERATED_LOSS:g} %",
        near=f"{100 * (NEAR_COST - 1):.0f} %",
        notes=[*sim.notes, *without_evidence(sim), *NOTES],
        seconds=modelled_against_measured(sim),
        settings=json.dumps(sim.settings, indent=2, ensure_ascii=False),
        style=stylesheet(),
    )


Group = tuple[str, str, tuple[tuple[str, str], ...]]
"""Heading and column of a cell, and those of the small figures below."""


def _groups(table: Table, quality: str) -> list[Group]:
    """The cells of a line; small figures that no policy has are left out."""
    groups: list[Group] = [
        (quality, quality, (("of retrained", "ndcg_share"),)),
        ("imprint AUC, end", "imprint_end", (("worst checkpoint", "imprint_worst"),)),
        ("adaptive AUC, end", "adaptive_end", ()),
        ("overlap", "overlap", (("retrained pair", "overlap_floor"),)),
        ("hours, p50", "hours_p50", (("p95", "hours_p95"),)),
        ("missed deadlines", "misses", (("share", "misses_share"),)),
        ("warned", "warnings", (("waiting, end", "waiting_end"),)),
        ("snapshot AUC, mean", "snapshot_mean", (("worst", "snapshot_worst"), ("without", "snapshot_baseline"))),
        ("CPU s a month", "cpu_per_month", (("of always retraining", "cpu_share"),)),
        ("trainings", "trainings", (("peak memory, GB", "peak_gb"),)),
    ]
    known = {name for line in table.lines for name, found in line.figures.items() if found is not None}
    return [(heading, main, tuple(each for each in below if each[1] in known)) for heading, main, below in groups]


def _line(table: Table, line: Line, groups: list[Group], label: str, taken: str | None, ends: dict[str, str]) -> dict[str, Any]:
    """A line of the table as the template shows it."""
    text = {name: figure(line.figures[name], column(name).digits) for name in table.columns}
    name = line.names["policy"]
    return {
        "name": name,
        "label": label if label != name else "",
        "kind": "taken" if name == taken else "reference" if name in ends else "",
        "badges": ["recommended"] * (name == taken) + ([ends[name]] if name in ends else []),
        "cells": [(text[main], [text[small] for _, small in below]) for _, main, below in groups],
    }


def _figures(sim: Simulation) -> list[dict[str, str]]:
    """Title, drawing, caption, description and class of each figure."""
    never, named, seeds = never_erasing(sim), ", ".join(sim.policies), seeds_said(sim)
    n = len(sim.seeds)
    bars = "" if n == 1 else "Bars: one standard deviation. "
    band = "" if n == 1 else " Lines are means over seeds, bands their range."
    said = {
        "Timeline": (
            timeline(sim),
            f"All panels have the same dates. “{never}” is left out where requests wait: there all do.{band} The imprint "
            "counts all who have asked so far, also those who wait. "
            f"{'The dotted upright line marks an incident. ' if sim.incidents else ''}{seeds}",
        ),
        "What is left against what is kept": (
            tradeoff(sim),
            "At the end. The shaded band is that in which nothing is to be told from chance; the best place is in it, at the top. The area "
            f"of a dot grows with the compute, CPU seconds a month beside the name. {bars}{seeds}",
        ),
        "Hours to erase": (
            hours_to_erase(sim),
            "Share of the requests carried out within so long after receipt, all seeds together; shaded up to the dashed line: the "
            f"deadline, a calendar month. A line that stays below 100 % leaves requests waiting. {seeds}",
        ),
    }
    return [
        {"title": title, "drawing": drawing, "caption": caption, "described": f"{title}: {named}"}
        for title, (drawing, caption) in said.items()
    ]


def _day(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d")

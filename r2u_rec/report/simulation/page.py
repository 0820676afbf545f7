"""The report of a deletion simulation as one self-contained HTML page: what to take, the table to choose by, the timeline."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from r2u_rec.report.columns import column
from r2u_rec.report.figures.canvas import THEME
from r2u_rec.report.kit.pages import render, write_whole
from r2u_rec.report.kit.parts import Cell, Heading, PageFigure, PageTable, Repeat, Status, TableRow, VerdictBox, tone_of
from r2u_rec.report.simulation.advice import LIMIT, NEAR_COST, TOLERATED_LOSS, WIDENED, Advice, advise
from r2u_rec.report.simulation.plots import lettered, looks, seeds_said, timeline
from r2u_rec.report.simulation.results import Simulation
from r2u_rec.report.simulation.table import always_retraining, choose_table, line_of, never_erasing
from r2u_rec.report.simulation.tradeoff import hours_to_erase, tradeoff
from r2u_rec.report.simulation.words import NOTES, describe, modelled_against_measured, without_evidence
from r2u_rec.report.table import Line, Table, figure
from r2u_rec.report.verdict import KEPT, status_of

SIMULATION_PAGE = "simulation.html"


def write_simulation_page(sim: Simulation, path: Path) -> Path:
    """Writes the page and returns its path; an old page is replaced only by a whole new one. Raises as `render_simulation_page`."""
    return write_whole(render_simulation_page(sim), path)


def render_simulation_page(sim: Simulation) -> str:
    """Returns the page. Everything that comes from the simulation is escaped.

    Raises:
        EvidenceError: a policy that never erases or one that always retrains is missing, or retraining took no time.
    """
    table, advice, look = choose_table(sim), advise(sim), looks(sim)
    status = {name: standing_of(sim, table, advice, name) for name in sim.policies}
    return render(
        "r2u_rec.report.simulation",
        "page.html.j2",
        title=sim.name,
        answer=_answer(sim, advice, status),
        about=_about(sim),
        seeds=seeds_said(sim),
        table=_table(sim, table, advice, {name: each.label for name, each in look.items()}, status),
        figures=_figures(sim),
        key=[(each.label, name, f"var({THEME[each.colour]})") for name, each in look.items()] if lettered(sim) else [],
        always=always_retraining(sim),
        policies=[
            (name, *_standing(advice, name, status[name]), f"var({THEME[look[name].colour]})", describe(fields))
            for name, fields in sim.policies.items()
        ],
        definitions=[(column(name).label, column(name).definition) for name in table.columns],
        notes=[*sim.notes, *without_evidence(sim), *NOTES],
        seconds=_seconds(sim),
        repeat=Repeat(
            command=sim.command,
            where=f"The simulation is in the folder {sim.name}, beside this page: requests, batches and checkpoints as "
            "Parquet, all else as JSON.",
            settings=json.dumps(sim.settings, indent=2, ensure_ascii=False),
            about="Data, versions, machine",
            facts=[("Data", sim.data), ("Versions", sim.versions), ("Machine", sim.machine)],
        ),
    )


def rule(quality: str) -> str:
    """Returns by which rule a policy is recommended."""
    tolerated, near, kept = (f"{100 * share:.3g} %" for share in (TOLERATED_LOSS, NEAR_COST - 1, KEPT))
    return (
        f"No deadline missed in any seed; the imprint AUC at the end no farther than {LIMIT - 0.5:.2f} from 0.5, widened by two "
        f"standard errors of the mean but at most by {WIDENED}, and the adaptive AUC, held against retrained models, no farther; "
        f"{quality} within {tolerated} of the best of these; then the least CPU time. Costs within {near} of each other may change "
        f"places in another run. A policy is good when it forgets by this rule and keeps at least {kept} of retrained quality, mixed "
        "when it does one of the two, bad when it does neither."
    )


def standing_of(sim: Simulation, table: Table, advice: Advice, policy: str) -> Status:
    """Returns "good" for a policy that forgets in time and keeps quality, "mixed" for one of the two, "bad" for neither.

    It forgets when it is not late and leaves no imprint by the rule; it keeps when its quality is not refused and is at least KEPT of
    retrained models'. The policy that never erases is a comparison, "neutral".
    """
    if policy == never_erasing(sim):
        return "neutral"
    forgets, share = policy not in advice.unforgotten, line_of(table, policy).figures["ndcg_share"]
    refused = forgets and policy in advice.refused
    return status_of(forgets, not refused and share is not None and share.mean >= KEPT)


def _answer(sim: Simulation, advice: Advice, status: dict[str, Status]) -> VerdictBox:
    n, of = len(advice.qualified), len(sim.policies)
    lines = [("Asked", [sim.question])] if sim.question else []
    if advice.against:
        lines.append(("Against it", list(advice.against)))
    lines += [
        (
            "Not taken",
            [
                f"“{name}”: {'; '.join(advice.refused.get(name, ('it qualifies, at a higher cost',)))}."
                for name in sim.policies
                if name != advice.policy
            ],
        ),
        ("The rule", [rule(sim.quality)]),
        ("Certainty", [f"Mean ± standard deviation over {seeds_said(sim)}"]),
    ]
    shown: Status = status[advice.policy] if advice.policy else "mixed" if "mixed" in status.values() else "bad"
    return VerdictBox(shown, f"{shown}: {n} of {of} policies {'qualifies' if n == 1 else 'qualify'}", advice.sentence, lines)


def _standing(advice: Advice, policy: str, status: Status) -> tuple[Status, str, str]:
    """Status, badge and reason of a policy."""
    badge = "nothing done, the comparison" if status == "neutral" else status
    if faults := advice.refused.get(policy, ()):
        return status, badge, f"Not recommended: {'; '.join(faults)}."
    return status, badge, "Recommended." if policy == advice.policy else "Qualifies, at a higher cost."


def _about(sim: Simulation) -> str:
    """The data, the time and the requests in a line."""
    sizes = [(sim.data.get(key), word) for key, word in (("n_users", "users"), ("n_items", "items"), ("n_interactions", "interactions"))]
    counted = [f"{n:,} {word}" for n, word in sizes if isinstance(n, int)]
    asked = f"{len(sim.requests) / len(sim.policies) / len(sim.seeds):,.0f} requests (mean over seeds) under {len(sim.policies)} policies"
    parts = [str(sim.data.get("name", "data")), *counted, f"{_day(sim.start)} to {_day(sim.end)}", asked]
    return " · ".join([*parts, seeds_said(sim).rstrip("."), sim.created])


def _seconds(sim: Simulation) -> PageTable | None:
    rows = [TableRow([Cell(text) for text in each]) for each in modelled_against_measured(sim)]
    headings = ("policy", "modelled, s", "measured wall, s", "measured / modelled")
    return PageTable("Modelled against measured seconds", [Heading(text) for text in headings], rows) if rows else None


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


def _table(sim: Simulation, table: Table, advice: Advice, labels: dict[str, str], status: dict[str, Status]) -> PageTable:
    """A line a policy, the recommended one first."""
    groups = _groups(table, sim.quality)
    ends = {never_erasing(sim): "never erases", always_retraining(sim): "always retrains"}
    lines = sorted(table.lines, key=lambda line: line.names["policy"] != advice.policy)
    headings = [Heading("policy"), *(Heading(heading, tuple(name for name, _ in below)) for heading, _, below in groups)]
    rows = [_row(table, line, groups, labels[line.names["policy"]], status[line.names["policy"]], advice, ends) for line in lines]
    return PageTable("Table of the policies", headings, rows)


def _row(table: Table, line: Line, groups: list[Group], label: str, status: Status, advice: Advice, ends: dict[str, str]) -> TableRow:
    text = {name: figure(line.figures[name], column(name).digits) for name in table.columns}
    name = line.names["policy"]
    taken = name == advice.policy
    badges = ("recommended",) * taken + ((ends[name],) if name in ends else ()) + ((status,) if status != "neutral" else ())
    first = Cell(f"{label}: {name}" if label != name else name, badges=badges, strong=True, tone=tone_of(status))
    cells = [Cell(text[main], tuple(text[small] for _, small in below)) for _, main, below in groups]
    return TableRow([first, *cells], "taken" if taken else "reference" if name in ends else "")


def _figures(sim: Simulation) -> list[PageFigure]:
    """Title, drawing, caption and description of each figure."""
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
        PageFigure(title, drawing, caption, f"{title}: {named}", "tall" if title == "Timeline" else "")
        for title, (drawing, caption) in said.items()
    ]


def _day(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d")

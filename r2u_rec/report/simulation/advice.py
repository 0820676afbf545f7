"""Which policy to take, in plain words: who is out and why, who is taken and why, and what speaks against it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from r2u_rec.report.evidence import Spread
from r2u_rec.report.simulation.frames import flags, numbers
from r2u_rec.report.simulation.results import NEVER, UNNEEDED, Simulation
from r2u_rec.report.simulation.table import always_retraining, line_of, never_erasing, seed_rows, table_of
from r2u_rec.report.table import Table, figure

LIMIT = 0.55
"""An imprint AUC above this is to be told from chance: the upper edge of the band [.45, .55] in which a retrained model must lie."""

WIDENED = 0.05
"""Two standard errors widen the band, but never by more than this: noise is no evidence of forgetting."""

TOLERATED_LOSS = 0.01
"""Share of the best qualifying policy's quality that may be given up for a cheaper policy."""

NEAR_COST = 1.10
"""Measured costs that differ by less than this factor may change places in the next run."""


@dataclass(frozen=True)
class Advice:
    """What is recommended.

    Attributes:
        policy: its name, None if none qualifies.
        sentence: which and why, or that none qualifies.
        against: what speaks against the policy taken, a sentence each.
        refused: policy -> why it does not qualify, a phrase each.
        qualified: the policies that do, cheapest first.
        unforgotten: those that are late, leave an imprint or were not measured; the others that were refused keep too little.
    """

    policy: str | None
    sentence: str
    against: tuple[str, ...]
    refused: Mapping[str, tuple[str, ...]]
    qualified: tuple[str, ...]
    unforgotten: frozenset[str] = frozenset()


def advise(sim: Simulation) -> Advice:
    """Returns the advice: no deadline missed, no imprint beyond the band, quality within 1 % of the best of these, then the cheapest.

    The cost is measured CPU time; all the rest follows from the simulation's seeds.

    Raises:
        EvidenceError: as `choose_table`.
    """
    rows = seed_rows(sim)
    table = table_of(sim, rows)
    never = never_erasing(sim)
    refused, left, unforgotten = {}, [], set()
    for policy in sim.policies:
        faults = _faults(sim, table, rows, policy)
        if faults:
            refused[policy] = tuple(faults)
            if len(faults) > faults.count(unmeasured_quality(sim)):
                unforgotten.add(policy)
        else:
            left.append(policy)
    if not left:
        return Advice(None, _none_qualifies(refused, never), (), refused, (), frozenset(unforgotten))
    best = max(left, key=lambda policy: _mean(table, policy, sim.quality) or 0.0)
    highest = _mean(table, best, sim.quality) or 0.0
    for policy in list(left):
        kept = _mean(table, policy, sim.quality) or 0.0
        if kept < (1 - TOLERATED_LOSS) * highest:
            refused[policy] = (
                f"its {sim.quality} of {kept:.4f} is {100 * (1 - kept / highest):.1f}\u00a0% below that of “{best}” ({highest:.4f})",
            )
            left.remove(policy)
    left.sort(key=lambda policy: _mean(table, policy, "cpu_per_month") or 0.0)
    return Advice(
        left[0], _taken(table, rows, left, best, sim), tuple(_against(sim, table, rows, left)), refused, tuple(left), frozenset(unforgotten)
    )


def unmeasured_quality(sim: Simulation) -> str:
    """Returns how a policy is refused whose quality is not known."""
    return f"its {sim.quality} at the end was not measured"


def bound(found: Spread, errors: Sequence[float | None] = ()) -> float:
    """Returns the highest mean that is still within the band: LIMIT and two standard errors of the mean, at most WIDENED.

    Args:
        found: the figure over seeds. errors: standard error of each seed's figure, where they are known.
    """
    return LIMIT + min(2 * _error(found, errors), WIDENED)


def _error(found: Spread, errors: Sequence[float | None]) -> float:
    """The larger of what the seeds' spread and the figures' own errors say; 0 where neither is known."""
    between = (found.sd or 0.0) / math.sqrt(found.n)
    known = [error for error in errors if error is not None]
    within = math.sqrt(float(np.mean(np.square(known))) / found.n) if known else 0.0
    return max(between, within)


def _faults(sim: Simulation, table: Table, rows: Sequence[Mapping[str, Any]], policy: str) -> list[str]:
    """Why a policy does not qualify; empty if it does."""
    figures = line_of(table, policy).figures
    faults = ["it never erases what it was asked to erase"] if sim.policies[policy].get("operator") == NEVER else []
    missed, share = figures["misses"], figures["misses_share"]
    if missed is not None and share is not None and missed.highest > 0:
        faults.append(f"it misses the deadline of {missed.mean:.1f} requests ({100 * share.mean:.1f}\u00a0%)")
    auc, adaptive = figures["imprint_end"], figures["adaptive_end"]
    if auc is None:
        faults.append("its imprint at the end was not measured")
    else:
        upper = bound(auc, [row["imprint_end_se"] for row in rows if row["policy"] == policy])
        if auc.mean > upper:
            faults.append(f"it leaves an imprint: AUC {figure(auc, 3)} at the end, above {upper:.3f}{_waiting(table, policy)}")
        elif auc.mean < 1 - upper:
            faults.append(f"its erased users stand out by their absence: AUC {figure(auc, 3)} at the end, below {1 - upper:.3f}")
    if adaptive is not None:
        upper = bound(adaptive) - 0.5 + max(0.5, _retrained_adaptive(sim, table, rows, policy))
        if adaptive.mean > upper:
            faults.append(f"the stronger attacker finds an imprint: adaptive AUC {figure(adaptive, 3)} at the end, above {upper:.3f}")
    if figures[sim.quality] is None:
        faults.append(unmeasured_quality(sim))
    return faults


def _retrained_adaptive(sim: Simulation, table: Table, rows: Sequence[Mapping[str, Any]], policy: str) -> float:
    """The adaptive AUC of retrained models at the end; where it was not measured, that of always retraining; else chance."""
    known = [row["adaptive_retrained"] for row in rows if row["policy"] == policy and row["adaptive_retrained"] is not None]
    return float(np.mean(known)) if known else _mean(table, always_retraining(sim), "adaptive_end") or 0.5


def _waiting(table: Table, policy: str) -> str:
    waiting = _mean(table, policy, "waiting_end")
    return f" ({waiting:.0f} requests still wait)" if waiting else ""


def _none_qualifies(refused: Mapping[str, tuple[str, ...]], never: str) -> str:
    others = [faults for policy, faults in refused.items() if policy != never]
    late = sum(any("deadline" in fault for fault in faults) for faults in others)
    found = sum(any("AUC" in fault for fault in faults) for faults in others)
    remedies = []
    if late:
        remedies.append(f"{late} of {len(others)} miss deadlines: carry out earlier, by a larger margin or smaller batches")
    if found:
        remedies.append(f"{found} of {len(others)} leave an imprint at the end: retrain more often, or with a smaller drift budget")
    if any("not measured" in fault for faults in others for fault in faults):
        remedies.append("measure imprint and quality at the last checkpoint")
    return f"No policy qualifies, none is recommended. {'; '.join(remedies) or 'Only the policy that never erases was simulated'}."


def _taken(table: Table, rows: Sequence[Mapping[str, Any]], left: Sequence[str], best: str, sim: Simulation) -> str:
    """The sentence that says which policy and why."""
    policy = left[0]
    figures = line_of(table, policy).figures
    auc, kept, cost = figures["imprint_end"], figures[sim.quality], figures["cpu_per_month"]
    assert auc is not None
    assert kept is not None
    assert cost is not None
    upper = bound(auc, [row["imprint_end_se"] for row in rows if row["policy"] == policy])
    of_retrained = figures["ndcg_share"]
    share = f", {100 * of_retrained.mean:.1f}\u00a0% of a retrained model's," if of_retrained else ""
    highest = _mean(table, best, sim.quality)
    beside = (
        "is the best of those that qualify"
        if highest is None or kept.mean >= highest
        else f"is within {100 * TOLERATED_LOSS:g}\u00a0% of the best that qualifies (“{best}”, {highest:.4f})"
    )
    cheapest = "and it is the only one that qualifies" if len(left) == 1 else f"and of these {len(left)} it is the cheapest"
    return (
        f"Take “{policy}”: it misses no deadline, its imprint AUC at the end, {figure(auc, 3)}, lies within [{1 - upper:.3f}, "
        f"{upper:.3f}], its {sim.quality} of {kept.mean:.4f}{share} {beside}, {cheapest}: {cost.mean:.3g} CPU seconds a month, "
        f"{100 * (_mean(table, policy, 'cpu_share') or 0.0):.3g}\u00a0% of always retraining."
    )


def _against(sim: Simulation, table: Table, rows: Sequence[Mapping[str, Any]], left: Sequence[str]) -> list[str]:
    """What speaks against the policy taken."""
    policy, always = left[0], always_retraining(sim)
    figures = line_of(table, policy).figures
    said = []
    batches = sim.part("batches", policy)
    loose = ~np.isin(batches["operator"].to_numpy(dtype=object), [*sim.exact, UNNEEDED]) & ~flags(batches, "retrained")
    if loose.any():
        names = ", ".join(dict.fromkeys(batches["operator"][loose]))
        erased, all_erased = numbers(batches[loose], "n_users").sum(), numbers(batches, "n_users").sum()
        said.append(
            f"It is approximate: {100 * erased / max(all_erased, 1.0):.0f}\u00a0% of the erasures of users are carried out by edits that "
            f"do not equal retraining ({names}); a stronger attack may find what these did not."
        )
    worst, base = figures["imprint_worst"], _mean(table, always, "imprint_worst")
    if worst is not None and base is not None and worst.mean > max(LIMIT, base) + WIDENED:
        said.append(f"Between batches it remembers: imprint AUC {worst.mean:.3f} at the worst checkpoint, {base:.3f} of always retraining.")
    read, without = figures["snapshot_mean"], figures["snapshot_baseline"]
    if read is not None and read.mean > (without.mean if without else 0.5) + WIDENED:
        beside = f"; {without.mean:.3f} without the second snapshot" if without else ""
        said.append(
            f"Whoever holds the model from before and after a batch reads the erased histories at AUC {read.mean:.3f} on average, "
            f"{_mean(table, policy, 'snapshot_worst') or 0.0:.3f} in the worst batch{beside}."
        )
    overlap, floor = figures["overlap"], figures["overlap_floor"]
    if overlap is not None and floor is not None and overlap.mean < floor.mean - max(0.02, 2 * (overlap.sd or 0.0)):
        said.append(
            f"It drifts: {overlap.mean:.3f} of its top 20 stand in a retrained model's, {floor.mean:.3f} between two retrained models."
        )
    slow = figures["hours_p95"]
    if slow is None or slow.mean > 7 * 24:
        said.append(
            f"Erased people wait: 95\u00a0% are done within {slow.mean / 24:.0f} days."
            if slow
            else "Fewer than 95\u00a0% of the requests were done."
        )
    if figures["warnings"] is not None and figures["warnings"].mean > 0:
        said.append(f"Deadlines come near: {figures['warnings'].mean:.1f} requests were warned of.")
    share = _mean(table, policy, "cpu_share") or 0.0
    if policy != always and share >= 1:
        said.append(f"It costs {share:.2f} times as much as always retraining.")
    if len(left) > 1:
        cost, next_cost = (_mean(table, name, "cpu_per_month") or 0.0 for name in left[:2])
        if next_cost <= NEAR_COST * cost:
            said.append(
                f"“{left[1]}” costs nearly the same ({next_cost:.3g} CPU seconds a month): measured times may order them otherwise."
            )
    if figures["adaptive_end"] is None:
        said.append("The stronger attacker was not measured at the end: one attack that finds nothing is no proof.")
    if len(sim.seeds) < 3:
        n = len(sim.seeds)
        said.append(f"It rests on {n} {'seed' if n == 1 else 'seeds'}: {'no spread is' if n == 1 else 'spreads are hardly'} known.")
    return said


def _mean(table: Table, policy: str, name: str) -> float | None:
    found = line_of(table, policy).figures[name]
    return None if found is None else found.mean

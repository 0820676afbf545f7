"""What a policy does, in plain words, and what a reader of a simulation must know before believing its figures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from r2u_rec.report.evidence import spread
from r2u_rec.report.simulation.frames import numbers
from r2u_rec.report.simulation.results import NEVER, RETRAIN, Simulation

PASSED = "passed"
"""What stands in a checkpoint's `evidence` when the self-test of the imprint's measurement passed."""

SHOWN = 6
"""Checkpoints without evidence that are listed one by one."""

NOTES = (
    "Times to erase and deadlines are simulated: a request is finished at the time of the decision plus the seconds that the cost model "
    "gives, not those measured. CPU seconds and memory are measured, once, on the machine named below; another run gives somewhat others, "
    "all other figures of the same seeds are the same again.",
    "Batches carried out by an approximate method leave a model that does not equal a retrained one. An AUC near 0.5 says that this "
    "attack found nothing, not that nothing is there.",
    "The imprint AUC is the chance that the attacker ranks a person who asked to be erased above one the model never saw. It counts "
    "everybody who has asked so far, also those whose requests still wait: a policy that lets them wait shows it here.",
    "The share of retrained compares with a model trained anew, at the same checkpoint, on the records that may still be used.",
    "The time to erase is a Kaplan-Meier estimate: a request that still waits at the end counts as taking longer than it has waited.",
    "The snapshot AUC is about someone who holds the model from before and after a batch. Larger batches hide one person among others; "
    "retraining leaks too.",
)

_OPERATORS = {
    RETRAIN: "Trains anew on the records that are left, whenever it acts.",
    "newton": "Erases by a step of block Newton, an approximation.",
    "ascent": "Erases by gradient ascent, an approximation.",
    "exact": "Erases by the closed form of its model, which equals retraining.",
    "sisa": "Trains anew only the shards that hold what is erased.",
    "sharded": "Trains anew only the shards that hold what is erased.",  # sisa, as older results call it
    "auto": "Takes at each batch the way that the cost model names: an exact edit where there is one, an approximate one while it is small "
    "and within the drift budget, retraining otherwise.",
}
_SAID = (
    "name", "operator", "trained", "batch", "every_days", "by_deadline", "margin_days", "warn_days", "retrain_every_days",
    "reprepare_every_days", "drift_budget",
)  # fmt: skip


def describe(fields: Mapping[str, Any]) -> list[str]:
    """Returns what a policy does, a sentence each.

    Args:
        fields: of the policy, by name; those left out have the policy's defaults.
    """
    operator = fields.get("operator", "auto")
    if operator == NEVER:
        said = ["Never erases: requests are received, and nothing is done. It remembers everybody: one end of the scale."]
        return said + _regular(fields)
    said = [_OPERATORS.get(operator, f"Erases by {operator}."), _when(fields)]
    if (trained := fields.get("trained", "standard")) != "standard":
        said.append(f"Its model is trained by {trained}.")
    said += _regular(fields)
    if (budget := fields.get("drift_budget")) is not None and operator != RETRAIN:
        said.append(f"Retrains before more than {100 * budget:g}\u00a0% of the trained records were erased approximately.")
    return said + [f"{key.replace('_', ' ')}: {value}." for key, value in fields.items() if key not in _SAID]


def _regular(fields: Mapping[str, Any]) -> list[str]:
    """What is done at regular times, whatever was asked."""
    said = []
    if (days := fields.get("retrain_every_days")) is not None:
        said.append(f"Retrains every {_count(days, 'day')} whatever was asked.")
    if (days := fields.get("reprepare_every_days")) is not None:
        said.append(f"Prepares the model again every {_count(days, 'day')}.")
    return said


def _when(fields: Mapping[str, Any]) -> str:
    batch, every, margin = fields.get("batch", 1), fields.get("every_days"), fields.get("margin_days", 3.0)
    if fields.get("by_deadline"):
        return f"Waits until the first deadline is {_count(margin, 'day')} away, then carries out all that wait."
    if every is None and batch == 1:
        return "Acts at once, for each user who asks."
    enough = f"those of {batch} users wait"
    when = f"when {enough}" if every is None else f"every {_count(every, 'day')}" + (f" if {enough}" if batch > 1 else "")
    return f"Carries requests out {when}; nothing waits longer than until {_count(margin, 'day')} before its deadline."


def _count(n: float, what: str) -> str:
    return f"{n:g} {what}" if n == 1 else f"{n:g} {what}s"


def without_evidence(sim: Simulation) -> list[str]:
    """Returns at which checkpoints nothing could be said of the imprint, and why, a sentence each; empty where nobody noted it."""
    if "evidence" not in sim.checkpoints:
        return []
    rows = sim.checkpoints[["time", "seed", "evidence"]].dropna().drop_duplicates().sort_values(["time", "seed"])
    rows = rows[rows["evidence"] != PASSED]
    said = [
        f"No imprint AUC on {datetime.fromtimestamp(time, UTC):%Y-%m-%d}, seed {seed}: {str(why).rstrip('.')}."
        for time, seed, why in zip(rows["time"], rows["seed"], rows["evidence"], strict=True)
    ]
    return said[:SHOWN] + ([f"The same at {len(said) - SHOWN} further checkpoints."] if len(said) > SHOWN else [])


def modelled_against_measured(sim: Simulation) -> list[tuple[str, str, str, str]]:
    """Returns policy, modelled seconds, measured wall seconds (both per seed, mean) and their ratio, of each policy with batches."""
    out = []
    for policy in sim.policies:
        batches = [sim.part("batches", policy, seed) for seed in sim.seeds]
        modelled, measured = (spread(numbers(frame, name).sum() for frame in batches) for name in ("modelled_seconds", "seconds"))
        assert modelled is not None
        assert measured is not None
        if modelled.mean > 0:
            out.append((policy, f"{modelled.mean:,.1f}", f"{measured.mean:,.1f}", f"{measured.mean / modelled.mean:.2f}"))
    return out

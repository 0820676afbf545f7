"""The table to choose a policy by: a line a policy, mean +- standard deviation over seeds, always between the two ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from r2u_rec.errors import EvidenceError
from r2u_rec.report.results import Row
from r2u_rec.report.simulation.frames import flags, missed, numbers
from r2u_rec.report.simulation.results import NEVER, RETRAIN, Simulation
from r2u_rec.report.table import CAPTION, Line, Table, print_table, tabulate

MONTH_SECONDS = 86_400 * 365.25 / 12

KEPT = ("ndcg_share", "overlap", "overlap_floor")
LEFT = ("imprint_end", "imprint_worst", "adaptive_end", "snapshot_mean", "snapshot_worst", "snapshot_baseline")
TIMES = ("hours_p50", "hours_p95", "misses", "misses_share", "warnings", "waiting_end")
COSTS = ("cpu_per_month", "cpu_share", "trainings", "peak_gb")


def choose_table(sim: Simulation) -> Table:
    """Returns the table to choose by: its `lines` hold a line a policy, its `cells(line)` the text.

    A figure that is missing in one seed is left out for the policy, so that all its figures are of the same seeds.

    Raises:
        EvidenceError: a policy that never erases or one that always retrains is missing, or retraining took no time.
    """
    return table_of(sim, seed_rows(sim))


def table_of(sim: Simulation, rows: Sequence[Row]) -> Table:
    """Returns the table of rows that `seed_rows` made."""
    return tabulate(rows, by=("policy",), columns=(sim.quality, *KEPT, *LEFT, *TIMES, *COSTS))


def print_choose_table(sim: Simulation, file: IO[str] | None = None) -> None:
    """Prints the table in four parts; raises as `choose_table`."""
    rows, out = seed_rows(sim), file or sys.stdout
    for heading, columns in (
        ("What is kept", (sim.quality, *KEPT)),
        ("What is left of the erased", LEFT),
        ("How long they wait", TIMES),
        ("What it costs", COSTS),
    ):
        print(f"\n{heading}", file=out)
        print_table(rows, by=("policy",), columns=columns, file=out, caption=CAPTION if columns == COSTS else "")


def seed_rows(sim: Simulation) -> list[dict[str, Any]]:
    """Returns a row a policy and seed, in the order of `sim.policies`; raises as `choose_table`."""
    always = always_retraining(sim)
    never_erasing(sim)
    rows = [_row(sim, policy, seed) for policy in sim.policies for seed in sim.seeds]
    retraining = {row["seed"]: row["cpu_per_month"] for row in rows if row["policy"] == always}
    for row in rows:
        if not retraining[row["seed"]] > 0:
            raise EvidenceError(
                f"policy {always!r}, seed {row['seed']} took {retraining[row['seed']]:g} CPU seconds: costs relative to always retraining "
                "need its real cost, measure it in the same simulation"
            )
        row["cpu_share"] = row["cpu_per_month"] / retraining[row["seed"]]
    return [{key: value if _in_every_seed(rows, row["policy"], key) else None for key, value in row.items()} for row in rows]


def never_erasing(sim: Simulation) -> str:
    """Returns the name of the first policy that never erases; EvidenceError without one."""
    return _of_operator(sim, NEVER)[0]


def always_retraining(sim: Simulation) -> str:
    """Returns the name of the policy with operator "retrain" that retrained most often; EvidenceError without one."""
    names = _of_operator(sim, RETRAIN)
    return names[0] if len(names) == 1 else max(names, key=lambda name: int(flags(sim.part("batches", name), "retrained").sum()))


def _of_operator(sim: Simulation, operator: str) -> list[str]:
    names = [name for name, fields in sim.policies.items() if fields.get("operator") == operator]
    if not names:
        what = "never erases" if operator == NEVER else "always retrains"
        raise EvidenceError(
            f"no policy {what}: there are {', '.join(sim.policies)}; a policy is judged between the two ends, simulate one with operator "
            f"{operator!r} too"
        )
    return names


def _row(sim: Simulation, policy: str, seed: int) -> dict[str, Any]:
    requests, batches = sim.part("requests", policy, seed), sim.part("batches", policy, seed)
    checkpoints = sim.part("checkpoints", policy, seed).sort_values("time")
    last, lost, snapshot = checkpoints.tail(1), missed(requests, sim.end), numbers(batches, "snapshot_auc")
    return {
        "policy": policy,
        "seed": seed,
        sim.quality: _number(last, "ndcg"),
        "ndcg_share": _number(last, "ndcg_share"),
        "imprint_end": _number(last, "auc"),
        "imprint_end_se": _number(last, "auc_se"),
        "imprint_worst": _over(np.max, numbers(checkpoints, "auc")),
        "adaptive_end": _number(last, "adaptive_auc"),
        "adaptive_retrained": _number(last, "adaptive_auc_retrained"),
        "overlap": _number(last, "overlap"),
        "overlap_floor": _number(last, "overlap_floor"),
        "snapshot_mean": _over(np.mean, snapshot),
        "snapshot_worst": _over(np.max, snapshot),
        "snapshot_baseline": _over(np.mean, numbers(batches, "snapshot_baseline")),
        "hours_p50": hours_until(requests, sim.end, 0.50),
        "hours_p95": hours_until(requests, sim.end, 0.95),
        "misses": int(lost.sum()),
        "misses_share": float(lost.mean()),
        "warnings": int(flags(requests, "warned").sum()),
        "waiting_end": _number(last, "n_waiting"),
        "cpu_per_month": float(numbers(batches, "cpu_seconds").sum()) / (sim.end - sim.start) * MONTH_SECONDS,
        "trainings": int(flags(batches, "retrained").sum()),
        "peak_gb": float(max(numbers(frame, "rss_bytes").max(initial=0.0) for frame in (batches, checkpoints))) / 1e9,
    }


def erased_by(requests: pd.DataFrame, end: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns hours since receipt, ascending, and the share of requests carried out by then (Kaplan-Meier estimate).

    A request that still waits at `end` is known only to take longer than it has waited; to leave it out would flatter a
    policy that lets requests wait.

    Source: E. L. Kaplan and P. Meier, Nonparametric estimation from incomplete observations, JASA 53, 1958.
    """
    hours = numbers(requests, "hours")
    waited = (end - numbers(requests, "received")) / 3600
    done = ~np.isnan(hours)
    if not done.any():
        return np.empty(0), np.empty(0)
    curve = stats.ecdf(stats.CensoredData(uncensored=hours[done], right=waited[~done])).cdf
    return np.asarray(curve.quantiles, dtype=np.float64), np.asarray(curve.probabilities, dtype=np.float64)


def hours_until(requests: pd.DataFrame, end: int, share: float) -> float | None:
    """Returns the hours within which that share of the requests is carried out, None if it never was."""
    hours, done = erased_by(requests, end)
    reached = np.flatnonzero(done >= share - 1e-9)
    return float(hours[reached[0]]) if reached.size else None


def line_of(table: Table, policy: str) -> Line:
    """Returns the line of a policy."""
    return next(line for line in table.lines if line.names["policy"] == policy)


def _in_every_seed(rows: list[dict[str, Any]], policy: str, key: str) -> bool:
    return all(row[key] is not None for row in rows if row["policy"] == policy)


def _number(row: pd.DataFrame, name: str) -> float | None:
    value = numbers(row, name)[0]
    return None if np.isnan(value) else float(value)


def _over(what: Any, values: NDArray[np.float64]) -> float | None:
    known = values[~np.isnan(values)]
    return float(what(known)) if known.size else None

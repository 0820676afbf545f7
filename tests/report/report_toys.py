"""A simulation whose story is known, drawn by seed: twelve months, a burst in July, six policies between the two ends."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from r2u_rec.report.simulation.results import Simulation
from r2u_rec.rng import stream

DAY = 86_400
START = 1_735_689_600  # 2025-01-01
END = START + 365 * DAY
INCIDENT = START + 190 * DAY
SEEDS = (1, 2)

POLICIES: dict[str, dict[str, Any]] = {
    "never": {"name": "never", "operator": "none"},
    "at once": {"name": "at once", "operator": "block Newton", "batch": 1},
    "weekly batches": {"name": "weekly batches", "operator": "block Newton", "every_days": 7.0, "retrain_every_days": 91.0},
    "by deadline": {"name": "by deadline", "operator": "block Newton", "by_deadline": True, "margin_days": 3.0},
    "auto": {"name": "auto", "operator": "auto", "batch": 5, "drift_budget": 0.02},
    "retrain": {"name": "retrain", "operator": "retrain", "batch": 1},
}

_STORY = {  # retained share at the end, imprint of what was carried out, snapshot AUC, overlap with retrained
    "never": (1.010, 0.93, None, 0.80),
    "at once": (0.955, 0.60, 0.93, 0.61),
    "weekly batches": (0.991, 0.52, 0.74, 0.79),
    "by deadline": (0.983, 0.56, 0.66, 0.70),
    "auto": (0.995, 0.515, 0.81, 0.81),
    "retrain": (1.000, 0.500, 0.60, 0.855),
}


def draw_times(seed: int, per_day: float = 0.8, burst: int = 70) -> np.ndarray:
    """Times of receipt, ascending: a steady trickle, and a burst that dies away in days."""
    rng = stream(seed, "toy requests")
    steady = START + rng.random(rng.poisson(per_day * 365)) * (END - START)
    times = np.concatenate([steady, INCIDENT + rng.exponential(2.0 * DAY, burst)]).astype(np.int64)
    return np.sort(times[times < END])


def due_of(received: np.ndarray) -> np.ndarray:
    """A calendar month later."""
    months = [pd.Timestamp(int(t), unit="s") + pd.DateOffset(months=1) for t in received]
    return np.array([int(month.timestamp()) for month in months], dtype=np.int64)


def decisions(policy: str, received: np.ndarray, due: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """(time, positions of the requests carried out then) of each batch."""
    rule = POLICIES[policy]
    if rule["operator"] == "none":
        return []
    if "every_days" in rule:
        times = np.arange(START, END, int(rule["every_days"] * DAY))[1:]
    elif rule.get("by_deadline"):
        times, last = [], START
        for t, limit in zip(received, due, strict=True):
            if t > last:
                last = int(limit - rule["margin_days"] * DAY)
                times.append(last)
        times = np.array([t for t in times if t < END])
    else:
        times = received[rule["batch"] - 1 :: rule["batch"]] + 60
    places = np.searchsorted(times, received)
    return [(int(t), np.flatnonzero(places == i)) for i, t in enumerate(times) if (places == i).any()]


@lru_cache
def frames_of(policy: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Requests, batches and checkpoints of one policy."""
    rng, received = stream(seed, "toy figures", policy), draw_times(seed)
    due, n = due_of(received), len(received)
    share_end, imprint, leak, overlap_end = _STORY[policy]
    finished, operator, batch_of, batches, drift = np.full(n, np.nan), np.full(n, "none", object), np.full(n, np.nan), [], 0.0
    trained = START
    for k, (time, mine) in enumerate(decisions(policy, received, due)):
        rule = POLICIES[policy]
        drift += 0.0004 * len(mine)
        turn = rule.get("retrain_every_days", 1e9) * DAY < time - trained or drift > rule.get("drift_budget", 1e9)
        retrained = rule["operator"] == "retrain" or turn
        modelled = 95.0 if retrained else 0.4 + 0.05 * len(mine)
        trained, drift = (time, 0.0) if retrained else (trained, drift)
        name = "retrain" if retrained else "block Newton"
        finished[mine], operator[mine], batch_of[mine] = time + modelled, name, k
        leaking = {"snapshot_auc": float(np.clip(leak + 0.05 * rng.normal(), 0.4, 0.99))}
        seconds = modelled * rng.uniform(0.8, 1.3)
        batches.append(
            {
                "policy": policy, "seed": seed, "batch": k, "time": time, "n_requests": len(mine), "n_users": len(mine),
                "n_records": 20 * len(mine), "operator": name, "why": "toy", "modelled_seconds": modelled, "seconds": seconds,
                "cpu_seconds": 1.6 * seconds, "n_left": 90_000, "rss_bytes": int(9e8 + 1e8 * rng.random()), "retrained": retrained,
                "drift_spent": drift, **leaking,
            }
        )  # fmt: skip
    requests = pd.DataFrame(
        {
            "policy": policy, "seed": seed, "number": np.arange(n), "kind": "user", "received": received, "due": due,
            "finished": finished, "hours": (finished - received) / 3600, "late": (finished > due) | (np.isnan(finished) & (due < END)),
            "warned": due - np.nan_to_num(finished, nan=float(END)) < 2 * DAY, "operator": operator, "batch": batch_of, "n_records": 20,
        }
    )  # fmt: skip
    columns = ["time", "cpu_seconds", "seconds", "drift_spent"]
    table = pd.DataFrame(batches)[columns] if batches else pd.DataFrame(columns=columns, dtype=float)
    checkpoints = []
    for time in np.linspace(START, END, 13).astype(int)[1:]:
        past, age = received <= time, (time - START) / (END - START)
        done = int((finished <= time).sum())
        waits = 1 - done / max(int(past.sum()), 1)
        auc = imprint * (1 - waits) + 0.93 * waits if policy != "never" else imprint
        share = 1 + (share_end - 1) * age + 0.002 * rng.normal()
        before = table[table["time"] <= time]
        checkpoints.append(
            {
                "policy": policy, "seed": seed, "time": int(time), "n_received": int(past.sum()), "n_erased": done,
                "n_waiting": int(past.sum()) - done, "cpu_seconds_so_far": before["cpu_seconds"].sum(),
                "seconds_so_far": before["seconds"].sum(), "rss_bytes": int(9.5e8), "drift_spent": 0.0,
                "ndcg": 0.31 * share, "ndcg_share": share, "auc": float(np.clip(auc + 0.008 * rng.normal(), 0, 1)),
                "adaptive_auc": float(np.clip(auc + 0.02 + 0.008 * rng.normal(), 0, 1)), "excess": 0.1 * (auc - 0.5),
                "overlap": 0.855 + (overlap_end - 0.855) * age + 0.004 * rng.normal(), "overlap_floor": 0.86 + 0.003 * rng.normal(),
            }
        )  # fmt: skip
    return requests, pd.DataFrame(batches), pd.DataFrame(checkpoints)


Frames = dict[str, pd.DataFrame]


def make_simulation(*, edit: Callable[[Frames], None] | None = None, seeds: tuple[int, ...] = SEEDS, **changes: Any) -> Simulation:
    """The whole simulation; `edit` may change the frames, by name, before they are checked."""
    parts = [frames_of(policy, seed) for policy in POLICIES for seed in seeds]
    names = ("requests", "batches", "checkpoints")
    frames = {name: pd.concat([part[i] for part in parts if len(part[i])], ignore_index=True) for i, name in enumerate(names)}
    if edit is not None:
        edit(frames)
    fields: dict[str, Any] = {
        "name": "2026-06-01-erasures",
        "question": "Two hundred and ninety people a year ask to be erased, seventy more after a breach. When, and how, is it carried out?",
        "command": "r2u simulate --repeat 2026-06-01-erasures",
        "settings": {"stream": {"per_day": 0.8, "months": 12}, "model": {"name": "MF", "embedding_dim": 64}},
        "policies": POLICIES,
        "start": START,
        "end": END,
        "data": {"name": "ml-100k", "n_users": 943, "n_items": 1682, "n_interactions": 100_000},
        "incidents": [INCIDENT],
        "versions": {"python": "3.11"},
        "machine": {"cores": 2, "cpu": "a processor"},
        "created": "2026-06-01 12:00 UTC",
    }
    return Simulation(**{**fields, **frames, **changes})


def at_end(policy: str, **figures: Any) -> Callable[[Frames], None]:
    """An edit that sets figures of a policy's last checkpoints: a number for all seeds, or one a seed."""

    def edit(frames: Frames) -> None:
        rows = frames["checkpoints"]
        last = (rows["policy"] == policy) & (rows["time"] == END)
        for name, value in figures.items():
            if name not in rows:
                rows[name] = np.nan
            rows.loc[last, name] = value

    return edit


def together(*edits: Callable[[Frames], None]) -> Callable[[Frames], None]:
    """One edit of several."""

    def edit(frames: Frames) -> None:
        for each in edits:
            each(frames)

    return edit

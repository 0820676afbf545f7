"""What a training step of matrix factorisation costs: with ten times the users, and when it is a prepared one.

    python benchmarks/step_cost.py        # settings in step_cost.yaml; writes results/step_cost.json

A step is what `fit_` does with a batch: draw negatives, forward, backward, the row-wise optimiser. All configurations are measured
in one process, a few steps of each in turn, so that what else the machine does meets them alike; medians are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from r2u_rec.core.preparation import Preparation
from r2u_rec.core.protocols import Split
from r2u_rec.core.ready2unlearn import Ready2Unlearn
from r2u_rec.core.rowwise import RowwiseAdam
from r2u_rec.core.step import Step, StepInput
from r2u_rec.core.strategies import standard
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.recsys.task import RankingTask, matrix_factorization
from r2u_rec.report.provenance import machine_kind, versions

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "step_cost.json"


def synthetic_log(n_users: int, n_items: int, n_interactions: int, seed: int) -> InteractionLog:
    """Returns a log with every pair once, users alike, item popularity 1 / (rank + 10); sorted by user, as files mostly are."""
    rng = np.random.default_rng(seed)
    weights = np.cumsum(1 / (np.arange(n_items) + 10))
    pairs = np.empty(0, dtype=np.int64)
    while len(pairs) < n_interactions:
        items = np.searchsorted(weights, rng.random(n_interactions) * weights[-1])
        pairs = np.unique(np.concatenate([pairs, rng.integers(0, n_users, n_interactions) * n_items + items]))
    pairs = np.sort(rng.choice(pairs, n_interactions, replace=False))
    keys = [Vocabulary(pd.Index(np.arange(n))) for n in (n_users, n_items)]
    user, item = (pairs // n_items).astype(np.int32), (pairs % n_items).astype(np.int32)
    return InteractionLog(np.arange(n_interactions, dtype=np.int64), user, item, None, None, *keys)


def prepared(log: InteractionLog, n_forget: int, n_retain: int, seed: int) -> Step:
    """Returns the prepared step: half of the users are revocable, item rows are displaced."""
    revocable = np.random.default_rng(seed).permutation(log.n_users)[: log.n_users // 2]
    forget = log.ids_of_users(revocable)
    retain = np.setdiff1d(log.ids, forget, assume_unique=True)
    settings = Preparation(
        alpha=0.3,
        alpha_unit="record",
        displace=("item_embedding.weight",),
        share_weighted=True,
        lambda1=1.0,
        lambda3=1.0,
        bound="cap",
        bound_level=1.0,
        n_forget=n_forget,
        n_retain=n_retain,
    )
    return Ready2Unlearn(Split(forget, retain, retain), settings)


def stepper(log: InteractionLog, step: Step, settings: dict[str, Any]) -> Callable[[], float]:
    """Returns a function that does one training step of a model of its own and returns its seconds."""
    task = RankingTask(matrix_factorization(settings["embedding_dim"]), reg=settings["reg"])
    model = task.model(log, seed=settings["seed"]).train()
    optimizer = RowwiseAdam(model.parameters(), lr=2e-3)
    rng = np.random.default_rng(settings["seed"])
    batches = iter(())
    log.free_ranks  # noqa: B018 - made once a fit, not once a step

    def one() -> float:
        nonlocal batches
        ids = next(batches, None)
        if ids is None:
            n = len(log) // settings["batch_size"]
            batches = iter(np.split(rng.permutation(log.ids)[: n * settings["batch_size"]], n))
            ids = next(batches)
        begun = time.perf_counter()
        step(StepInput(model, task, log, ids, rng, 0, 1, 0, torch.device("cpu")))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return time.perf_counter() - begun

    return one


def measure(steppers: dict[str, Callable[[], float]], settings: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Returns n, median and quartiles of the milliseconds of each, measured in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in steppers}
    for turn in range(settings["n_warm_up"] + settings["n_rounds"]):
        for name, one in steppers.items():
            found = [one() for _ in range(settings["n_steps"])]
            if turn >= settings["n_warm_up"]:
                seconds[name] += found
    table = {}
    for name, values in seconds.items():
        low, median, high = (round(1000 * v, 2) for v in statistics.quantiles(values, n=4))
        table[name] = {"n": len(values), "q25": low, "median": median, "q75": high}
        print(f"{name}: {median} ms ({low} to {high})", flush=True)
    return table


def growth(settings: dict[str, Any]) -> dict[str, Any]:
    """Returns the steps of a small and a large number of users, and their ratios."""
    g, steppers = settings["growth"], {}
    for n_users in g["n_users"]:
        log = synthetic_log(n_users, g["n_items"], g["n_interactions"], settings["seed"])
        steppers[f"standard, {n_users} users"] = stepper(log, standard, settings)
        steppers[f"prepared, {n_users} users"] = stepper(log, prepared(log, g["n_forget"], g["n_retain"], settings["seed"]), settings)
    table = measure(steppers, settings)
    few, many = g["n_users"]
    ratios = {k: round(table[f"{k}, {many} users"]["median"] / table[f"{k}, {few} users"]["median"], 3) for k in ("standard", "prepared")}
    return {"milliseconds": table, "ratio_of_medians": ratios, "reached": max(ratios.values()) <= settings["max_ratio"]}


def preparation(settings: dict[str, Any]) -> dict[str, Any]:
    """Returns prepared steps against the standard one, at the size of ml-1m."""
    p = settings["preparation"]
    log = synthetic_log(p["n_users"], p["n_items"], p["n_interactions"], settings["seed"])
    steppers = {"standard": stepper(log, standard, settings)}
    for n in p["n_forget"]:
        steppers[f"prepared, {n} + {n} records"] = stepper(log, prepared(log, n, n, settings["seed"]), settings)
    table = measure(steppers, settings)
    base = table["standard"]["median"]
    return {"milliseconds": table, "times_standard": {k: round(v["median"] / base, 2) for k, v in table.items() if k != "standard"}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", type=Path, default=HERE / "step_cost.yaml")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    settings = yaml.safe_load(arguments.settings.read_text("utf-8"))
    torch.set_num_threads(1)
    result = {
        "benchmark": "step_cost",
        "command": "python benchmarks/step_cost.py",
        "date": datetime.now(UTC).date().isoformat(),
        "settings": settings,
        "machine": machine_kind() | {"threads": 1, "load_before": round(os.getloadavg()[0], 2)},
        "versions": versions(),
        "growth": growth(settings),
        "preparation": preparation(settings),
    }
    arguments.output.parent.mkdir(exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(f"{arguments.output.name}: {'reached' if result['growth']['reached'] else 'NOT reached'}")


if __name__ == "__main__":
    main()

"""What a training step of matrix factorisation costs: with ten times the users, and when it is a prepared one.

    r2u bench step_cost        # settings in step_cost.yaml; writes results/step_cost.json

A step is what `fit_` does with a batch: draw negatives, forward, backward, the row-wise optimiser. All configurations are measured
in one process, a few steps of each in turn, so that what else the machine does meets them alike; medians are compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.protocols import Split
from r2u_rec.core.rowwise import RowwiseAdam
from r2u_rec.core.step import Step, StepInput
from r2u_rec.core.strategies import standard
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.report import write_benchmark

HERE = Path(__file__).resolve().parent


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


def stepper(log: InteractionLog, step: Step, settings: dict[str, Any], seed: int) -> Callable[[], float]:
    """Returns a function that does one training step of a model of its own and returns its seconds."""
    task = RankingTask(matrix_factorization(settings["embedding_dim"]), reg=settings["reg"])
    log.free_ranks  # noqa: B018 - made once a fit, not once a step
    return timed(task, log, step, settings["batch_size"], 2e-3, seed)


def timed(task: Any, records: Any, step: Step, batch_size: int, lr: float, seed: int) -> Callable[[], float]:
    """Returns a function that does one training step of a model of its own, pass after pass over the records, and returns its seconds."""
    model = task.model(records, seed=seed).train()
    optimizer = RowwiseAdam(model.parameters(), lr=lr)
    rng = np.random.default_rng(seed)
    batches = iter(())

    def one() -> float:
        nonlocal batches
        ids = next(batches, None)
        if ids is None:
            n = len(records) // batch_size
            batches = iter(np.split(rng.permutation(records.ids)[: n * batch_size], n))
            ids = next(batches)
        begun = time.perf_counter()
        step(StepInput(model, task, records, ids, rng, 0, 1, 0, 1, torch.device("cpu")))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return time.perf_counter() - begun

    return one


def medians(steppers: dict[tuple[str, int], Callable[[], float]], settings: dict[str, Any]) -> dict[tuple[str, int], float]:
    """Returns the median milliseconds of each, measured in turn."""
    seconds: dict[tuple[str, int], list[float]] = {name: [] for name in steppers}
    for turn in range(settings["n_warm_up"] + settings["n_rounds"]):
        for name, one in steppers.items():
            found = [one() for _ in range(settings["n_steps"])]
            if turn >= settings["n_warm_up"]:
                seconds[name] += found
    return {name: 1000 * statistics.median(values) for name, values in seconds.items()}


def measured(shape: dict[str, Any], settings: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """Returns a row for each number of users and each kind of step, all measured in turn."""
    steppers = {}
    for n_users in shape["n_users"]:
        log = synthetic_log(n_users, shape["n_items"], shape["n_interactions"], seed)
        steppers["standard", n_users] = stepper(log, standard, settings, seed)
        for n in shape["n_forget"]:
            steppers[f"prepared, {n} + {n} records", n_users] = stepper(log, prepared(log, n, n, seed), settings, seed)
    found, fewest = medians(steppers, settings), shape["n_users"][0]
    rows = []
    for (step, n_users), milliseconds in found.items():
        row = {"step": step, "users": n_users, "seed": seed, "milliseconds": milliseconds}
        row["times_standard"] = milliseconds / found["standard", n_users]
        row["times_fewest_users"] = None if len(shape["n_users"]) == 1 else milliseconds / found[step, fewest]
        rows.append(row)
        print(f"seed {seed}, {n_users} users, {step}: {milliseconds:.1f} ms", flush=True)
    return rows


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", type=Path, default=HERE / "step_cost.yaml")
    parser.add_argument("--results", type=Path, default=HERE.parent / "results")
    arguments = parser.parse_args(argv)
    settings = yaml.safe_load(arguments.settings.read_text("utf-8"))
    torch.set_num_threads(1)
    load = round(os.getloadavg()[0], 1)
    figures = [row for seed in settings["seeds"] for shape in settings["shapes"] for row in measured(shape, settings, seed)]
    worst = max(row["times_fewest_users"] for row in figures if row["times_fewest_users"] is not None)
    reached = "reached" if worst <= settings["max_times"] else "NOT reached"
    notes = [
        f"Ten times the users: at most {worst:.2f} times the milliseconds in every seed and kind of step; "
        f"{settings['max_times']} allowed, {reached}.",
        f"One thread; load average before the run {load}. Other work lengthens all steps alike, since they are measured in turn.",
    ]
    path = write_benchmark(
        arguments.results,
        "step_cost",
        question="What does a training step of matrix factorisation cost with ten times the users, and when it prepares?",
        command="r2u bench step_cost",
        settings=settings,
        seeds=settings["seeds"],
        figures=figures,
        by=["step", "users"],
        columns=["milliseconds", "times_fewest_users", "times_standard"],
        notes=notes,
    )
    print(f"{path.name}: {reached}, {worst:.2f}")


if __name__ == "__main__":
    main()

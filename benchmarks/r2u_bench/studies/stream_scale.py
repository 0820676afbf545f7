"""What a request of erasure takes, and how much memory the process holds, along a stream of thousands of them.

    r2u bench stream_scale             # settings: stream_scale.yaml, full size; writes results/stream_scale.json
    r2u bench stream_scale --reduced   # a fifth of the log; writes results/stream_scale_reduced.json

A generated log, matrix factorisation trained as usual for very few epochs, and a year of requests of one user each, which the
simulator carries out one by one and in batches. Time and memory are told for each tenth of the stream: a toolkit that keeps
anything of the past grows along it. Seconds are of the whole simulation, the simulator's own work included; where other work shares
the cores, wall seconds grow with it, and processor seconds hardly do.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from r2u_bench.studies.step_cost import synthetic_log  # beside this file
from r2u_rec.core.protocols import Fitted
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.report import write_benchmark
from r2u_rec.rng import stream as random_stream
from r2u_rec.simulation.cost_model import OperatorCost
from r2u_rec.simulation.outcome import resident_bytes
from r2u_rec.simulation.policies import DAY, Policy
from r2u_rec.simulation.requests import Request
from r2u_rec.simulation.simulator import simulate_stream
from r2u_rec.simulation.stream import Stream
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc

HERE = Path(__file__).resolve().parent
START = 1_700_000_000
TENTHS = 10


def requests_of(log: InteractionLog, n: int, days: float, seed: int) -> Stream:
    """Returns a stream in which `n` users with records, drawn at random, ask to be erased at even intervals."""
    users = random_stream(seed, "who").choice(np.flatnonzero(log.user_counts), n, replace=False)
    times = START + (np.arange(n) * days * DAY / n).astype(np.int64)
    keys = log.user_keys.keys[users].tolist()
    asks = [Request(i, int(at), "user", user=key) for i, (at, key) in enumerate(zip(times, keys, strict=True))]
    nothing = np.empty(0, dtype=np.int64)
    return Stream(START, START + round(days * DAY) + 1, tuple(asks), nothing, nothing)


def figures_of(
    log: InteractionLog, task: RankingTask, method: PostHoc, initial: Fitted, arm: dict[str, Any], days: float, seed: int
) -> Any:
    """Returns one row for each tenth of the stream."""
    stream = requests_of(log, arm["n_requests"], days, seed)
    marks = [(time.perf_counter(), time.process_time(), resident_bytes())]

    def mark(share: float) -> None:
        marks.append((time.perf_counter(), time.process_time(), resident_bytes()))

    cost = OperatorCost(0.0, 0.0, 0.0, exact=False)
    policy = Policy(arm["operator"], "edit", batch=arm["batch"])
    methods = {"edit": method, "retrain": method}
    found = simulate_stream(stream, policy, log, task, methods, initial, costs=dict.fromkeys(methods, cost), seed=seed, progress=mark)
    done = np.concatenate([[0], found.batches["n_requests"].cumsum()])
    edges = np.linspace(0, len(found.batches), TENTHS + 1).astype(int)
    for tenth, (first, last) in enumerate(itertools.pairwise(edges)):
        n = int(done[last] - done[first])
        yield {"operator": arm["operator"], "users a batch": arm["batch"], "tenth of the stream": tenth + 1, "seed": seed} | {
            "requests": n,
            "seconds a request": (marks[last][0] - marks[first][0]) / n,
            "processor seconds a request": (marks[last][1] - marks[first][1]) / n,
            "seconds a batch": float(found.batches["seconds"][first:last].mean()),
            "memory in GB": marks[last][2] / 1e9,
        }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reduced", action="store_true", help="a log a fifth as large")
    parser.add_argument("--results", type=Path, default=HERE.parent / "results")
    a = parser.parse_args(argv)
    torch.set_num_threads(1)
    settings = yaml.safe_load((HERE / "stream_scale.yaml").read_text())
    s = settings | settings["reduced" if a.reduced else "full"]
    log = synthetic_log(**s["log"], seed=s["seed"])
    log = dataclasses.replace(log, time=START - np.arange(len(log), 0, -1, dtype=np.int64))
    task = RankingTask(matrix_factorization(s["embedding_dim"]), reg=s["reg"])
    trainer = GradientTrainer(Training(**s["training"]))
    unlearners = {"ascent": GradientAscent(**s["ascent"]), "block Newton": BlockNewton(**s["newton"])}
    model = trainer.train(task, log, seed=s["seed"])
    rows: list[dict[str, Any]] = []
    for name, unlearner in unlearners.items():
        initial = Fitted(model, log, unlearner.remember(task, model, log, seed=s["seed"]))
        for arm in s["arms"]:
            if arm["operator"] == name:
                rows += figures_of(log, task, PostHoc(trainer, unlearner), initial, arm, s["days"], s["seed"])
                taken = [f"{row['seconds a request']:.3f} s, {row['memory in GB']:.2f} GB" for row in (rows[-TENTHS], rows[-1])]
                print(name, arm, "first tenth", taken[0], "last tenth", taken[1], flush=True)
    path = write_benchmark(
        a.results,
        "stream_scale_reduced" if a.reduced else "stream_scale",
        question="Do time and memory of a request stay the same along a stream of thousands of them?",
        command=f"r2u bench stream_scale{' --reduced' if a.reduced else ''}",
        settings={key: value for key, value in s.items() if key not in ("full", "reduced")},
        seeds=[s["seed"]],
        figures=rows,
        by=("operator", "users a batch", "tenth of the stream"),
        columns=("requests", "seconds a request", "processor seconds a request", "seconds a batch", "memory in GB"),
        notes=[
            "One run: what is compared are the tenths of one stream. Memory is what the process holds at the end of the tenth, the "
            "generated log, the first model and its memory included.",
            "How many requests ran is given for each tenth; fewer where one takes longer, to keep the benchmark short.",
        ],
    )
    print(path)


if __name__ == "__main__":
    main()

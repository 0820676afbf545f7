"""How long it takes to score who may withdraw: the blend over 25 million interactions, each log in a fresh process.

    python benchmarks/score_users.py        # settings in score_users.yaml; writes results/score_users.json

Seconds are from the call of `blend` to its return, everything it derives from the log included; making the log is not
timed. Memory is the peak resident size of the whole process, the log and the imports included.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.report import write_benchmark
from r2u_rec.revocability import blend

HERE = Path(__file__).resolve().parent
YEAR_SECONDS = 365 * 86_400


def synthetic_log(settings: dict[str, Any], seed: int) -> InteractionLog:
    """Returns a log in random order: activity log-normal, popularity Zipf with exponent .9, one to three categories an item."""
    rng = np.random.default_rng(seed)
    n, n_users, n_items = settings["n_interactions"], settings["n_users"], settings["n_items"]
    activity = np.cumsum(rng.lognormal(4.2, 1.1, n_users))
    popularity = np.cumsum(1 / np.arange(1, n_items + 1) ** 0.9)
    user = np.searchsorted(activity, rng.random(n) * activity[-1]).astype(np.int32)
    item = np.searchsorted(popularity, rng.random(n) * popularity[-1]).astype(np.int32)
    names = np.array([f"category{c}" for c in range(settings["n_categories"])])
    lists = [" ".join(rng.choice(names, rng.integers(1, 4), replace=False)) for _ in range(n_items)]
    return InteractionLog(
        ids=np.arange(n),
        user=user,
        item=item,
        time=rng.integers(0, settings["years"] * YEAR_SECONDS, n),
        rating=None,
        user_keys=Vocabulary.of(np.arange(n_users)),
        item_keys=Vocabulary.of(np.arange(n_items)),
        item_info=pd.DataFrame({"class": lists}),
    )


def measure(settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Returns the seconds and the peak memory of one blend; to be called in a fresh process."""
    log = synthetic_log(settings, seed)
    start, cpu = time.perf_counter(), time.process_time()
    scores = blend(log, categories="class", n_shuffles=settings["n_shuffles"], threads=settings["threads"], seed=seed)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
    if np.isnan(scores[log.user_counts > 0]).any():
        raise RuntimeError("a user with records has no score")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "scorer": "blend",
        "interactions": len(log),
        "seed": seed,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "rows_per_second": len(log) / seconds,
        "peak_gb": peak / 1e9,
        "load_before": os.getloadavg()[0],  # other work on the machine lengthens seconds, not cpu_seconds
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", type=Path, default=HERE / "score_users.yaml")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--one-seed", type=int, help=argparse.SUPPRESS)  # how it calls itself
    arguments = parser.parse_args()
    settings = yaml.safe_load(arguments.settings.read_text())
    if arguments.one_seed is not None:
        print(json.dumps(measure(settings, arguments.one_seed)))
        return
    figures = []
    for seed in settings["seeds"]:
        command = [sys.executable, __file__, "--settings", str(arguments.settings), "--one-seed", str(seed)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        figures.append(json.loads(done.stdout.splitlines()[-1]))
        print(f"seed {seed}: {figures[-1]['seconds']:.1f} s", file=sys.stderr)
    loads = ", ".join(f"{row['load_before']:.1f}" for row in figures)
    path = write_benchmark(
        arguments.results,
        "score_users",
        question="How long does it take to score who may withdraw, with all three parts of the blend?",
        command="python benchmarks/score_users.py",
        settings=settings,
        seeds=settings["seeds"],
        figures=figures,
        by=["scorer", "interactions"],
        columns=["seconds", "cpu_seconds", "rows_per_second", "peak_gb"],
        notes=[f"Load average before each run: {loads}. Other work on the machine lengthens the seconds, not the CPU seconds."],
    )
    print(path.name)


if __name__ == "__main__":
    main()

"""How long 25 million interactions take from a CSV file to an InteractionLog, and how much memory: in fresh processes.

    r2u bench load_log                       # settings in load_log.yaml; writes results/load_log.json
    r2u bench load_log --folder /big/disk    # where the generated file goes (some 670 MB), the system's default else

Seconds are from the call of `read_log` to its return; memory is the peak resident size of the whole process, imports included.
Where other work shares the cores, seconds grow with it; the processor seconds of the process, all threads together, do not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import yaml

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results" / "load_log.json"
USERS_AT_ONCE = 10_000
LOAD = """
import json, resource, sys, time
from r2u_rec.data.reading.read import read_log
start = time.perf_counter()
log = read_log(sys.argv[1])
seconds = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_SELF)
peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
shape = [len(log), log.n_users, log.n_items]
print(json.dumps({"seconds": seconds, "cpu_seconds": used.ru_utime + used.ru_stime, "bytes": peak, "shape": shape}))
"""


def write_ratings(path: Path, *, n_interactions: int, n_users: int, n_items: int, seed: int) -> int:
    """Writes userId,movieId,rating,timestamp like ratings.csv of MovieLens 25M: by user, then film; returns the number of rows.

    Activity is log-normal and at least 20 a user before pairs that were drawn twice fall away, popularity is Zipf with
    exponent .9, film ids have gaps, ratings are half stars.
    """
    rng = np.random.default_rng(seed)
    activity = np.maximum(20, rng.lognormal(4.2, 1.1, n_users))
    ends = np.rint(np.cumsum(activity) / activity.sum() * n_interactions).astype(np.int64)
    popularity = np.cumsum(1 / np.arange(1, n_items + 1) ** 0.9)
    item_keys = rng.permutation(n_items * 7 // 2)[:n_items] + 1
    written = 0
    with open(path, "wb") as file:
        for first in range(0, n_users, USERS_AT_ONCE):
            last = min(first + USERS_AT_ONCE, n_users)
            wanted = int(ends[last - 1]) - written
            users = np.repeat(
                np.arange(first, last), np.ceil(activity[first:last] / activity[first:last].sum() * wanted * 1.6).astype(np.int64)
            )
            items = np.searchsorted(popularity, rng.random(len(users)) * popularity[-1])
            pairs = np.unique(users * n_items + items)
            pairs = np.sort(rng.choice(pairs, min(wanted, len(pairs)), replace=False))
            columns = {
                "userId": pairs // n_items + 1,
                "movieId": item_keys[pairs % n_items],
                "rating": rng.integers(1, 11, len(pairs)) / 2,
                "timestamp": rng.integers(789_652_009, 1_574_327_703, len(pairs)),
            }
            options = pa.csv.WriteOptions(include_header=first == 0, quoting_style="none", quoting_header="none")
            pa.csv.write_csv(pa.table(columns), file, options)
            written += len(pairs)
    return written


def load(path: Path) -> dict[str, Any]:
    """Loads the file in a process of its own, and returns what that process measured."""
    done = subprocess.run([sys.executable, "-c", LOAD, str(path)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"loading failed:\n{done.stderr}")
    return dict(json.loads(done.stdout))


def spread(values: list[float]) -> dict[str, float]:
    """Returns n, minimum, median and maximum."""
    return {"n": len(values), "min": round(min(values), 3), "median": round(statistics.median(values), 3), "max": round(max(values), 3)}


def machine() -> dict[str, Any]:
    """Returns what bears on the figures; nothing that names a host."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"system": platform.system(), "architecture": platform.machine(), "cores": cores, "load_before": round(os.getloadavg()[0], 2)}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", type=Path, default=HERE / "load_log.yaml")
    parser.add_argument("--folder", type=Path, default=None)
    arguments = parser.parse_args(argv)
    settings = yaml.safe_load(arguments.settings.read_text("utf-8"))
    shape = {key: settings[key] for key in ("n_interactions", "n_users", "n_items", "seed")}
    about = machine()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "ratings.csv"
        start = time.perf_counter()
        n_rows = write_ratings(path, **shape)
        print(f"{n_rows} rows, {path.stat().st_size / 1e6:.0f} MB, generated in {time.perf_counter() - start:.0f} s", flush=True)
        runs = []
        for number in range(settings["n_runs"]):
            runs.append(load(path))
            print(f"run {number}: {runs[-1]['seconds']:.1f} s, {runs[-1]['bytes'] / 1e9:.2f} GB", flush=True)
        size = path.stat().st_size
    seconds, gigabytes = [run["seconds"] for run in runs], [run["bytes"] / 1e9 for run in runs]
    result = {
        "benchmark": "load_log",
        "command": "r2u bench load_log",
        "date": datetime.now(UTC).date().isoformat(),
        "settings": settings,
        "file": {"rows": n_rows, "megabytes": round(size / 1e6)},
        "loaded": dict(zip(("interactions", "users", "items"), runs[0]["shape"], strict=True)),
        "machine": about,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in ("duckdb", "numpy", "pandas", "pyarrow")},
        "seconds": spread(seconds),
        "cpu_seconds": spread([run["cpu_seconds"] for run in runs]),
        "peak_gigabytes": spread(gigabytes),
        "reached": max(seconds) < settings["max_seconds"] and max(gigabytes) < settings["max_gigabytes"],
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    print(f"{RESULTS}: {'reached' if result['reached'] else 'NOT reached'}")


if __name__ == "__main__":
    main()

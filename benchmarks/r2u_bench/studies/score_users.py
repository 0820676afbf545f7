"""How long it takes to score who may withdraw, from a Parquet file larger than the engine's memory: 25 and 100 million interactions.

    r2u bench score_users        # settings in score_users.yaml; writes results/score_users.json

Each file is scored in a fresh process by the embedded engine: the parts of the blend (records, active days, evolving interest against
random halves, recency), sessions, recent intensity and uniqueness, one row a user. Making the file is not timed. Seconds are from the
opening of the engine to the last row; memory is the peak resident size of the whole process, imports included.
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
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from r2u_rec.report import write_benchmark
from r2u_rec.revocability.featurize.engine import embedded
from r2u_rec.revocability.featurize.records import records_of
from r2u_rec.revocability.featurize.sides import sides_of_records
from r2u_rec.revocability.featurize.table import FeatureSettings, feature_table

HERE = Path(__file__).resolve().parent
YEAR_SECONDS = 365 * 86_400
COLUMNS = ("n_records", "active_days", "sessions", "recent_intensity", "inactive_seconds", "drift_z", "surprisal")
PIECE = 5_000_000


def write_records(path: Path, size: dict[str, Any], s: dict[str, Any], seed: int) -> None:
    """Writes records in random order: activity log-normal, popularity Zipf with exponent .9, times uniform over the years."""
    rng = np.random.default_rng(seed)
    activity = np.cumsum(rng.lognormal(4.2, 1.1, size["n_users"]))
    popularity = np.cumsum(1 / np.arange(1, size["n_items"] + 1) ** 0.9)
    schema = pa.schema([("user", pa.int32()), ("item", pa.int32()), ("time", pa.int64())])
    with pq.ParquetWriter(path, schema) as file:
        for at in range(0, size["n_interactions"], PIECE):
            n = min(PIECE, size["n_interactions"] - at)
            user = np.searchsorted(activity, rng.random(n) * activity[-1]).astype(np.int32)
            item = np.searchsorted(popularity, rng.random(n) * popularity[-1]).astype(np.int32)
            when = rng.integers(0, s["years"] * YEAR_SECONDS, n)
            file.write_table(pa.table({"user": user, "item": item, "time": when}, schema=schema))


def categories(n_items: int, s: dict[str, Any], seed: int) -> pd.DataFrame:
    """Returns one to three categories an item."""
    rng = np.random.default_rng(seed + 1)
    names = np.array([f"category{c}" for c in range(s["n_categories"])])
    return pd.DataFrame(
        {"item": np.arange(n_items), "class": [" ".join(rng.choice(names, rng.integers(1, 4), replace=False)) for _ in range(n_items)]}
    )


def measure(path: Path, size: dict[str, Any], s: dict[str, Any], seed: int) -> dict[str, Any]:
    """Returns seconds and peak memory of scoring the file; to be called in a fresh process."""
    items = categories(size["n_items"], s, seed)
    begun, cpu = time.perf_counter(), time.process_time()
    with embedded(threads=s["threads"], memory_gb=s["memory_gb"]) as connection:
        records = records_of(path, connection)
        sides = sides_of_records(records, items=items)
        table, absent = feature_table(records, FeatureSettings(categories="class"), only=COLUMNS, sides=sides)
        found = table.to_pyarrow()
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu
    if absent or found["drift_z"].null_count or not set(COLUMNS) <= set(found.column_names):
        raise RuntimeError(f"a part is missing: {absent or found.column_names}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    n = size["n_interactions"]
    return {
        "scorer": "all parts",
        "interactions": n,
        "users": found.num_rows,
        "seed": seed,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "rows_per_second": n / seconds,
        "peak_gb": peak / 1e9,
        "load_before": os.getloadavg()[0],  # other work on the machine lengthens seconds, not cpu_seconds
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", type=Path, default=HERE / "score_users.yaml")
    parser.add_argument("--results", type=Path, default=HERE.parent / "results")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)  # how it calls itself: file, number of the size, seed
    arguments = parser.parse_args(argv)
    s = yaml.safe_load(arguments.settings.read_text())
    if arguments.one is not None:
        path, at, seed = Path(arguments.one[0]), int(arguments.one[1]), int(arguments.one[2])
        print(json.dumps(measure(path, s["sizes"][at], s, seed)))
        return
    figures, seeds = [], sorted({seed for size in s["sizes"] for seed in size["seeds"]})
    with TemporaryDirectory(prefix="r2u-bench-") as folder:
        for at, size in enumerate(s["sizes"]):
            for seed in size["seeds"]:
                path = Path(folder) / "records.parquet"
                write_records(path, size, s, seed)
                command = [
                    sys.executable,
                    "-m",
                    __spec__.name,
                    "--settings",
                    str(arguments.settings),
                    "--one",
                    str(path),
                    str(at),
                    str(seed),
                ]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                figures.append(json.loads(done.stdout.splitlines()[-1]))
                row = figures[-1]
                print(f"{size['n_interactions']:,} seed {seed}: {row['seconds']:.1f} s, {row['peak_gb']:.2f} GB", file=sys.stderr)
    loads = ", ".join(f"{row['load_before']:.1f}" for row in figures)
    path = write_benchmark(
        arguments.results,
        "score_users",
        question="How long does it take to compute every part of the scores from a Parquet file, on the embedded engine?",
        command="r2u bench score_users",
        settings=s,
        seeds=seeds,
        figures=figures,
        by=["scorer", "interactions"],
        columns=["seconds", "cpu_seconds", "rows_per_second", "peak_gb"],
        notes=[f"Load average at the end of each run: {loads}. Other work on the machine lengthens the seconds, not the CPU seconds."],
    )
    print(path.name)


if __name__ == "__main__":
    main()

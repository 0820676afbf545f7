"""What becomes of a stream of deletion requests under each policy: MovieLens and Gowalla, EASE and shards, the table to choose by.

    r2u bench deletion_streams ml-1m      # settings in deletion_streams.yaml; writes results/deletion_streams_ml-1m.json
    r2u bench deletion_streams gowalla
    r2u bench deletion_streams ml-100k-ease
    r2u bench deletion_streams ml-100k-shards
    r2u bench deletion_streams ml-100k-ascent

It is `r2u simulate` with a settings file, over several seeds. What has finished is kept in runs/ and not run again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from r2u_rec.api.streams.play import run_simulation
from r2u_rec.config.parse import settings_from_mapping
from r2u_rec.config.settings import Settings
from r2u_rec.report import write_benchmark
from r2u_rec.report.simulation.advice import advise
from r2u_rec.report.simulation.table import seed_rows

HERE = Path(__file__).resolve().parent
COLUMNS = (
    "NDCG@20", "ndcg_share", "imprint_end", "adaptive_end", "snapshot_mean", "snapshot_baseline", "hours_p50", "hours_p95",
    "misses_share", "cpu_share", "trainings",
)  # fmt: skip


def settings(overrides: dict[str, Any]) -> Settings:
    """Returns the settings that a section of the settings file gives over the defaults of a simulation."""
    return settings_from_mapping(overrides, "simulate", "deletion_streams.yaml")


def main(argv: list[str] | None = None) -> None:
    own = yaml.safe_load((HERE / "deletion_streams.yaml").read_text())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=sorted(own))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", type=Path, default=None, help="where trials are kept (default: runs/deletion-streams-DATASET)")
    parser.add_argument("--results", type=Path, default=HERE.parent / "results")
    given = parser.parse_args(argv)
    s = settings(own[given.dataset])
    simulation, failures = run_simulation(s, given.work or Path("runs") / f"deletion-streams-{given.dataset}", jobs=given.jobs)
    for failure in failures:
        print(failure, file=sys.stderr)
    if simulation is None or failures:
        sys.exit(1)
    rows = seed_rows(simulation)
    advice = advise(simulation)
    path = write_benchmark(
        given.results,
        f"deletion_streams_{given.dataset}",
        question=simulation.question,
        command=f"r2u bench deletion_streams {given.dataset}",
        settings=s.flat(),
        seeds=list(s.simulate.seeds),
        figures=rows,
        by=["policy"],
        columns=COLUMNS,
        notes=[advice.sentence, *advice.against],
    )
    print(path.name)


if __name__ == "__main__":
    main()

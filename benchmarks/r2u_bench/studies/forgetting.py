"""What is kept and what is left behind after a tenth of the users leave: every way to train, every way to forget.

    r2u bench forgetting ml-100k --seeds 10 11 12 13 14     # settings in forgetting.yaml
    r2u bench forgetting ml-1m --seeds 10 11 12
    r2u bench forgetting ml-1m --part validation --seeds 910 --settings benchmarks/forgetting_choice.yaml

The last form is how settings are chosen: quality is that of the validation part, the test part is not read, seeds from 900 on are
never reported, and the rows are printed, not written.

Writes results/forgetting_DATASET.json. Each seed is a split, a draw of users and initial values of its own; a finished seed is kept in
the folder --work and not repeated. Two requests of a tenth of the users each are made against every model: users drawn
from the upper half by revocability, and users that no scorer flagged. Both have a matched group of as many users who were never
trained on, and retrained models of the standard recipe as references.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
DATASETS = ("ml-100k", "ml-1m")
CHOOSING = 900
"""Seeds from here on are for choosing settings."""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--part", choices=["test", "validation"], default="test")
    parser.add_argument(
        "--settings", type=Path, default=HERE / "forgetting.yaml", help="another file than forgetting.yaml: for --part validation"
    )
    parser.add_argument("--jobs", type=int, default=2, help="seeds run side by side, one thread each")
    parser.add_argument("--work", type=Path, default=Path("runs/forgetting"), help="where finished seeds are kept")
    parser.add_argument("--results", type=Path, default=HERE.parent / "results")
    a = parser.parse_args(argv)
    if a.part == "test" and (a.settings != HERE / "forgetting.yaml" or min(a.seeds) < 0 or max(a.seeds) >= CHOOSING):
        parser.error(f"what is reported stands in forgetting.yaml, and has seeds below {CHOOSING}; choose with --part validation")
    if a.part == "validation" and min(a.seeds) < CHOOSING:
        parser.error(f"settings are chosen with seeds from {CHOOSING} on, got {min(a.seeds)}: the others are reported")
    settings = yaml.safe_load((HERE / "forgetting.yaml").read_text())
    for name, value in yaml.safe_load(a.settings.read_text()).items():
        settings[name] = settings[name] | value if name in DATASETS else value
    settings |= settings[a.dataset]
    for name in DATASETS:
        del settings[name]
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    a.work.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(min(a.jobs, len(a.seeds))) as pool:
        studied = list(pool.map(_seed, [(a.dataset, seed, settings, str(a.work), a.part) for seed in a.seeds]))
    from r2u_bench.studies.forgetting_table import show, write  # beside this file

    if a.part == "validation":
        print(show(studied))
        return
    print(write(a.dataset, a.seeds, settings, studied, a.results))


def _seed(job: tuple[str, int, dict[str, Any], str, str]) -> dict[str, Any]:
    dataset, seed, settings, work, part = job
    done = Path(work) / f"{dataset}-{part}-{seed}.json"
    if done.exists():
        found = json.loads(done.read_text())
        if found["settings"] == json.loads(json.dumps(settings)):
            return found
    from r2u_bench.studies.forgetting_study import seed_rows  # imported in the worker: torch reads its thread count at import

    found = seed_rows(dataset, seed, settings, part=part)
    part = done.with_suffix(".part")
    part.write_text(json.dumps(found))
    part.replace(done)
    return found


if __name__ == "__main__":
    main()

"""What preparing the last quarter of the epochs adds to the time of a whole training, measured turn by turn.

    r2u bench training_cost        # settings: training_cost.yaml, and the arms of forgetting.yaml

Standard, prepared and control trainings of the forgetting benchmark take turns in one process, each turn a short training in which as large
a share of the epochs prepares as in the long one; ratios are within a turn. Processor time and wall time are both reported.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from r2u_bench.studies.forgetting_arms import context_of  # beside this file
from r2u_bench.studies.forgetting_split import build_study
from r2u_rec.report import write_benchmark
from r2u_rec.study.study import Study

HERE = Path(__file__).resolve().parent


def turn(dataset: str, arm: str, s: dict[str, Any], study: Study, seed: int) -> dict[str, Any]:
    """Returns processor and wall seconds of one training."""
    context = context_of(arm, s, study)
    trainer = context.trainer()
    wall, processor = time.perf_counter(), time.process_time()
    trainer.train(context.task, study.records, seed=seed)
    seconds = {"cpu_seconds": time.process_time() - processor, "training_seconds": time.perf_counter() - wall}
    return {"data": dataset, "arm": arm, "seed": seed} | seconds


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=HERE.parent / "results")
    a = parser.parse_args(argv)
    torch.set_num_threads(1)
    own = yaml.safe_load((HERE / "training_cost.yaml").read_text())
    rows = []
    for dataset, epochs in own["epochs"].items():
        settings = yaml.safe_load((HERE / "forgetting.yaml").read_text())
        s = settings | settings[dataset]
        s["training"] = s["training"] | {"epochs": epochs}
        study = build_study(dataset, 0, s, "validation")
        for seed in range(own["turns"] + 1):  # the first turn warms up and is not counted
            taken = [turn(dataset, arm, s, study, seed) for arm in own["arms"]]
            if seed:
                rows += [row | {"training / standard": row["cpu_seconds"] / taken[0]["cpu_seconds"]} for row in taken]
            print(dataset, seed, [round(row["cpu_seconds"], 2) for row in taken], flush=True)
    path = write_benchmark(
        a.results,
        "training_cost",
        question="What does preparing the last quarter of the epochs add to the time of a training?",
        command="r2u bench training_cost",
        settings=own,
        seeds=list(range(1, own["turns"] + 1)),
        figures=rows,
        by=("data", "arm"),
        columns=("cpu_seconds", "training_seconds", "training / standard"),
        notes=["Arms take turns; a ratio is between two trainings of the same turn. Seeds are the turns."],
    )
    print(path)


if __name__ == "__main__":
    main()

"""What a prepared training step of the small CNN costs beside a standard one: batches of 64 MNIST images, samples of 8 to 32.

    python benchmarks/image_step_cost.py        # writes results/image_step_cost.json

All configurations are measured in one process, a few steps of each in turn, as in step_cost.py; medians are compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from step_cost import medians

from r2u_rec.core.direction import Planned
from r2u_rec.core.preparation import Preparation
from r2u_rec.core.protocols import Split
from r2u_rec.core.ready2unlearn import Ready2Unlearn
from r2u_rec.core.rowwise import RowwiseAdam
from r2u_rec.core.step import Step, StepInput
from r2u_rec.core.strategies import standard
from r2u_rec.report import write_benchmark
from r2u_rec.vision import ImageSet, ImageTask, cnn, load_images

HERE = Path(__file__).resolve().parent
BATCH_SIZE = 64
SAMPLES = (8, 16, 32)
SEEDS = (0, 1, 2)
TURNS = {"n_steps": 10, "n_rounds": 15, "n_warm_up": 2}
ALLOWED = 1.9
"""Times a standard step, with 16 + 16 samples."""


def prepared(images: ImageSet, n: int) -> Step:
    """Returns the prepared step with n images of class 0 and n of the others, in the settings of the paper's experiments."""
    forget = images.ids_of_classes([0])
    settings = Preparation(
        alpha=Planned(33, 1e-5),
        geometry="sign",
        lambda1=1.0,
        lambda3=1.0,
        bound="chance",
        delta=True,
        normalised_weights=True,
        n_forget=n,
        n_retain=n,
    )
    return Ready2Unlearn(Split(forget, np.setdiff1d(images.ids, forget), forget[:0]), settings)


def stepper(images: ImageSet, step: Step, seed: int) -> Callable[[], float]:
    """Returns a function that does one training step of a model of its own and returns its seconds."""
    task = ImageTask(cnn())
    model = task.model(images, seed=seed).train()
    optimizer = RowwiseAdam(model.parameters(), lr=5e-4)
    rng = np.random.default_rng(seed)

    def one() -> float:
        ids = rng.choice(images.ids, BATCH_SIZE, replace=False)
        begun = time.perf_counter()
        step(StepInput(model, task, images, ids, rng, 0, 1, 0, 1, torch.device("cpu")))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return time.perf_counter() - begun

    return one


def measured(images: ImageSet, seed: int) -> list[dict[str, object]]:
    """Returns a row for each kind of step, all measured in turn."""
    steppers = {("standard", 0): stepper(images, standard, seed)}
    steppers |= {(f"prepared, {n} + {n} images", n): stepper(images, prepared(images, n), seed) for n in SAMPLES}
    found = medians(steppers, TURNS)
    base = found["standard", 0]
    return [{"step": name, "seed": seed, "milliseconds": ms, "times_standard": ms / base} for (name, _), ms in found.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=HERE / "results")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images = load_images("mnist").train
    figures = []
    for seed in SEEDS:
        figures += (rows := measured(images, seed))
        print(f"seed {seed}: " + ", ".join(f"{row['step']} {row['times_standard']:.2f}" for row in rows), flush=True)
    worst = max(float(str(row["times_standard"])) for row in figures if "16 + 16" in str(row["step"]))
    write_benchmark(
        arguments.results,
        "image_step_cost",
        question="What does a prepared training step of the small CNN cost beside a standard one?",
        command="python benchmarks/image_step_cost.py",
        settings={"batch_size": BATCH_SIZE, "samples": list(SAMPLES), **TURNS},
        seeds=list(SEEDS),
        figures=figures,
        by=("step",),
        columns=("milliseconds", "times_standard"),
        split_hashes={},
        notes=[
            f"16 + 16 images: at most {worst:.2f} times; {ALLOWED} allowed, {'reached' if worst <= ALLOWED else 'NOT reached'}. One thread."
        ],
    )


if __name__ == "__main__":
    main()

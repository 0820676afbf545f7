"""What a prepared training step of the small CNN costs beside a standard one: batches of 64 MNIST images, samples of 8 to 32.

    r2u bench image_step_cost        # writes results/image_step_cost.json

All configurations are measured in one process, a few steps of each in turn, as in step_cost.py; medians are compared.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from r2u_bench.paper.images.arms import repaired, split_of
from r2u_bench.paper.preset import load_preset
from r2u_bench.studies.step_cost import medians, timed  # beside this file
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.step import Step
from r2u_rec.core.strategies import standard
from r2u_rec.report import write_benchmark
from r2u_rec.vision import ImageSet, ImageTask, cnn, load_images

HERE = Path(__file__).resolve().parent
BATCH_SIZE, LR = 64, 5e-4
SAMPLES = (8, 16, 32)
SEEDS = (0, 1, 2)
TURNS = {"n_steps": 10, "n_rounds": 15, "n_warm_up": 2}
ALLOWED = 1.9
"""Times a standard step, with 16 + 16 samples."""


def prepared(images: ImageSet, n: int) -> Step:
    """Returns the prepared step with n images of class 0 and n of the others, in the settings of the paper's experiments."""
    settings = load_preset("quick").section("image", "fig3")
    preparation = repaired({**settings, "arm": "repaired", "n_forget": n, "n_retain": n, "prepare": 1, "warmup": 0.0})
    return Ready2Unlearn(split_of(images.ids, images.ids_of_classes([0])), preparation)


def measured(images: ImageSet, seed: int) -> list[dict[str, object]]:
    """Returns a row for each kind of step, all measured in turn."""
    steps = {("standard", 0): standard} | {(f"prepared, {n} + {n} images", n): prepared(images, n) for n in SAMPLES}
    found = medians({name: timed(ImageTask(cnn()), images, step, BATCH_SIZE, LR, seed) for name, step in steps.items()}, TURNS)
    base = found["standard", 0]
    return [{"step": name, "seed": seed, "milliseconds": ms, "times_standard": ms / base} for (name, _), ms in found.items()]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=HERE.parent / "results")
    arguments = parser.parse_args(argv)
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
        command="r2u bench image_step_cost",
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

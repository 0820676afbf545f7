"""A trial on images: train one way, look at the model, forget by gradient ascent, and watch what goes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from torch import nn

from r2u_bench.paper.experiment import Rows, Spec
from r2u_bench.paper.images.arms import step_of, task_of
from r2u_bench.paper.images.ascent import ascend_
from r2u_bench.paper.images.data import Problem, by_class, by_instance, loaded_parts
from r2u_bench.paper.images.probes import PROBES, ascent_of, mean_loss
from r2u_rec.core.training import Training, fit_
from r2u_rec.errors import DivergenceError
from r2u_rec.vision import ImageTask, accuracy

HALF = 0.5


def run(spec: Spec) -> Rows:
    """Carries out one trial.

    Returns:
        Rows of "what": "training" one an epoch (epoch, seconds, forget_accuracy and retain_accuracy on validation images), "curve"
        as in `image_ascent`, those of the probes, and one "summary". A training that diverges is a result: its summary says so
        and has no figures of unlearning.
    """
    problem = problem_of(spec)
    task = task_of(spec, problem)
    model, rows, trouble = trained(spec, task, problem)
    if trouble:
        return [*rows, {"what": "summary", "diverged": True, "trouble": trouble}]
    half, chance = HALF, 1 / problem.train.n_classes
    summary: dict[str, Any] = {"what": "summary", "diverged": False, "trouble": "", "chance": chance, **state(model, problem)}
    summary["training_seconds"] = sum(row["seconds"] for row in rows)
    if spec["arm"] == "retrained":
        return [*rows, summary]
    probed = [row for name in spec.get("probes", ()) for row in PROBES[name](spec, task, problem, model)]
    images = (problem.train.keep(problem.forget), problem.test_forget, problem.test_retain)
    seen = ascend_(model, task, *images, steps=spec["ascent_steps"], levels=(half, chance), **ascent_of(spec))
    for name, level in (("half", half), ("chance", chance)):
        step, retained = seen.reached.get(level, (None, None))
        summary |= {f"steps_to_{name}": step, f"retain_at_{name}": retained}
    lost = None if summary["retain_at_chance"] is None else summary["retain_before"] - summary["retain_at_chance"]
    summary |= {"retain_lost": lost, "ascent_diverged": seen.diverged}
    return [*rows, *({"what": "curve", **row} for row in seen.curve), *probed, summary]


def problem_of(spec: Mapping[str, Any]) -> Problem:
    """Returns the images of the trial."""
    parts = loaded_parts(spec["data"])
    sizes = {"n_train": spec["n_train"], "n_test": spec["n_test"], "seed": spec["seed"]}
    if spec.get("n_wrong"):
        return by_instance(parts, spec["n_wrong"], **sizes)
    return by_class(parts, spec["forget"], overlap=spec.get("overlap", 0.0), without=spec["arm"] == "retrained", **sizes)


def trained(spec: Mapping[str, Any], task: ImageTask, problem: Problem) -> tuple[nn.Module, list[dict[str, Any]], str]:
    """Returns the model, a row an epoch, and what the training diverged by, empty when it did not. Seconds are processor time."""
    model = task.model(problem.train, seed=spec["seed"])
    rows: list[dict[str, Any]] = []
    begun = time.process_time()

    def validate(model: nn.Module) -> float:
        return accuracy(model, problem.validation_forget)

    def note(epoch: int, model: nn.Module, row: dict[str, float]) -> None:
        nonlocal begun
        now = time.process_time()
        retained = accuracy(model, problem.validation_retain)
        found = {"forget_accuracy": row["validation"], "retain_accuracy": retained, "seconds": now - begun}
        rows.append({"what": "training", "epoch": epoch + 1, **found})
        begun = time.process_time()

    trouble = ""
    try:
        fit_(
            model,
            task,
            problem.train,
            training=training_of(spec),
            seed=spec["seed"],
            step=step_of(spec, problem),
            validate=validate,
            callbacks=(note,),
            progress=False,
        )
    except DivergenceError as error:
        trouble = str(error)
    return model, rows, trouble


def training_of(spec: Mapping[str, Any]) -> Training:
    """Returns the settings of the training that the spec names."""
    return Training(
        epochs=spec["epochs"],
        batch_size=spec["batch_size"],
        lr=spec["lr"],
        schedule=spec["schedule"],
        average_share=spec["average_share"],
        device=spec.get("device", "cpu"),
    )


def state(model: nn.Module, problem: Problem) -> dict[str, Any]:
    """Returns accuracies on test and validation images before unlearning, and the mean forget loss in nats, at most 100."""
    return {
        "forget_before": accuracy(model, problem.test_forget),
        "retain_before": accuracy(model, problem.test_retain),
        "validation_forget_before": accuracy(model, problem.validation_forget),
        "validation_retain_before": accuracy(model, problem.validation_retain),
        "loss_before": mean_loss(model, problem.test_forget),
    }

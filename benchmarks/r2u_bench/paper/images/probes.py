"""What is asked of a trained model beside the plain ascent: each probe works on copies and returns rows of its own kind."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from torch import nn

from r2u_bench.paper.images.ascent import ascend_
from r2u_bench.paper.images.data import Problem
from r2u_rec.core.training import Training, fit_
from r2u_rec.evaluate.membership import auc
from r2u_rec.rng import stream
from r2u_rec.vision import ImageSet, ImageTask, label_kl, probabilities

Row = dict[str, Any]
Probe = Callable[[Mapping[str, Any], ImageTask, Problem, nn.Module], list[Row]]

PAST_STEPS, PAST_EVERY = 300, 20
"""Ascent steps of the probe that runs past the target, and how often it is looked at."""

SAMPLES = (1, 8, 64)
"""Forget images that the probe of few samples ascends on."""

WEAR_EPOCHS = (0, 1, 2, 4)
"""Further epochs of standard training before unlearning."""


def ascent_of(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of `ascend_` that a spec names."""
    return {"lr": spec["ascent_lr"], "batch_size": spec["ascent_batch"], "seed": spec["seed"], "every": spec["ascent_every"]}


def past_target(spec: Mapping[str, Any], task: ImageTask, problem: Problem, model: nn.Module) -> list[Row]:
    """Runs plain and bounded ascent far past chance; rows of "what": "past" with "ascent"."""
    images = (problem.train.keep(problem.forget), problem.test_forget, problem.test_retain)
    rows = []
    settings = {**ascent_of(spec), "every": PAST_EVERY}
    for name, bound in (("plain", {}), ("bounded", {"bound": "soft", "bound_level": task.chance(problem.train)})):
        seen = ascend_(copy.deepcopy(model), task, *images, steps=PAST_STEPS, whole=True, **settings, **bound)
        rows += [{"what": "past", "ascent": name, **row} for row in seen.curve]
    return rows


def few_samples(spec: Mapping[str, Any], task: ImageTask, problem: Problem, model: nn.Module) -> list[Row]:
    """Ascends on few random forget images, the same ones at each step; rows of "what": "few" with "n_samples"."""
    rows = []
    for n in SAMPLES:
        ids = np.sort(stream(spec["seed"], "few", n).choice(problem.forget, size=min(n, len(problem.forget)), replace=False))
        images = (problem.train.keep(ids), problem.test_forget, problem.test_retain)
        seen = ascend_(copy.deepcopy(model), task, *images, steps=spec["ascent_steps"], levels=(0.5,), **ascent_of(spec))
        step, retained = seen.reached.get(0.5, (None, None))
        rows.append({"what": "few", "n_samples": n, "steps_to_half": step, "retain_at_half": retained})
    return rows


def worn(spec: Mapping[str, Any], task: ImageTask, problem: Problem, model: nn.Module) -> list[Row]:
    """Trains on, the standard way and on all images, then ascends; rows of "what": "worn" with "further"."""
    model, done, rows = copy.deepcopy(model), 0, []
    images = (problem.train.keep(problem.forget), problem.test_forget, problem.test_retain)
    for further in WEAR_EPOCHS:
        if further > done:
            training = Training(epochs=further - done, batch_size=spec["batch_size"], lr=spec["lr"] / 4)
            fit_(model, task, problem.train, training=training, seed=spec["seed"] + 1000 * further, progress=False)
            done = further
        seen = ascend_(copy.deepcopy(model), task, *images, steps=spec["ascent_steps"], levels=(0.5,), **ascent_of(spec))
        step, retained = seen.reached.get(0.5, (None, None))
        before = seen.curve[0]["forget_accuracy"]
        rows.append({"what": "worn", "further": further, "steps_to_half": step, "retain_at_half": retained, "forget_before": before})
    return rows


def against_retrained(spec: Mapping[str, Any], task: ImageTask, problem: Problem, model: nn.Module) -> list[Row]:
    """Holds the ascent against a model trained without the forget images, and that against a second one of another seed.

    Rows of "what": "against", "model": "unlearned" (a row a look, "step") or "second retrained" (one row): loss on forget images,
    KL from the retrained model on forget and retained test images, and the AUC of telling training images of the class from
    test images of it by their loss.
    """
    kept = problem.train.drop(problem.forget)
    training = Training(epochs=spec["epochs"], batch_size=spec["batch_size"], lr=spec["lr"], schedule=spec["schedule"])
    retrained = []
    for seed in (spec["seed"], spec["seed"] + 5000):
        other = task.model(kept, seed=seed)
        fit_(other, task, kept, training=training, seed=seed, progress=False)
        retrained.append(other)
    forget = problem.train.keep(problem.forget)

    def held(model: nn.Module) -> Row:
        return {
            "loss_forget": mean_loss(model, problem.test_forget),
            "loss_retain": mean_loss(model, problem.test_retain),
            "kl_forget": label_kl(retrained[0], model, problem.test_forget),
            "kl_retain": label_kl(retrained[0], model, problem.test_retain),
            "membership_auc": auc(-losses(model, forget), -losses(model, problem.test_forget))[0],
        }

    images = (forget, problem.test_forget, problem.test_retain)
    settings = {**ascent_of(spec), "every": 10}
    chance = 1 / problem.train.n_classes
    seen = ascend_(copy.deepcopy(model), task, *images, steps=spec["ascent_steps"], levels=(chance,), also=held, **settings)
    rows = [{"what": "against", "model": "unlearned", **row} for row in seen.curve]
    return [*rows, {"what": "against", "model": "second retrained", "step": None, **held(retrained[1])}]


PROBES: dict[str, Probe] = {"bounded": past_target, "one-sample": few_samples, "wear": worn, "retrained": against_retrained}
"""Name of the experiment beyond the paper -> what it asks of the trained model."""


def losses(model: nn.Module, images: ImageSet) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Returns (n,) cross-entropies in nats; a probability that rounds to 0 counts as 1e-38, about 87 nats."""
    right = probabilities(model, images)[np.arange(len(images)), images.labels]
    return np.asarray(-np.log(np.maximum(right.astype(np.float64), 1e-38)))


def mean_loss(model: nn.Module, images: ImageSet) -> float:
    """Returns the mean cross-entropy in nats, as `losses` counts it."""
    return float(losses(model, images).mean())

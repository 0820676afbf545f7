"""The ways to train an image classifier that are compared: the paper's baselines, Ready2Unlearn as printed and as repaired, controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from r2u_bench.paper.images.data import Problem
from r2u_rec.core.prepare.adaptive import Adaptive
from r2u_rec.core.prepare.direction import Planned
from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.privacy.clipping import clipped
from r2u_rec.core.protocols import Split
from r2u_rec.core.step import Step
from r2u_rec.core.strategies import phased, reweighted, standard
from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids
from r2u_rec.vision import ImageTask, cnn

NAMES = {
    "standard": "Standard",
    "reweighted": "Re-weighted",
    "noisy": "Noisy",
    "clipped": "Clipped",
    "phased": "Phased",
    "literal": "Ready2Unlearn, as printed",
    "literal-balanced": "Ready2Unlearn, as printed, x half and half",
    "repaired": "Ready2Unlearn, repaired",
    "alpha0": "Control: no look-ahead",
    "random": "Control: random direction",
    "retrained": "Retrained without the class",
}
"""Arm -> its name on a page, in the order of the legends."""

BASELINES = ("standard", "reweighted", "noisy", "clipped", "phased")
PREPARED = ("repaired", "alpha0", "random")
"""The arms that follow the repaired settings."""

_PREPARATION = (
    "prepare", "alpha_steps", "alpha_factor", "ascent_lr", "n_forget", "n_retain", "lambda0", "lambda1", "lambda3", "every",
    "warmup", "loss_share",
)  # fmt: skip
SETTINGS: dict[str, tuple[str, ...]] = {
    "reweighted": ("reweight",),
    "noisy": ("noise",),
    "clipped": ("clip_norm",),
    "phased": ("phase_share",),
    "literal": ("literal_alpha", "literal_lambda1", "literal_lambda3"),
    "literal-balanced": ("literal_alpha", "literal_lambda1", "literal_lambda3"),
    **dict.fromkeys(PREPARED, _PREPARATION),
}
"""Arm -> the settings that only it reads; a spec holds no others, so that a setting of one arm renames no trial of another."""


def task_of(spec: Mapping[str, Any], problem: Problem) -> ImageTask:
    """Returns the task; for "noisy" with the noise on the revocable images."""
    if spec["arm"] == "noisy":
        return ImageTask(cnn(), noisy=problem.revocable, noise=spec["noise"])
    return ImageTask(cnn())


def step_of(spec: Mapping[str, Any], problem: Problem) -> Step:
    """Returns the training step of the arm that the spec names.

    Raises:
        SettingsError: no such arm.
    """
    arm, revocable = spec["arm"], problem.revocable
    if arm in ("standard", "noisy", "retrained"):
        return standard
    if arm == "reweighted":
        return reweighted(revocable, spec["reweight"])
    if arm == "clipped":
        return clipped(revocable, spec["clip_norm"])
    if arm == "phased":
        return phased(revocable, spec["phase_share"])
    split = split_of(problem.train.ids, revocable)
    if arm in ("literal", "literal-balanced"):
        return Ready2Unlearn(split, printed(spec))
    if arm in PREPARED:
        adaptive = Adaptive(loss_share=spec["loss_share"]) if spec["loss_share"] is not None else None
        return Ready2Unlearn(split, repaired(spec), adaptive)
    raise SettingsError(f"arm must be one of {', '.join(NAMES)}, got {arm!r}")


def split_of(ids: Ids, revocable: Ids) -> Split:
    """Returns the split into revocable and stable records, with no recovery records."""
    return Split(revocable, np.setdiff1d(ids, revocable, assume_unique=True), np.empty(0, np.int64))


def printed(spec: Mapping[str, Any]) -> Preparation:
    """Returns the paper's settings, first order, in every epoch; with "literal-balanced" x is half revocable, half stable."""
    return Preparation(
        alpha=spec["literal_alpha"],
        lambda1=spec["literal_lambda1"],
        lambda3=spec["literal_lambda3"],
        balanced=spec["arm"] == "literal-balanced",
        allow_divergence=True,
    )


def repaired(spec: Mapping[str, Any]) -> Preparation:
    """Returns the settings that work: an inner step as long as the ascent to come, in the sign geometry of its optimiser, the
    forget loss bounded at chance and counted relative to the one at theta, weights that sum to one.

    "alpha0" does not move at all and "random" moves as far into a random direction: what they gain is not the look-ahead's.
    """
    moved = Planned(spec["alpha_steps"], spec["ascent_lr"], spec["alpha_factor"])
    prepare = spec["prepare"]
    return Preparation(
        alpha=0.0 if spec["arm"] == "alpha0" else moved,
        geometry="random" if spec["arm"] == "random" else "sign",
        lambda0=spec["lambda0"],
        lambda1=spec["lambda1"],
        lambda3=spec["lambda3"],
        bound="chance",
        delta=True,
        normalised_weights=True,
        epochs=tuple(prepare) if isinstance(prepare, list | tuple) else prepare,
        every=spec["every"],
        warmup=spec["warmup"],
        n_forget=spec["n_forget"],
        n_retain=spec["n_retain"],
    )

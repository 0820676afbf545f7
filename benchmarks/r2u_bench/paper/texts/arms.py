"""Ways to train in the text trials: the paper's baselines, its method with the literal and with repaired settings, and controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from r2u_bench.paper.texts.data import Material, Start
from r2u_bench.paper.texts.settings import TextSettings
from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.privacy.private import private
from r2u_rec.core.protocols import Split
from r2u_rec.core.step import Step, StepInput, Terms
from r2u_rec.core.strategies import phased, reweighted, standard
from r2u_rec.ids import Ids
from r2u_rec.language.documents import Documents
from r2u_rec.language.task import TextTask
from r2u_rec.language.tokenizer import padding

NAMES: Mapping[str, str] = {
    "standard": "standard",
    "phased": "phased",
    "reweighted": "re-weighted 0.5",
    "dp-sgd": "DP-SGD",
    "goldfish": "Goldfish",
    "neftune": "NEFTune",
    "literal": "Ready2Unlearn, literal",
    "repaired": "Ready2Unlearn, repaired",
    "alpha0": "control: no inner step",
    "random": "control: random direction",
    "retrained": "retrained without D_f",
}
"""Arm -> its name on a page."""


@dataclass(frozen=True)
class Arm:
    """A way to train: the task with what it does to batches, the records, and the step."""

    task: TextTask
    records: Documents
    step: Step


def arm_of(s: TextSettings, start: Start, m: Material, recovery: Ids) -> Arm:
    """Returns the arm of the settings.

    Args:
        recovery: the part of D_rc that the preparation draws from. It is not among the records trained on: the paper's D is D_f and D_r.
    """
    split = Split(m.split.forget, m.split.retain, recovery)
    marks: dict[str, Any] = {}
    if s.arm in ("goldfish", "neftune"):
        marks[s.arm] = m.split.forget
    task = TextTask(start.build, padding(start.tokenizer), start.vocab_size, **marks)
    trained = m.split.retain if s.arm == "retrained" else np.union1d(m.split.forget, m.split.retain)
    return Arm(task, m.documents.keep(trained), _step(s, split, m.documents))


def preparation(s: TextSettings) -> Preparation:
    """Returns the settings of Algorithm 1: the paper's for "literal"; repaired ones, with no or a random inner step, for its controls."""
    if s.arm == "literal":
        n = s.literal_n_inner
        return Preparation(
            alpha=s.literal_alpha, lambda1=s.literal_lambda1, lambda2=s.lambda2, lambda3=s.literal_lambda3,
            n_forget=n, n_retain=n, n_recovery=n, allow_divergence=True,
        )  # fmt: skip
    return Preparation(
        alpha=0.0 if s.arm == "alpha0" else s.alpha,
        geometry="random" if s.arm == "random" else s.geometry,  # type: ignore[arg-type]
        lambda0=s.lambda0, lambda1=s.lambda1, lambda2=s.lambda2, lambda3=s.lambda3,
        bound="chance", delta=True, normalised_weights=True, epochs=s.prepared_epochs, warmup=s.warmup,
        n_forget=s.n_inner, n_retain=s.n_inner, n_recovery=s.n_inner,
    )  # fmt: skip


def _step(s: TextSettings, split: Split, documents: Documents) -> Step:
    if s.arm == "phased":
        return phased(split.forget)
    if s.arm == "reweighted":
        return reweighted(split.forget, 0.5)
    if s.arm == "dp-sgd":
        return private(batch_size=s.batch_size, max_norm=s.clip, noise_multiplier=s.noise_multiplier)
    if s.arm in ("literal", "repaired", "alpha0", "random"):
        return _with_records(Ready2Unlearn(split, preparation(s)), documents)
    return standard


def _with_records(step: Step, documents: Documents) -> Step:
    """Lets a step look up documents beside those trained on: D_rc."""

    def wider(s: StepInput) -> Terms:
        return step(replace(s, records=documents))

    return wider

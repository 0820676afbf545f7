"""A set of images whose classes are plain to see: a bright bar a class, on noise; and settings of a trial that takes no time."""

from __future__ import annotations

from typing import Any

import numpy as np
from r2u_bench.paper.preset import Preset

from r2u_rec.vision import ImageParts, from_arrays

N_CLASSES = 4

SETTINGS: dict[str, Any] = {
    "data": "mnist",
    "n_train": 160,
    "n_test": 90,
    "epochs": 6,
    "batch_size": 16,
    "lr": 2e-3,
    "schedule": "constant",
    "ascent_steps": 80,
    "ascent_lr": 3e-4,
    "ascent_batch": 16,
    "average_share": 0.0,
    "ascent_every": 5,
    "reweight": 0.5,
    "noise": 0.3,
    "clip_norm": 0.1,
    "phase_share": 0.5,
    "literal_alpha": 1e-5,
    "literal_lambda1": 2.0,
    "literal_lambda3": 4.0,
    "prepare": 2,
    "alpha_steps": 4,
    "alpha_factor": 1.5,
    "n_forget": 8,
    "n_retain": 8,
    "lambda0": 1.0,
    "lambda1": 2.0,
    "lambda3": 4.0,
    "every": 1,
    "warmup": 0.5,
    "loss_share": 0.01,
}
PRESET = Preset(
    "toy",
    {"image": SETTINGS},
    {
        "fig3": {
            "trials": 2,
            "data": ["mnist", "fashion-mnist"],
            "few": ["literal", "random"],
            "few_trials": 1,
            "first_set": ["reweighted"],
        },
        "fig8": {"trials": 2, "durations": [1, 4]},
        "fig10": {"trials": 3, "overlaps": [0.0, 0.2]},
        "fig12": {"trials": 2, "diversities": [1, 2]},
        "fig13": {"trials": 2, "stage": 1},
        "table2": {"trials": 2, "weights": [1.0, 2.0]},
        "bounded": {"trials": 2},
        "retrained": {"trials": 2},
        "instances": {"trials": 2, "n_wrong": 10},
    },
    seed=900,
)


def parts(data: str = "mnist") -> ImageParts:
    """80 training, 20 validation and 30 test images of each of four classes, 8 x 8 pixels."""
    rng = np.random.default_rng(0)

    def part(n: int) -> tuple[Any, Any]:
        labels = np.repeat(np.arange(N_CLASSES), n)
        images = rng.integers(0, 160, size=(len(labels), 8, 8)).astype(np.uint8)
        images[np.arange(len(labels)), 2 * labels] += 70
        return images, labels

    return from_arrays(part(80), part(30), part(20))


def made_rows(specs: list[dict[str, Any]], **steps: float) -> list[dict[str, Any]]:
    """Rows as such trials would return them, when each arm needs `steps` steps to 50 % and half as many more to chance.

    Arms not named need 100. The prepared arms keep 97 % of the others, standard ones 90 %, with a little spread over seeds.
    """
    rows = []
    for i, spec in enumerate(specs):
        arm, shift = spec["arm"], spec["seed"] % 3
        half = steps.get(arm, 100.0) + shift
        chance = round(1.5 * half)
        kept = (0.97 if arm == "repaired" else 0.9) + 0.001 * shift
        end = {
            "what": "summary", "diverged": False, "trouble": "", "chance": 0.1, "forget_before": 0.97 + 0.001 * shift,
            "retain_before": 0.97 + 0.001 * shift, "loss_before": 0.1, "training_seconds": 12.0 if arm == "repaired" else 10.0,
            "steps_to_half": half, "steps_to_chance": chance, "retain_at_half": kept, "retain_at_chance": kept, "retain_lost": 0.97 - kept,
        }  # fmt: skip
        at = range(0, chance + 5, 5)
        rows.append(end)
        rows += [
            {"what": "curve", "step": s, "forget_accuracy": max(0.97 - 0.47 * s / half, 0.0), "retain_accuracy": kept, "forget_loss": 1.0}
            for s in at
        ]
        rows += [{"what": "training", "epoch": e, "forget_accuracy": 0.9, "retain_accuracy": 0.9, "seconds": 1.0} for e in (1, 2, 3)]
        for probe in spec.get("probes", ()):
            rows += PROBED[probe](arm, half, kept)
        rows = [row if "trial" in row else {**spec, **row, "trial": f"trial{i}"} for row in rows]
    return rows


def _past(arm: str, half: float, kept: float) -> list[dict[str, Any]]:
    lost = {"plain": 0.3 + half / 400, "bounded": 0.0}
    return [
        {"what": "past", "ascent": ascent, "step": s, "forget_accuracy": 0.0, "retain_accuracy": kept - lost[ascent] * s / 300}
        for ascent in lost
        for s in (0, 300)
    ]


def _few(arm: str, half: float, kept: float) -> list[dict[str, Any]]:
    return [
        {"what": "few", "n_samples": n, "steps_to_half": None if n == 1 and arm == "standard" else half + 20 / n, "retain_at_half": kept}
        for n in (1, 8, 64)
    ]


def _worn(arm: str, half: float, kept: float) -> list[dict[str, Any]]:
    return [{"what": "worn", "further": n, "steps_to_half": half + 5 * n, "retain_at_half": kept, "forget_before": 0.97} for n in (0, 1, 4)]


def _against(arm: str, half: float, kept: float) -> list[dict[str, Any]]:
    figures = {"loss_forget": half / 10, "kl_forget": half / 10, "kl_retain": 1 - kept, "membership_auc": 0.5}
    unlearned = [{"what": "against", "model": "unlearned", "step": s, **figures} for s in (0, 10)]
    second = {"loss_forget": 5.0, "kl_forget": 0.4 + half / 1e4, "kl_retain": 0.05, "membership_auc": 0.5}
    return [*unlearned, {"what": "against", "model": "second retrained", "step": None, **second}]


PROBED = {"bounded": _past, "one-sample": _few, "wear": _worn, "retrained": _against}

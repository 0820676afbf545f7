"""From a preset's settings to the specs of image trials; figures that ask for the same trial get the same spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from r2u_bench.paper.images.arms import NAMES, SETTINGS
from r2u_bench.paper.preset import Preset
from r2u_rec.errors import SettingsError
from r2u_rec.suggest import suggest

COMMON = (
    "data", "n_train", "n_test", "epochs", "batch_size", "lr", "schedule", "average_share",
    "ascent_steps", "ascent_lr", "ascent_batch", "ascent_every",
)  # fmt: skip
"""The settings that every image trial reads."""

N_CLASSES = {"mnist": 10, "fashion-mnist": 10, "pathmnist": 9, "pneumoniamnist": 2}
"""Classes of the sets that the experiments run on; a plan is made without opening any data."""

OWN = ("overlap", "n_wrong", "probes")
"""Settings that a spec holds only when an experiment gives them."""


def spec_of(settings: Mapping[str, Any], *, arm: str, forget: Sequence[int], seed: int, **over: Any) -> dict[str, Any]:
    """Returns the spec of one trial: the settings that its arm reads, and no others.

    Args:
        settings: of a preset's image section. over: settings of this trial over them.

    Raises:
        SettingsError: no such arm, a setting that is missing, or one in `over` that the trial would not read.
    """
    if arm not in NAMES:
        raise SettingsError(f"arm must be one of {', '.join(NAMES)}, got {arm!r}")
    wanted = dict.fromkeys((*COMMON, *SETTINGS.get(arm, ())))
    given = {**settings, **over}
    idle = [key for key in over if key not in wanted and key not in OWN]
    missing = [key for key in wanted if key not in given]
    if idle or missing:
        said = "; ".join(filter(None, (missing and f"needs {', '.join(missing)}", idle and f"does not read {', '.join(idle)}")))
        hint = suggest(missing[0], given) if missing else ""
        raise SettingsError(f"an image trial of arm {arm} {said}{hint}")
    return {
        "kind": "image",
        "arm": arm,
        "forget": list(forget),
        "seed": seed,
        **{key: given[key] for key in wanted},
        **{key: over[key] for key in OWN if key in over},
    }


def class_of(seed: int, data: str, first: int) -> int:
    """Returns the class that the trial of `seed` forgets: each in turn, from class 0 with the preset's first seed."""
    if data not in N_CLASSES:
        raise SettingsError(f"data must be one of {', '.join(N_CLASSES)}, got {data!r}: the classes of others are not known to the plans")
    return (seed - first) % N_CLASSES[data]


def trials(preset: Preset, experiment: str, arms: Sequence[str], **over: Any) -> list[dict[str, Any]]:
    """Returns the specs of an experiment: each seed its class, each class each arm, on each of its sets.

    An arm that the preset's `few` names for the experiment has only the first `few_trials` seeds, on the first set alone; one that
    `first_set` names has all seeds, on the first set alone.
    """
    settings = preset.section("image", experiment)
    sets = settings["data"] if isinstance(settings["data"], list) else [settings["data"]]
    few, first = settings.get("few", ()), settings.get("first_set", ())
    return [
        spec_of({**settings, "data": data}, arm=arm, forget=[class_of(seed, data, preset.seed)], seed=seed, **over)
        for data in sets
        for i, seed in enumerate(preset.seeds(experiment))
        for arm in arms
        if data == sets[0] or arm not in (*few, *first)
        if arm not in few or i < settings["few_trials"]
    ]

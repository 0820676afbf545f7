"""What a preset says of a recommender, as the registry's settings of it.

Presets group the settings of a recommender that is trained by gradient steps under `build`, `task` and `training`, and name beside them
`newton` and `evidence`, which are about methods. Stored trials are keyed by this, so presets keep the form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from r2u_rec.config.plan import settings_from
from r2u_rec.core.training import Training
from r2u_rec.errors import SettingsError
from r2u_rec.registered.models.of_recbole import RecBoleSettings
from r2u_rec.registry.specs import ModelSpec, Recipe

OF_METHODS = ("newton", "evidence")
LEFT_OUT = {"lightgcn": {"reg": 0.0}}
"""Recommender -> what a preset means that leaves a setting out, where it was written before the registry had a default of its own."""


def settings_of(spec: ModelSpec, preset: Mapping[str, Any]) -> Any:
    """Returns the settings of a recommender, of the class that its spec names.

    Raises:
        SettingsError: a setting that there is not.
    """
    given = {key: value for key, value in preset.items() if key not in ("build", "task", "training", *OF_METHODS)}
    build, task = ({**(preset.get(part) or {})} for part in ("build", "task"))
    if issubclass(spec.settings, RecBoleSettings):  # the library's own names, one word each
        build = {"options": [f"{name}={json.dumps(value)}" for name, value in build.items()]} if build else {}
    if isinstance(given.get("polish"), Mapping):
        given["polish"] = _only(given["polish"], "reg", "polish")
    found = {**LEFT_OUT.get(spec.name, {}), **given, **build, **task}
    return settings_from(spec.settings, {key: tuple(v) if isinstance(v, list) else v for key, v in found.items()}, spec.name)


def recipe_of(spec: ModelSpec, preset: Mapping[str, Any]) -> Recipe:
    """Returns how a recommender is trained; what a preset leaves out of the loop has the defaults of `Training`.

    Raises:
        SettingsError: a setting that there is not, or a value that cannot be meant.
    """
    if spec.training is None and preset.get("training"):
        raise SettingsError(f"{spec.name} is not trained by a loop and takes no training settings: leave training out")
    loop = None if spec.training is None else Training(**(preset.get("training") or {}))
    return spec.recipe(settings_of(spec, preset), loop)


def _only(given: Mapping[str, Any], name: str, what: str) -> Any:
    if set(given) != {name}:
        raise SettingsError(f"{what} must set {name} and nothing else, got {dict(given)}")
    return given[name]

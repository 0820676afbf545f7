"""Keyword arguments of the model constructors: settings of the model, of the training loop, and those that every model takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from r2u_rec.config.errors import UsageError
from r2u_rec.config.keys import Key
from r2u_rec.config.settings import TrainingSettings
from r2u_rec.config.values import fitted
from r2u_rec.errors import SettingsError
from r2u_rec.registry.specs import ModelSpec
from r2u_rec.suggest import unknown

NOT_OF_THE_LOOP = ("threads",)
"""Fields of `TrainingSettings` that every model takes, whether a loop trains it or not."""


@dataclass(frozen=True)
class CommonSettings:
    """What every model takes.

    Attributes:
        prepare: how the model is prepared for erasure while it learns; None is plain training.
        method: how it forgets.
        seed: of everything random. threads: processor threads of torch.
        calibration_share: of the users, kept out of training.
        progress: whether a bar is shown.
    """

    prepare: Any = None
    method: Any = "auto"
    seed: int = 0
    threads: int | None = 1
    calibration_share: float = 0.0
    progress: bool | None = None


COMMON_HELP = {
    "prepare": "how it is prepared for erasure while it learns: r2u.Ready2Unlearn(...) or r2u.Prepare(...); None: plain training",
    "method": "how it forgets: a name, or r2u.Method(name, ...); auto: the model's own",
    "seed": "of everything random: the same seed gives the same bytes",
    "threads": "processor threads of torch; None: as torch likes",
    "calibration_share": "of the users, kept out of training to set how far an edit goes (length='canaries'); 0 trains on everyone",
    "progress": "show a bar; None: on a terminal only",
}


def model_keys(spec: ModelSpec) -> dict[str, Key]:
    """Returns the settings of a model by name."""
    return component_keys(spec.settings, {})


def loop_keys(spec: ModelSpec) -> dict[str, Key]:
    """Returns the settings of the loop that trains the model, with its defaults; none for a model that no loop trains."""
    if spec.training is None:
        return {}
    found = component_keys(TrainingSettings, spec.training)
    return {name: key for name, key in found.items() if name not in NOT_OF_THE_LOOP and name not in model_keys(spec)}


def component_keys(kind: type[Any], defaults: Mapping[str, Any]) -> dict[str, Key]:
    """Returns the fields of a settings dataclass by name, with `defaults` before its own."""
    hints = get_type_hints(kind)
    return {f.name: Key(f.name, hints[f.name], defaults.get(f.name, f.default), f.metadata.get("help", "")) for f in fields(kind)}


def common_keys() -> dict[str, Key]:
    """Returns what every model takes, by name."""
    hints = get_type_hints(CommonSettings)
    return {f.name: Key(f.name, hints[f.name], f.default, COMMON_HELP[f.name]) for f in fields(CommonSettings)}


def checked(keys: Mapping[str, Key], given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Returns the values in the types of their keys, lists as tuples.

    Raises:
        SettingsError: a name that there is not, the nearest is suggested; or a value of another type.
    """
    found = {}
    for name, value in given.items():
        if name not in keys:
            raise SettingsError(unknown(what, name, keys))
        try:
            found[name] = value if keys[name].hint is Any else fitted(keys[name], list(value) if isinstance(value, tuple) else value)
        except UsageError as error:
            raise SettingsError(str(error)) from None
    return found


def signature_of(groups: Sequence[Mapping[str, Key]], returns: Any, first: Sequence[inspect.Parameter] = ()) -> inspect.Signature:
    """Returns the signature of a function that takes the keys by keyword."""
    named = [
        inspect.Parameter(key.name, inspect.Parameter.KEYWORD_ONLY, default=key.default, annotation=key.hint)
        for group in groups
        for key in group.values()
    ]
    return inspect.Signature([*first, *named], return_annotation=returns)


def described_arguments(groups: Mapping[str, Mapping[str, Key]]) -> str:
    """Returns the "Args" of a docstring: one line a key, under the heading of its group."""
    lines = []
    for heading, group in groups.items():
        if group:
            lines += ["", f"{heading}:", *(f"    {key.name} (default {key.default!r}): {key.help}" for key in group.values())]
    return "\n".join(lines)

"""The keys of settings files and flags: section by section, with type, default and help, as the chosen model sets them."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from r2u_rec.config.settings import PLAIN, SECTIONS, ForgetSettings, PrepareSettings, component_names
from r2u_rec.registry.registry import Registry
from r2u_rec.registry.tables import ARMS, METHODS, MODELS

COMPONENTS: dict[str, Registry[Any]] = {"prepare": ARMS, "forget": METHODS}
"""Sections in which the settings of several components stand side by side, one level deeper."""

VERB_DEFAULTS: dict[str, dict[str, Any]] = {
    "run": {
        "data.split": "random",
        "forget.newton.length": "shadow",
        "revocability.holdout": True,
        "revocability.calibration_share": 0.05,
    },
    "simulate": {"data.split": "random", "forget.newton.length": "shadow", "revocability.calibration_share": 0.05},
}
"""Verb -> defaults that are others there: what is measured needs people to compare with, a production model is trained on everyone."""


@dataclass(frozen=True)
class Key:
    """One setting.

    Attributes:
        name: dotted, such as "forget.newton.length". hint: its type. default: as resolved for model and verb. help: one line.
    """

    name: str
    hint: Any
    default: Any
    help: str


def all_keys(model: str, verb: str = "") -> dict[str, Key]:
    """Returns every key by name, in the order of files and help, with the defaults for this model and verb.

    Raises:
        SettingsError: there is no such model.
    """
    changed = VERB_DEFAULTS.get(verb, {})
    found = {key.name: key for section in SECTIONS for key in _section(section, model)}
    found["seed"] = Key("seed", int, 0, "of everything that is random")
    return {name: Key(name, key.hint, changed.get(name, key.default), key.help) for name, key in found.items()}


def _section(section: str, model: str) -> Iterator[Key]:
    spec = MODELS.get(model)
    if section == "model":
        yield Key("model.name", str, model, f"the recommender: {', '.join(MODELS)}")
        yield from _fields("model", spec.settings, {})
    elif section in COMPONENTS:
        own: type[Any] = PrepareSettings if section == "prepare" else ForgetSettings
        yield from _fields(section, own, {}, leave_out=("arms", "methods"))
        for name in component_names(section):
            component = COMPONENTS[section].get(name)
            yield from _fields(f"{section}.{name}", component.settings, spec.method_defaults.get(name, {}) if section == "forget" else {})
    else:
        yield from _fields(section, PLAIN[section], spec.training or {} if section == "training" else {})


def _fields(prefix: str, kind: type[Any], defaults: Mapping[str, Any], leave_out: tuple[str, ...] = ()) -> Iterator[Key]:
    hints = _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    for f in fields(kind):
        if f.name not in leave_out:
            yield Key(f"{prefix}.{f.name}", hints[f.name], defaults.get(f.name, f.default), f.metadata.get("help", ""))


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def alternatives(hint: Any) -> tuple[Any, ...]:
    """Returns the members of a union, or the type alone."""
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def takes_list(hint: Any) -> bool:
    """Returns whether a list is among what the key takes."""
    return any((get_origin(each) or each) is tuple for each in alternatives(hint))


def described(hint: Any) -> str:
    """Returns in words what a key takes."""
    kinds = alternatives(hint)
    if len(kinds) > 1:
        return " or ".join(described(each) for each in kinds)
    if get_origin(hint) is Literal:
        return ("one of " if len(get_args(hint)) > 1 else "") + ", ".join(str(each) for each in get_args(hint))
    if get_origin(hint) is tuple:
        each = get_args(hint)
        return f"a list{'' if each[-1] is ... else f' of {len(each)}'}, each {described(each[0])}"
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text", type(None): "null"}.get(hint, str(hint))


def shown_default(value: Any) -> str:
    """Returns a value as a settings file or a flag spells it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)

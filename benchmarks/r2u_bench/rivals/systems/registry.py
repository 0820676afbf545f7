"""What takes part: the lines of the benchmark over the methods of the library's registry, and its models as recommenders.

A package of yours adds a method, a way to train or a model by naming its spec in its `pyproject.toml`; it then takes part here as in
`r2u train` and `r2u forget`:

    [project.entry-points."r2u_rec.methods"]
    mine = "my_package.rivals:MINE"        # a `MethodSpec`

    [project.entry-points."r2u_rec.models"]
    mine_mf = "my_package.rivals:MODEL"    # a `ModelSpec`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from r2u_bench.rivals.systems.lines import lines_of_others, own_lines
from r2u_bench.rivals.systems.system import System
from r2u_rec.errors import SettingsError
from r2u_rec.registry.specs import ModelSpec
from r2u_rec.registry.tables import ARMS, METHODS, MODELS
from r2u_rec.suggest import suggest, unknown


def systems() -> dict[str, System]:
    """Returns every system by name, ours first; SettingsError when another package's cannot be used."""
    return _systems((METHODS.names(), ARMS.names(), MODELS.names()))


@cache
def own_systems() -> dict[str, System]:
    """Returns our own systems by name: those that the documentation describes and the packaged presets were written for."""
    return {one.name: one for one in own_lines()}


def recommenders() -> dict[str, ModelSpec]:
    """Returns every recommender by name, ours first; SettingsError when another package's cannot be used."""
    return dict(MODELS.items())


@cache
def _systems(registered: tuple[tuple[str, ...], ...]) -> dict[str, System]:
    """Keyed by all names that are registered, so that what is registered later is seen."""
    found = dict(own_systems())
    for one in lines_of_others(tuple(found.values())):
        if one.name in found:
            raise SettingsError(f"{one.name!r} is a system of the benchmark already: register yours under another name")
        found[one.name] = one
    return found


@dataclass(frozen=True)
class ConfiguredSystem:
    """A system with the options that a settings file or a flag gave it.

    Attributes:
        text: as it was given, such as "receraser by=user shards=5"; names the line in tables and files.
    """

    text: str
    system: System
    options: Mapping[str, Any]

    @property
    def given(self) -> set[str]:
        """Names of the options that the line itself sets."""
        return {word.partition("=")[0] for word in self.text.split()[1:]}


def chosen(text: str) -> ConfiguredSystem:
    """Returns the system of a line such as "receraser by=user shards=5".

    Raises:
        SettingsError: an unknown system or option; the nearest known one is suggested.
    """
    name, *given = text.split()
    there = systems()
    if name not in there:
        raise SettingsError(unknown("system", name, there))
    system = there[name]
    options = dict(system.options)
    for word in given:
        key, equals, value = word.partition("=")
        if key not in options or not equals:
            known = ", ".join(f"{option}={default}" for option, default in options.items()) or "none"
            raise SettingsError(f"system {name} has no option {word!r}{suggest(key, options) or ';'} there are {known}")
        options[key] = yaml.safe_load(value)
    return ConfiguredSystem(" ".join([name, *given]), system, options)


def recommender(name: str) -> ModelSpec:
    """Returns the recommender; SettingsError, with the nearest known name, when there is none."""
    if name not in MODELS:
        raise SettingsError(unknown("recommender", name, MODELS.names()))
    return MODELS.get(name)

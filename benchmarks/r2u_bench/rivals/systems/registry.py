"""What takes part: recommenders and systems, ours and those that other packages bring through entry points.

A package of yours adds a recommender or a system by naming it in its `pyproject.toml`:

    [project.entry-points."r2u_rec.systems"]
    mine = "my_package.rivals:MINE"        # a `System`

    [project.entry-points."r2u_rec.recommenders"]
    mine = "my_package.rivals:MODEL"       # a `Recommender`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import yaml

from r2u_rec.errors import SettingsError
from r2u_rec.registry import Recipe
from r2u_rec.suggest import suggest, unknown

if TYPE_CHECKING:
    from r2u_bench.rivals.context import BenchmarkContext
    from r2u_rec.core.protocols import Method

SYSTEMS_GROUP, RECOMMENDERS_GROUP = "r2u_rec.systems", "r2u_rec.recommenders"

OFFERS = {
    "steps": "is trained by gradient steps",
    "losses": "has one loss an interaction",
    "tables": "has one vector a user and one an item, whose product is the score",
    "rows": "keeps those vectors as rows of two tables, not computed from a graph",
    "contacts": "can say how interactions meet the rows of its item tables",
    "graph": "passes messages over the graph of interactions",
    "fold-in": "scores items for strangers from their histories",
    "ease": "is EASE",
    "item_knn": "is ItemKNN",
    "als": "is trained by alternating least squares",
}
"""What a recommender may offer and a system may need."""

FAMILIES = {
    "reference": "References",
    "edit": "Edits of one trained model that read the request and what was kept",
    "tuned": "Edits that read the retained data too",
    "training": "Ways to train, with the paper's operator",
    "shards": "Training in shards",
    "closed": "Closed forms",
    "federated": "Federated",
}


@dataclass(frozen=True)
class Recommender:
    """A model of the benchmark.

    Attributes:
        name: on the command line. title: in tables. source: paper or library.
        offers: what systems may need of it, names of `OFFERS`.
        recipe: settings of the preset -> how it is trained.
        extra: the optional dependencies that it needs, such as "recbole".
        item_tables: name patterns of the tables that everyone is served from, which edits are confined to; None is not known: edits
            reach all parameters, unless the preset names tables under `newton`.
    """

    name: str
    title: str
    source: str
    offers: frozenset[str]
    recipe: Callable[[Mapping[str, Any]], Recipe]
    extra: str | None = None
    item_tables: tuple[str, ...] | None = None


@dataclass(frozen=True)
class MethodSpec:
    """A method, and the task it works on where that is another than the recommender's own."""

    method: Method
    task: Any = None


@dataclass(frozen=True)
class System:
    """A way to train and to forget, as one line of the benchmark.

    Attributes:
        name: on the command line. title: in tables. source: paper, and what of it this is.
        family: name of `FAMILIES`.
        reads: what it reads when it forgets: the "request" and what it kept, or "retained" data too.
        needs: what a recommender must offer.
        build: (case, options) -> `MethodSpec`.
        options: name -> default of what may be set in a settings file.
    """

    name: str
    title: str
    source: str
    family: str
    reads: Literal["request", "retained"]
    needs: frozenset[str]
    build: Callable[[BenchmarkContext, Mapping[str, Any]], MethodSpec]
    options: Mapping[str, Any] = field(default_factory=dict)

    def lacks(self, recommender: Recommender) -> list[str]:
        """Returns what the recommender would have to offer and does not, in words; empty when the two fit."""
        return [OFFERS[need] for need in sorted(self.needs - recommender.offers)]


OURS = {
    SYSTEMS_GROUP: (
        "r2u_bench.rivals.systems.references",
        "r2u_bench.rivals.systems.edits",
        "r2u_bench.rivals.systems.tuned",
        "r2u_bench.rivals.systems.ways_to_train",
        "r2u_bench.rivals.systems.shards",
        "r2u_bench.rivals.systems.closed_forms",
        "r2u_bench.rivals.systems.federated",
    ),
    RECOMMENDERS_GROUP: ("r2u_bench.rivals.systems.recommenders",),
}
"""Entry point group -> our own modules, each with a tuple SYSTEMS or RECOMMENDERS."""

T = TypeVar("T", System, Recommender)


@cache
def systems() -> dict[str, System]:
    """Returns every system by name, ours first; SettingsError when another package's cannot be used."""
    return _gathered(SYSTEMS_GROUP, System, "SYSTEMS")


@cache
def recommenders() -> dict[str, Recommender]:
    """Returns every recommender by name, ours first; SettingsError when another package's cannot be used."""
    return _gathered(RECOMMENDERS_GROUP, Recommender, "RECOMMENDERS")


def _gathered(group: str, kind: type[T], constant: str) -> dict[str, T]:
    found: dict[str, T] = {}
    for module in OURS[group]:
        for each in getattr(import_module(module), constant):
            found[each.name] = each
    for point in entry_points(group=group):
        each = point.load()
        if not isinstance(each, kind):
            raise SettingsError(
                f"entry point {point.name} of {group} is {point.value}, a {type(each).__name__}: it must be a {kind.__name__}"
            )
        if each.name in found:
            raise SettingsError(f"entry point {point.name} of {group} brings a second {each.name!r}: give it a name of its own")
        found[each.name] = each
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
    system = _known(name, systems(), "system")
    options = dict(system.options)
    for word in given:
        key, equals, value = word.partition("=")
        if key not in options or not equals:
            there = ", ".join(f"{known}={default}" for known, default in options.items()) or "none"
            raise SettingsError(f"system {name} has no option {word!r}{suggest(key, options) or ';'} there are {there}")
        options[key] = yaml.safe_load(value)
    return ConfiguredSystem(" ".join([name, *given]), system, options)


def recommender(name: str) -> Recommender:
    """Returns the recommender; SettingsError, with the nearest known name, when there is none."""
    return _known(name, recommenders(), "recommender")


def _known(name: str, there: Mapping[str, T], what: str) -> T:
    if name not in there:
        raise SettingsError(unknown(what, name, there))
    return there[name]

"""System: a way to train and to forget, as one line of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from r2u_rec.config.plan import settings_from
from r2u_rec.registered.methods.ascent import is_rule
from r2u_rec.registry.specs import ArmSpec, MethodSpec, ModelSpec, lacking
from r2u_rec.registry.tables import MODELS

if TYPE_CHECKING:
    from r2u_bench.rivals.context import BenchmarkContext
    from r2u_rec.core.protocols import Method, Task


@dataclass(frozen=True)
class BuiltMethod:
    """A method, and the task it works on where that is another than the recommender's own."""

    method: Method
    task: Task[Any, Any] | None = None


@dataclass(frozen=True)
class System:
    """A method of the registry after a way to train, with the options that a line of a settings file may set.

    Attributes:
        name: on the command line. title: in tables. source: paper, and what of it this is.
        family: name of `registry.specs.FAMILIES`.
        method: that builds it. arm: the way to train; None: standard.
        way: the preset's name of the arm and its settings, under `ways`.
        options: name -> default of what a line may set. A trial is keyed by them.
        fixed: settings of the method that the line is about, and that no option changes.
        model: the only recommender that the line is for; None: all that offer what it needs.
    """

    name: str
    title: str
    source: str
    family: str
    method: MethodSpec
    arm: ArmSpec | None = None
    way: str = "standard"
    options: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None

    @property
    def reads(self) -> Literal["request", "retained"]:
        """What it reads when it forgets: the request and what it kept, or retained data too."""
        return self.method.reads

    @property
    def needs(self) -> frozenset[str]:
        """What a recommender must offer, names of `registry.specs.OFFERS`."""
        return self.method.needs | (frozenset() if self.arm is None else self.arm.needs)

    def lacks(self, recommender: ModelSpec) -> list[str]:
        """Returns what the recommender would have to offer and does not, in words; empty when the two fit."""
        if self.model not in (None, recommender.name):
            return [f"is {MODELS.get(str(self.model)).title}"]
        return lacking(self.needs, recommender)

    def build(self, case: BenchmarkContext, options: Mapping[str, Any]) -> BuiltMethod:
        """Returns the registry's method with a line's options as its settings.

        Raises:
            SettingsError: a setting of the preset's Newton step that the method does not have, or a value that cannot be meant.
        """
        context = case.fit(self.way)
        newton = as_settings(case.newton) if self.method.name == "newton" else {}
        given = named_for(self.method.name, {**self.fixed, **newton, **options})
        settings = settings_from(self.method.settings, given, self.method.name)
        own = self.method.own_task
        return BuiltMethod(self.method.build(context, settings), None if own is None else own(context, settings))


def named_for(method: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a line's options by the names of the method's settings.

    All lines call `length` how far an edit goes, by which stored trials are keyed. Ascent of the library has a `target` beside it, a loss
    to stop at, which takes the rules too.
    """
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    if method == "ascent" and is_rule(given.get("length")):
        given["target"] = given.pop("length")
    return given


def as_settings(newton: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a preset sets under `newton`, by which stored trials are keyed, as the library's method names it.

    There the shares of tables are words, so that a flag can give them.
    """
    given = dict(newton)
    if "shares" in given:
        given["table_shares"] = [f"{table}={share}" for table, share in given.pop("shares").items()]
    return given

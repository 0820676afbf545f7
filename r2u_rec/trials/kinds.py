"""Kinds of trial: a name in a spec, and the function that carries such a trial out.

A kind is a function `run(spec) -> rows`: from the flat settings of one trial to flat records of what was measured, JSON values
only (what is not finite becomes null: add a column that says why). Rows of a long series, such as a curve, have "what": "curve";
those without "what", or with "summary", also go into the experiment's JSON file. A training that diverges is a result, not an
error: catch it and give a row that says so. The function draws all randomness from spec["seed"], prints nothing, and
raises DownloadError when data or weights are not to be had, any other error when something is wrong. Beside its own settings
the spec holds "device", the torch device, which names no trial. It runs in a process of its own with `--threads` threads.
A function with a second parameter, `run(spec, progress)`, may call it now and then with the share of the trial that is over.

Raise the version whenever the same spec would now give other figures: trials of the version before are then run again.
A spec may also name a function directly, as "package.module:function" or "package.module:function@version".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, TypeAlias

from r2u_rec.errors import SettingsError
from r2u_rec.suggest import suggest

Spec: TypeAlias = Mapping[str, Any]
"""A trial: "kind" and the settings of that kind; flat, JSON values and lists of them."""

Rows: TypeAlias = Sequence[Mapping[str, Any]]
"""Flat records: the settings of a trial's spec, one measurement's figures over them, and "trial", its key."""

KINDS_GROUP = "r2u_rec.trial_kinds"
"""Entry points of kinds: name = module with a dict KINDS from names to "module:function@version"."""


@cache
def kinds() -> dict[str, str]:
    """Returns name of a kind -> module:function@version, those of every installed package; SettingsError when two share a name."""
    found: dict[str, str] = {}
    for point in entry_points(group=KINDS_GROUP):
        for name, target in point.load().items():
            if name in found:
                raise SettingsError(f"entry point {point.name} of {KINDS_GROUP} brings a second kind of trial {name!r}: rename it")
            found[name] = target
    return found


@dataclass(frozen=True)
class Kind:
    """Where a kind's function is, and which version of its figures it gives."""

    module: str
    function: str
    version: int

    def load(self) -> Callable[..., Rows]:
        """Imports and returns the function; SettingsError when it is not there."""
        function: Callable[..., Rows] = loaded(f"{self.module}:{self.function}", "kind of trial")
        return function


def trial_kind(spec: Spec) -> Kind:
    """Returns the kind that a spec names, without importing it.

    Raises:
        SettingsError: the spec names none, or one that is not known.
    """
    name = spec.get("kind")
    target = kinds().get(str(name), str(name))
    found = re.fullmatch(r"([\w.]+):(\w+)(?:@(\d+))?", target)
    if name is None or found is None:
        raise SettingsError(f"kind must be one of {', '.join(kinds())} or module:function, got {name!r}{suggest(name, kinds())}")
    return Kind(found[1], found[2], int(found[3] or 1))


def loaded(target: str, what: str) -> Any:
    """Returns the object that "module:name" names.

    Raises:
        SettingsError: the module or the name is not there.
    """
    module, _, name = target.partition(":")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module == error.name or module.startswith(error.name + ".")):
            raise SettingsError(f"the {what} {target} is not there: no module {error.name}") from None
        raise
    except AttributeError:
        if hasattr(import_module(module), name):
            raise
        raise SettingsError(f"the {what} {target} is not there: {module} has no {name}") from None

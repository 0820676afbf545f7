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

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from r2u_rec.errors import SettingsError
from r2u_rec.paper.experiment import Rows, Spec

KINDS: dict[str, str] = {
    "image": "r2u_rec.paper.image_trial:run@1",
    "text": "r2u_rec.paper.text_trial:run@1",
    "cost": "r2u_rec.paper.cost_trial:run@1",
}
"""Name of a kind -> module:function@version; the module is imported only where a trial runs."""


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


def kind_of(spec: Spec) -> Kind:
    """Returns the kind that a spec names, without importing it.

    Raises:
        SettingsError: the spec names none, or one that is not known.
    """
    name = spec.get("kind")
    target = KINDS.get(str(name), str(name))
    found = re.fullmatch(r"([\w.]+):(\w+)(?:@(\d+))?", target)
    if name is None or found is None:
        near = difflib.get_close_matches(str(name), KINDS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise SettingsError(f"kind must be one of {', '.join(KINDS)} or module:function, got {name!r}{hint}")
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

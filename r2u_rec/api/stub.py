"""The type stub of the package, written from the table of names and the registry.

python -m r2u_rec.api.stub r2u_rec/__init__.pyi     # writes it
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import r2u_rec
from r2u_rec.api.arguments import common_keys, component_keys, loop_keys, model_keys
from r2u_rec.api.choices import OF_EVERY_ARM
from r2u_rec.api.constructors import READY, constructors
from r2u_rec.config.keys import Key
from r2u_rec.registry.tables import ARMS, MODELS

HEAD = """# Written by `python -m r2u_rec.api.stub r2u_rec/__init__.pyi`: `__init__.py` imports a name when it is asked for.
from typing import Any, Literal

from r2u_rec.api.choices import MethodChoice, PrepareChoice
"""
HINTS = {"method": "str | MethodChoice", "prepare": "PrepareChoice | None"}
SHIPPED = ("r2u_rec.registered.",)


def stub() -> str:
    """Returns the text of the stub: every name of the table, and each shipped constructor with its settings."""
    lines = [HEAD]
    for name, target in r2u_rec._NAMES.items():
        module, _, attribute = target.partition(":")
        if attribute == name:
            lines.append(f"from {module} import {attribute} as {name}")
    lines += ["", *(f"{name} = {target.partition(':')[2]}" for name, target in r2u_rec._NAMES.items() if not target.endswith(f":{name}"))]
    lines += ["", "__version__: str", "__all__: list[str]", "_NAMES: dict[str, str]", ""]
    for class_name, name in sorted(constructors().items()):
        spec = MODELS.get(name)
        if spec.recipe.__module__.startswith(SHIPPED):
            keys = {**model_keys(spec), **loop_keys(spec), **common_keys()}
            lines += _function(class_name, keys, "Recommender")
    arm = ARMS.get("ready2unlearn")
    lines += _function(READY, {**OF_EVERY_ARM, **component_keys(arm.settings, {})}, "PrepareChoice")
    return "\n".join(lines) + "\n"


def _function(name: str, keys: dict[str, Key], returns: str) -> Iterator[str]:
    yield f"def {name}("
    yield "    *,"
    for key in keys.values():
        yield f"    {key.name}: {HINTS.get(key.name) or _hint(key.hint)} = {key.default!r},"
    yield f") -> {returns}: ..."


def _hint(hint: Any) -> str:
    if hint is Any:
        return "Any"
    if hint is None or hint is type(None):
        return "None"
    if get_origin(hint) in (Union, types.UnionType):
        return " | ".join(map(_hint, get_args(hint)))
    if get_origin(hint) is Literal:
        return f"Literal[{', '.join(map(repr, get_args(hint)))}]"
    if get_origin(hint) is tuple:
        return f"tuple[{', '.join('...' if each is ... else _hint(each) for each in get_args(hint))}]"
    return str(hint.__name__)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(stub(), encoding="utf-8")

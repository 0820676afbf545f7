"""Libraries that come with an extra: imported where they are needed, and named with their remedy when they are missing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from r2u_rec.errors import CapabilityError

EXTRAS = {
    "distributed": ("pyspark",),
    "graph": ("torch_geometric",),
    "implicit": ("implicit",),
    "language": ("accelerate", "gguf", "peft", "tokenizers", "transformers"),
    "plots": ("matplotlib",),
    "privacy": ("opacus",),
    "recbole": ("recbole",),
    "transport": ("ot",),
}
"""Extra of the distribution -> the modules that it brings and the library imports."""

EXTRA_OF = {module: extra for extra, modules in EXTRAS.items() for module in modules}


def needed(module: str, purpose: str) -> Any:
    """Returns the imported `module`, dotted or not, which `purpose` ("a plot", "clusters by optimal transport") needs.

    Raises:
        CapabilityError: the library is not installed; the message names the extra that brings it.
    """
    with needed_for(purpose):
        return importlib.import_module(module)


@contextmanager
def needed_for(purpose: str) -> Iterator[None]:
    """Lets imports of optional libraries stand inside the block, so that type checkers see them.

    Raises:
        CapabilityError: one of them is not installed; the message names the extra that brings it. Any other module that is missing
            raises ModuleNotFoundError as ever.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").split(".")[0]
        if library not in EXTRA_OF:
            raise
        raise CapabilityError(f"{purpose} needs {library}, which is not installed: {remedy(EXTRA_OF[library])}") from error


def remedy(extra: str) -> str:
    """Returns the command that installs an extra, or why there is none for the running interpreter."""
    if extra == "recbole" and sys.version_info >= (3, 12):
        return "recbole can be had for Python 3.11 alone, since the ray that it asks for has no later build"
    return f"pip install 'r2u-rec[{extra}]'"


def missing(extra: str) -> list[str]:
    """Returns the modules of an extra that are not installed; none of them is imported.

    Raises:
        ValueError: there is no such extra.
    """
    if extra not in EXTRAS:
        raise ValueError(f"no extra {extra!r}: there are {', '.join(EXTRAS)}")
    return [module for module in EXTRAS[extra] if find_spec(module) is None]

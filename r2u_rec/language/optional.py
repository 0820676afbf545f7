"""Libraries of the extra "language": imported when they are needed, and named with their remedy when they are missing."""

from __future__ import annotations

import importlib
from typing import Any

from r2u_rec.errors import CapabilityError


def needed(module: str, purpose: str) -> Any:
    """Returns the imported `module`; CapabilityError that says how to install it when it is not there."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise  # the library is there and lacks something of its own
        raise CapabilityError(f"{purpose} needs {module}, which is not installed: pip install 'r2u_rec[language]'") from error

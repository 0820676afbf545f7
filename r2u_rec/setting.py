"""A field of a settings dataclass, with its help text and where its default comes from."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def setting(default: Any, text: str, source: str = "") -> Any:
    """Returns a dataclass field; `text` is its help, `source` tells who chose the default."""
    return field(default=default, metadata={"help": f"{text} [{source}]" if source else text})

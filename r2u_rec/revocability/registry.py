"""What there is to know about each scorer, in one place: the command line, the documentation and explanations read it here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Scorer:
    """One scorer and what a reader must know of it.

    Attributes:
        name: as in settings files.
        function: `function(log, **settings)` -> (n_users,) float64, NaN for users without records.
        columns: the columns of `features` that the score is made of; empty for those that come from outside (supplied, uniform).
        formula: in one line.
        source: where it comes from.
        unit: of the score.
        range: of the score.
        sign: +1 when a high score speaks for a withdrawal, -1 when it speaks against one, 0 when it says nothing.
        correlates: what else goes up with it.
        fails: where it misleads.
        needs: what the log must have, of "time", "rating", "user_info", "item_info"; or "sensitive" (configured categories or items).
    """

    name: str
    function: Callable[..., Any]
    columns: tuple[str, ...]
    formula: str
    source: str
    unit: str
    range: str
    sign: int
    correlates: str
    fails: str
    needs: tuple[str, ...] = ()


REGISTRY: Mapping[str, Scorer] = {}

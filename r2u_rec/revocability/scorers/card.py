"""The description of a scorer, written once beside its function: docstring, registry, documentation and command line read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Parts = Mapping[str, NDArray[np.float64]]
"""(n_users,) arrays by the names of `features.COLUMNS`."""

F = TypeVar("F", bound=Callable[..., Any])

NEEDS = ("time", "rating", "user_info", "item_info", "sensitive")


@dataclass(frozen=True)
class Scorer:
    """One scorer and its description.

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
        needs: what the log must have, of `NEEDS`; "sensitive" are configured categories or items.
        made: of the columns, the score; None when it comes from outside.
        any_of: whether some of the columns are enough.
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
    made: Callable[[Parts], NDArray[np.float64]] | None = None
    any_of: bool = False


def scorer_card(**fields: Any) -> Callable[[F], F]:
    """Marks a function as a scorer: its card becomes `function.card`, and the end of its docstring."""

    def mark(function: F) -> F:
        card = Scorer(name=function.__name__, function=function, **fields)
        function.card = card  # type: ignore[attr-defined]
        function.__doc__ = f"{(function.__doc__ or '').rstrip()}\n\n{_text(card)}"
        return function

    return mark


def card_of(function: Callable[..., Any]) -> Scorer:
    """Returns the card of a scorer's function."""
    found = function.card  # type: ignore[attr-defined]
    assert isinstance(found, Scorer)
    return found


def _text(card: Scorer) -> str:
    rows = {
        "Formula": card.formula,
        "Unit and range": f"{card.unit}; {card.range}",
        "Correlates with": card.correlates,
        "Where it fails": card.fails,
        "Needs": ", ".join(card.needs) or "nothing but users and items",
        "Source": card.source,
    }
    return "\n".join(f"    {name}: {text}" for name, text in rows.items()) + "\n    "

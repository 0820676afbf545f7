"""Comparing a column of the user information with values that were written as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.errors import SettingsError
from r2u_rec.suggest import suggest

OPERATORS = ("==", "!=", "<", "<=", ">", ">=", "in", "between", "missing", "present")
_RESERVED = (*OPERATORS, "and", "everyone")
_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
}
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Comparison:
    """One column of the user information against values; a missing value passes only `missing`.

    Attributes:
        column: its name.
        operator: one of OPERATORS; between takes both ends in, present is the opposite of missing.
        values: kept as text and compared as the column's kind: one, for `in` any number, for `between` two, else none.
    """

    column: str
    operator: str
    values: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(str(value) for value in self.values))
        if self.operator not in OPERATORS:
            hint = suggest(self.operator, ["=="] if self.operator == "=" else OPERATORS, cutoff=0.4)
            raise SettingsError(f"unknown operator {self.operator!r}{hint or ';'} there are {', '.join(OPERATORS)}")
        wanted = {"between": 2, "missing": 0, "present": 0}.get(self.operator, 1)
        if len(self.values) < wanted or (len(self.values) > wanted and self.operator != "in"):
            raise SettingsError(f"{self.operator} takes {wanted} value{'s' * (wanted != 1)}, got {len(self.values)}: correct {self}")

    def __str__(self) -> str:
        joint = {"in": "|", "between": " and "}.get(self.operator, " ")
        return f"{quoted_value(self.column)} {self.operator} {joint.join(map(quoted_value, self.values))}".rstrip()


def holds(column: pd.Series, test: Comparison) -> NDArray[np.bool_]:
    """Returns (n,) whether each value passes; a missing value passes only the operator "missing".

    Numbers compare with numbers, booleans with true, false, yes, no, 1 and 0, dates with ISO dates, anything else as text.

    Raises:
        SettingsError: a value is not of the column's kind, or text is to be put in an order.
    """
    known: NDArray[np.bool_] = column.notna().to_numpy()
    if test.operator in ("missing", "present"):
        return known if test.operator == "present" else ~known
    if not known.any():
        return known  # nothing to compare with: the kind of an empty column means nothing
    typed = column[known].convert_dtypes()
    kind, convert = _kind(typed)
    values = [_converted(value, column, kind, convert) for value in test.values]
    if kind in ("text", "booleans") and test.operator in (*_ORDER, "between"):
        raise SettingsError(
            f"column {column.name!r} holds {_sample(column, kind)}, and {test.operator} needs numbers or dates: use == or in"
        )
    plain = typed.astype("str") if kind == "text" else typed
    if test.operator == "between":
        found = plain.between(*values)
    elif test.operator in _ORDER:
        found = _ORDER[test.operator](plain, values[0])
    else:
        found = plain.isin(values) ^ (test.operator == "!=")
    out = np.zeros(len(column), dtype=bool)
    out[known] = found.to_numpy(dtype=bool)
    return out


def _kind(typed: pd.Series) -> tuple[str, Callable[[str], Any]]:
    if pd.api.types.is_bool_dtype(typed):
        return "booleans", lambda text: _TRUTH[text.lower()]
    if pd.api.types.is_numeric_dtype(typed):
        return "numbers", float
    if pd.api.types.is_datetime64_any_dtype(typed):
        return "dates", lambda text: pd.Timestamp(text, tz=typed.dt.tz)
    return "text", str


def _converted(value: str, column: pd.Series, kind: str, convert: Callable[[str], Any]) -> Any:
    try:
        return convert(value)
    except (ValueError, KeyError):
        raise SettingsError(
            f"column {column.name!r} holds {_sample(column, kind)}, got {value!r}: compare it with {_EXAMPLE[kind]}"
        ) from None


_EXAMPLE = {"booleans": "true or false", "numbers": "a number", "dates": "a date such as 2024-05-31"}


def _sample(column: pd.Series, kind: str) -> str:
    seen = [value if isinstance(value, str) else str(value) for value in column.dropna().unique()[:3]]
    return f"{kind} ({', '.join(seen)}, ...)"


def quoted_value(word: str) -> str:
    """Returns the word as it stands in a rule: in quotes when it holds signs or is a word of the language."""
    plain = re.fullmatch(r"(?:(?!->)[^\s\"'<>=!~|])+", word) is not None and word not in _RESERVED
    return word if plain else f"'{word}'" if '"' in word else f'"{word}"'

"""Compares a caller's keys with those of a vocabulary, exactly as they were given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.errors import DataError

LISTED = 5  # keys that a message names


def listed_keys(keys: Any, what: str = "keys") -> Any:
    """Returns the keys as something with a length; TypeError for one text or number where several keys are meant."""
    if isinstance(keys, str | bytes | int | float) or not isinstance(keys, Iterable):
        raise TypeError(f"{what} must be a list of keys, got {keys!r}: write [{keys!r}]")
    return keys if isinstance(keys, np.ndarray | pd.Index | pd.Series) else list(keys)


def comparable(keys: Any, *, integer: bool) -> pd.Index:
    """Returns the keys in the type of a vocabulary; what cannot be one of its keys becomes a key that is never there.

    A vocabulary of text takes text, exactly as it is. A vocabulary of integers takes integers, and text that is an integer's canonical
    spelling: "7", but none of "07", "+7", " 7" and "1_0". A boolean, a float and bytes are never a key.

    Args:
        keys: array, index, series or list.
        integer: the kind of the vocabulary.
    """
    if isinstance(keys, np.ndarray | pd.Index | pd.Series):
        if integer and pd.api.types.is_integer_dtype(keys.dtype):
            return pd.Index(keys)
        if not integer and isinstance(keys.dtype, pd.StringDtype):
            return pd.Index(keys)
    if integer:
        return pd.Index([_whole(key) for key in keys], dtype=object)
    return pd.Index([key if isinstance(key, str) else None for key in keys], dtype="str")


def refuse_unknown(keys: Sequence[Any], codes: NDArray[np.int64], what: str) -> None:
    """Raises DataError when a key has the code -1; the message counts them and lists the first."""
    unknown = [key for key, code in zip(keys, codes.tolist(), strict=True) if code < 0]
    if unknown:
        raise DataError(
            f"{len(unknown)} of {len(keys)} {what} keys are not in the data, the first {_spelled(unknown)}: give keys as they stand in the "
            f"{what} column; a key is compared as it is, with no space, sign or leading zero taken away"
        )


def refuse_two_spellings(keys: Sequence[Any], codes: NDArray[np.int64], what: str) -> None:
    """Raises DataError when two keys of different spelling, such as 7 and "7", are one user or item."""
    first: dict[int, Any] = {}
    for key, code in zip(keys, codes.tolist(), strict=True):
        other = first.setdefault(code, key)
        if code >= 0 and (isinstance(other, str) != isinstance(key, str) or str(other) != str(key)):
            raise DataError(f"{_spelled([other])} and {_spelled([key])} are one {what} in two spellings: name each {what} in one")


def _whole(key: Any) -> int | None:
    if isinstance(key, str):
        return int(key) if _canonical(key) else None
    return int(key) if isinstance(key, int | np.integer) and not isinstance(key, bool | np.bool_) else None


def _canonical(text: str) -> bool:
    digits = text.removeprefix("-")
    return len(text) <= 20 and digits.isascii() and digits.isdigit() and str(int(text)) == text


def _spelled(keys: Sequence[Any]) -> str:
    return ", ".join(repr(key.item() if isinstance(key, np.generic) else key) for key in keys[:LISTED])

"""Vocabulary: the customer's own keys, in the order of their codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.data.keys import comparable, listed_keys, refuse_two_spellings, refuse_unknown
from r2u_rec.errors import DataError

_EMPTY_INT = np.iinfo(np.int64).min  # slot c of an integer vocabulary holds _EMPTY_INT + c once its key is forgotten
_EMPTY_TEXT = "\x00forgotten "  # slot c of a text vocabulary holds this + str(c); no reader lets such a key in


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Keys by code, and codes by key. It grows by `extended`, and never shrinks: a forgotten key leaves an empty slot.

    Attributes:
        keys: pandas Index, int64 or str, unique; position = code.
        empty: frozenset of codes whose key was forgotten; `keys` holds no trace of it (a placeholder stands there).
    """

    keys: pd.Index
    empty: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not self.keys.is_unique:
            twice = self.keys[self.keys.duplicated()]
            raise DataError(
                f"keys of a vocabulary must be unique, got {len(twice)} repeats, the first {twice.tolist()[0]!r}: pass each key once"
            )

    @classmethod
    def of(cls, keys: Iterable[Any]) -> Self:
        """Returns the vocabulary of unique `keys` in the order given: all integers, or all text; DataError for a mixture."""
        values = keys if isinstance(keys, np.ndarray | pd.Index) else list(keys)
        index = pd.Index(values)
        if len(index) == 0:
            return cls(pd.Index(np.empty(0, dtype=np.int64)))
        if pd.api.types.is_integer_dtype(index.dtype):
            return cls(index.astype(np.int64))
        strange = [key for key in index if not isinstance(key, str)]
        if strange:
            kinds = sorted({type(key).__name__ for key in index})
            raise DataError(
                f"keys must be all integers or all text, got {', '.join(kinds)}, for example {strange[0]!r}: convert them to one type"
            )
        return cls(index.astype("str"))

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: Any) -> bool:
        return self.code(key) is not None

    @property
    def is_integer(self) -> bool:
        """Whether the keys are integers; otherwise they are text."""
        return bool(pd.api.types.is_integer_dtype(self.keys.dtype))

    def code(self, key: Any) -> int | None:
        """Returns the code of `key`, or None when it is not known (any more)."""
        code = int(self.codes([key])[0])
        return None if code < 0 else code

    def codes(self, keys: Iterable[Any]) -> NDArray[np.int64]:
        """Returns (n,) int64 codes, -1 where a key is unknown (or forgotten). Keys are compared as `keys.comparable` says: as given.

        Raises:
            TypeError: one text or number was given in place of a list.
        """
        at: NDArray[np.int64] = self.keys.get_indexer(comparable(listed_keys(keys), integer=self.is_integer)).astype(np.int64)
        if self.empty:
            at[np.isin(at, np.fromiter(self.empty, np.int64))] = -1
        return at

    def known_codes(self, keys: Iterable[Any], what: str = "user") -> NDArray[np.int64]:
        """Returns (n,) int64 the codes of keys that all must be known, in their order; for requests that concern exactly who is named.

        Args:
            what: one key in words, for messages: "user" or "item".

        Raises:
            DataError: a key is unknown (or forgotten), or one user or item is named in two spellings, such as 7 and "7".
            TypeError: one text or number was given in place of a list.
        """
        given = listed_keys(keys, f"{what} keys")
        codes = self.codes(given)
        refuse_unknown(list(given), codes, what)
        refuse_two_spellings(list(given), codes, what)
        return codes

    def key(self, code: int) -> Any:
        """Returns the key of `code`; KeyError when it was forgotten, IndexError when there is no such code."""
        code = int(code)
        if not 0 <= code < len(self.keys):
            raise IndexError(f"code must lie in 0..{len(self.keys) - 1}, got {code}")
        if code in self.empty:
            raise KeyError(f"the key of code {code} was forgotten")
        value = self.keys[code]
        return int(value) if isinstance(value, np.integer) else value

    def without(self, codes: Iterable[int]) -> Self:
        """Returns the vocabulary in which the keys of `codes` are forgotten; their slots stay, anonymous and empty."""
        gone = np.unique(np.asarray(list(codes), dtype=np.int64))
        if gone.size == 0:
            return self
        if gone[0] < 0 or gone[-1] >= len(self.keys):
            raise IndexError(f"codes must lie in 0..{len(self.keys) - 1}, got {gone[0]}..{gone[-1]}")
        values = self.keys.array.copy()
        values[gone] = _EMPTY_INT + gone if self.is_integer else [f"{_EMPTY_TEXT}{code}" for code in gone]
        left = object.__new__(type(self))  # placeholders are unique by their codes: the check would read every key at every request
        object.__setattr__(left, "keys", pd.Index(values, dtype=self.keys.dtype))
        object.__setattr__(left, "empty", self.empty | frozenset(gone.tolist()))
        return left

    def extended(self, keys: Iterable[Any]) -> Self:
        """Returns the vocabulary with the unknown ones of `keys` appended, in ascending order; existing codes never change.

        A key that was forgotten is unknown: it comes back under a new code. DataError when the kind of key differs.
        """
        other = type(self).of(keys)
        if len(other) == 0:
            return self
        if len(self) and other.is_integer != self.is_integer:
            kinds = ("integers", "text") if self.is_integer else ("text", "integers")
            raise DataError(f"known keys are {kinds[0]}, new keys are {kinds[1]}, for example {other.key(0)!r}: convert them to {kinds[0]}")
        new = np.sort(other.keys[self.keys.get_indexer(other.keys) < 0].to_numpy()) if len(self) else np.sort(other.keys.to_numpy())
        if len(new) == 0:
            return self
        joined = np.concatenate([self.keys.to_numpy(), new]) if len(self) else new
        return type(self)(pd.Index(joined, dtype=other.keys.dtype), self.empty)

"""Vocabulary: the customer's own keys, in the order of their codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Keys by code, and codes by key. It grows by `extended`, and never shrinks: a forgotten key leaves an empty slot.

    Attributes:
        keys: pandas Index, int64 or str; position = code.
        empty: frozenset of codes whose key was forgotten; `keys` holds no trace of it (a placeholder stands there).
    """

    keys: pd.Index
    empty: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.keys)

    def __contains__(self, key: Any) -> bool:
        return self.code(key) is not None

    def code(self, key: Any) -> int | None:
        """Returns the code of `key`, or None when it is not known (any more)."""
        key = self._as_key(key)
        if key is None or key not in self.keys:
            return None
        at = self.keys.get_loc(key)
        return None if at in self.empty else int(at)

    def codes(self, keys: Iterable[Any]) -> np.ndarray:
        """Returns (n,) int64 codes, -1 where a key is unknown."""
        wanted = [self._as_key(key) for key in keys]
        at = np.array([-1 if k is None else self.keys.get_indexer([k])[0] for k in wanted], dtype=np.int64)
        if self.empty:
            at[np.isin(at, list(self.empty))] = -1
        return at

    def key(self, code: int) -> Any:
        """Returns the key of `code`; KeyError when it was forgotten."""
        if int(code) in self.empty:
            raise KeyError(f"the key of code {code} was forgotten")
        value = self.keys[int(code)]
        return int(value) if isinstance(value, np.integer) else value

    def _as_key(self, key: Any) -> Any:
        if pd.api.types.is_integer_dtype(self.keys.dtype):
            try:
                return int(key)
            except (TypeError, ValueError):
                return None
        return str(key)

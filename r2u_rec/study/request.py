"""StudyRequest: who asks to be erased together, and users like them who were never trained on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class StudyRequest:
    """One request of an experiment.

    Attributes:
        name: such as "core 5 %".
        forget: (n_f,) codes of the users who ask, ascending.
        holdout: (n_h,) codes of users drawn from the same range who are never trained on, ascending; by them the outcome is judged.
    """

    name: str
    forget: Codes
    holdout: Codes


def hash_of(numbers: NDArray[Any]) -> str:
    """Returns 16 hex digits of the sha256 over the numbers as int64: of record ids, or of user codes."""
    return hashlib.sha256(np.ascontiguousarray(numbers, dtype=np.int64).tobytes()).hexdigest()[:16]

"""What several seeds say together: paired tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats


@dataclass(frozen=True)
class PairedTest:
    """A paired test of two settings on the same seeds (or users).

    Attributes:
        n: pairs. difference: mean of a - b. sd: standard deviation of the differences.
        statistic, p_value: of the two-sided test. test: its name.
    """

    n: int
    difference: float
    sd: float
    statistic: float
    p_value: float
    test: str

    def __str__(self) -> str:
        return f"{self.difference:+.4f} +- {self.sd:.4f} (n = {self.n}, {self.test}, p = {self.p_value:.3g})"


def paired_test(a: ArrayLike, b: ArrayLike, test: Literal["t", "wilcoxon"] = "t") -> PairedTest:
    """Returns the paired test of a - b; a[i] and b[i] must be of the same seed or user.

    Wilcoxon cannot give p below 2 / 2^n: with five seeds never below .0625. Use t for seeds, either for users.

    Raises:
        ValueError: unequal lengths, fewer than two pairs, values that are not finite, or an unknown test.
    """
    a, b = _finite(a), _finite(b)
    if len(a) != len(b):
        raise ValueError(f"a paired test needs equally many values, got {len(a)} and {len(b)}: pair them by seed")
    if len(a) < 2:
        raise ValueError(f"a paired test needs at least 2 pairs, got {len(a)}: run more seeds")
    if test not in ("t", "wilcoxon"):
        raise ValueError(f'test must be "t" or "wilcoxon", got {test!r}')
    difference = a - b
    if not difference.any():
        statistic, p_value = 0.0, 1.0
    else:
        outcome = stats.ttest_rel(a, b) if test == "t" else stats.wilcoxon(difference)
        statistic, p_value = float(outcome.statistic), float(outcome.pvalue)
    name = "paired t" if test == "t" else "Wilcoxon"
    return PairedTest(len(a), float(difference.mean()), float(difference.std(ddof=1)), statistic, p_value, name)


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(values, dtype=np.float64).ravel()
    if values.size == 0:
        raise ValueError("there is no value to compare: run at least one seed")
    if not np.isfinite(values).all():
        raise ValueError(f"{(~np.isfinite(values)).sum()} of {values.size} values are not finite: leave out failed runs and say so")
    return np.asarray(values)

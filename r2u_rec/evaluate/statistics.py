"""What several seeds say together: mean, spread, confidence, paired tests, correction for many comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True)
class Summary:
    """Figures of one setting over n seeds (or users).

    Attributes:
        n: how many values. mean, median, lowest, highest: of the values, in their unit.
        sd: standard deviation with n - 1; NaN for a single value.
        low, high: bootstrap confidence interval of the mean; NaN for a single value.
    """

    n: int
    mean: float
    sd: float
    median: float
    lowest: float
    highest: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} (n = 1)" if self.n == 1 else f"{self.mean:.4f} +- {self.sd:.4f} (n = {self.n})"


@dataclass(frozen=True)
class Comparison:
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


def summarise(values: Any, *, confidence: float = 0.95, n_resamples: int = 2000, seed: int = 0) -> Summary:
    """Returns mean, spread and a percentile bootstrap interval of the mean.

    With few values the interval is too narrow (five seeds give about .85 instead of .95): read it beside n.

    Raises:
        ValueError: no value, a value that is not finite, or confidence outside (0, 1).
    """
    values = _finite(values)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1), got {confidence}")
    low = high = sd = float("nan")
    if len(values) > 1:
        sd = float(values.std(ddof=1))
        low = high = float(values.mean())
        if sd > 0:
            drawn = stats.bootstrap(
                (values,),
                np.mean,
                confidence_level=confidence,
                n_resamples=n_resamples,
                method="percentile",
                rng=np.random.default_rng(seed),
            )
            low, high = (float(v) for v in drawn.confidence_interval)
    return Summary(
        n=len(values),
        mean=float(values.mean()),
        sd=sd,
        median=float(np.median(values)),
        lowest=float(values.min()),
        highest=float(values.max()),
        low=low,
        high=high,
    )


def compare(a: Any, b: Any, test: Literal["t", "wilcoxon"] = "t") -> Comparison:
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
    return Comparison(len(a), float(difference.mean()), float(difference.std(ddof=1)), statistic, p_value, name)


def holm(p_values: Sequence[float]) -> NDArray[np.float64]:
    """Returns the p values corrected for that many comparisons (family-wise), in the order given.

    Raises:
        ValueError: a p value outside [0, 1].
    Source: Holm 1979.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.size and not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p values must lie in [0, 1], got {p.min()} to {p.max()}")
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1.0)
    return corrected


def _finite(values: Any) -> NDArray[np.float64]:
    values = np.asarray(values, dtype=np.float64).ravel()
    if values.size == 0:
        raise ValueError("there is no value to summarise: run at least one seed")
    if not np.isfinite(values).all():
        raise ValueError(f"{(~np.isfinite(values)).sum()} of {values.size} values are not finite: leave out failed runs and say so")
    return np.asarray(values)

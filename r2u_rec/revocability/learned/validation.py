"""How good probabilities of withdrawal are: calibration by bins, Brier score and skill, AUC, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from r2u_rec.roc import placements

Values = NDArray[np.float64]
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, eq=False)
class Validation:
    """Quality of a scorer at the last cut-off.

    Attributes:
        n, n_events: users, and those of them who withdrew.
        auc: probability that one who withdrew stands above one who did not; 0.5 by chance.
        brier: mean squared distance of probability and outcome.
        brier_skill: 1 - brier / brier of giving everyone the base rate of these very users; above 0 is better than that.
        table: see `calibration_table`.
    """

    n: int
    n_events: int
    auc: Estimate
    brier: Estimate
    brier_skill: Estimate
    table: pd.DataFrame

    @property
    def ranks(self) -> bool:
        """Whether the order of the users is better than chance: the interval of the AUC lies above 0.5."""
        return self.auc.low > 0.5

    @property
    def skilful(self) -> bool:
        """Whether the probabilities are better than the base rate for all: the interval of the Brier skill lies above 0."""
        return self.brier_skill.low > 0

    def words(self) -> str:
        """Returns the finding in one or two sentences."""
        rate = f"{self.n_events} of {self.n} users ({self.n_events / self.n:.1%}) withdrew"
        figures = f"AUC {self.auc}, Brier score {self.brier.value:.4f}, skill against the base rate {self.brier_skill}"
        if not self.ranks:
            return f"{rate}; {figures}. NO SKILL: the order of the users is not better than chance; do not choose by these scores."
        if not self.skilful:
            return f"{rate}; {figures}. The order is better than chance; the probabilities are not shown to beat the base rate."
        return f"{rate}; {figures}."


def validate(probability: Values, withdrew: NDArray[np.bool_], *, n_bootstrap: int, rng: np.random.Generator) -> Validation:
    """Returns the figures of (n,) probabilities against (n,) outcomes; intervals by drawing users anew, with the scorer as it is.

    The intervals do not hold what another training sample would have changed.
    """
    figures = _figures(probability, withdrew)
    drawn: list[tuple[float, float, float]] = []
    while len(drawn) < n_bootstrap:
        rows = rng.integers(0, len(withdrew), len(withdrew))
        if 0 < withdrew[rows].sum() < len(rows):
            drawn.append(_figures(probability[rows], withdrew[rows]))
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    auc, brier, skill = (Estimate(*map(float, each)) for each in zip(figures, low, high, strict=True))
    return Validation(len(withdrew), int(withdrew.sum()), auc, brier, skill, calibration_table(probability, withdrew))


def calibration_table(probability: Values, withdrew: NDArray[np.bool_], *, n_bins: int = 10) -> pd.DataFrame:
    """Returns one row a bin of about equally many users, in order of their probability.

    Columns: n, n_events; predicted (mean probability), observed (share who withdrew), low, high (95 % Wilson interval of it).
    Users of equal probability stay together, so that there may be fewer bins.
    """
    order = np.argsort(probability, kind="stable")
    ordered = probability[order]
    edges = {int(np.searchsorted(ordered, ordered[at])) for at in (len(ordered) * np.arange(1, n_bins)) // n_bins}
    parts = np.split(order, sorted(edges - {0}))
    rows = []
    for part in parts:
        share = wilson(int(withdrew[part].sum()), len(part))
        rows.append((len(part), int(withdrew[part].sum()), float(probability[part].mean()), share.value, share.low, share.high))
    return pd.DataFrame(rows, columns=["n", "n_events", "predicted", "observed", "low", "high"])


def wilson(k: int, n: int) -> Estimate:
    """Returns the share k / n with its 95 % Wilson interval; NaN and (0, 1) when n is 0."""
    if n == 0:
        return Estimate(float("nan"), 0.0, 1.0)
    interval = binomtest(k, n).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(k / n, float(interval.low), float(interval.high))


def _figures(probability: Values, withdrew: NDArray[np.bool_]) -> tuple[float, float, float]:
    """AUC, Brier score, Brier skill."""
    rate = float(withdrew.mean())
    brier = float(((probability - withdrew) ** 2).mean())
    return float(placements(probability[withdrew], probability[~withdrew]).mean()), brier, 1 - brier / (rate * (1 - rate))

"""From features to a calibrated probability: scaling, the classifier and the calibration, each a frozen record of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from r2u_rec.errors import DataError
from r2u_rec.revocability.scorers.ranks import rank_shares

Values: TypeAlias = NDArray[np.float64]
ScaleKind: TypeAlias = Literal["ranks", "standardised"]
ModelKind: TypeAlias = Literal["logistic", "boosting"]
CalibrationKind: TypeAlias = Literal["sigmoid", "isotonic"]


@dataclass(frozen=True, eq=False)
class Scale:
    """How a frame of features becomes a matrix of mean 0 and standard deviation 1; a missing value becomes 0, the middle.

    Attributes:
        kind: ranks: each column as its rank share among the users of its own cut-off; standardised: by `mean` and `sd`.
        names: the columns.
        mean, sd: (k,) of the training rows, or of a uniform rank share.
    """

    kind: str
    names: tuple[str, ...]
    mean: Values
    sd: Values

    def matrix(self, frame: pd.DataFrame) -> Values:
        """Returns (n, k); DataError when a column is missing."""
        lacking = [name for name in self.names if name not in frame.columns]
        if lacking:
            there = ", ".join(map(str, frame.columns))
            raise DataError(
                f"the features lack {', '.join(lacking)}, which the scorer has learned from; there are {there}: "
                "give data of the same kind, or learn again from this one"
            )
        values = frame[list(self.names)].to_numpy(dtype=np.float64, na_value=np.nan)
        if self.kind == "ranks":
            values = np.column_stack([rank_shares(column) for column in values.T])
        standardised: NDArray[np.float64] = np.nan_to_num((values - self.mean) / self.sd, nan=0.0, posinf=0.0, neginf=0.0)
        return standardised


def fitted_scale(frames: list[pd.DataFrame], names: tuple[str, ...], kind: ScaleKind) -> Scale:
    """Returns the scale of the training rows' frames."""
    if kind == "ranks":  # a rank share is uniform on (0, 1)
        return Scale(kind, names, np.full(len(names), 0.5), np.full(len(names), np.sqrt(1 / 12)))
    together = pd.concat([frame[list(names)] for frame in frames]).to_numpy(dtype=np.float64, na_value=np.nan)
    together = np.ma.masked_invalid(together)
    sd = np.ma.filled(together.std(axis=0), 0.0)
    return Scale(kind, names, np.ma.filled(together.mean(axis=0), 0.0), np.where(sd > 0, sd, 1.0))


@dataclass(frozen=True, eq=False)
class Linear:
    """A logistic regression.

    Attributes:
        coefficients: (k,) on the scaled features.
        intercept: log odds where all of them are 0.
    """

    coefficients: Values
    intercept: float

    def log_odds(self, x: Values) -> Values:
        return x @ self.coefficients + self.intercept


@dataclass(frozen=True, eq=False)
class Boosted:
    """Gradient boosted trees; they live in memory only."""

    trees: Any

    def log_odds(self, x: Values) -> Values:
        return np.asarray(self.trees.decision_function(x), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Calibration:
    """From the classifier's log odds to a probability, never falling.

    Attributes:
        kind: sigmoid: x = (slope,), y = (intercept,); isotonic: (m,) knots, straight between them and level outside.
    """

    kind: str
    x: Values
    y: Values

    def probability(self, log_odds: Values) -> Values:
        """Returns (n,) in [0, 1]."""
        if self.kind == "sigmoid":
            return np.asarray(expit(self.x[0] * log_odds + self.y[0]))
        return np.interp(log_odds, self.x, self.y)


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A classifier and its calibration."""

    classifier: Linear | Boosted
    calibration: Calibration

    def probability(self, x: Values) -> Values:
        """Returns (n,) the probability of a withdrawal within the horizon."""
        return self.calibration.probability(self.classifier.log_odds(x))


def fit_classifier(x: Values, withdrew: NDArray[np.bool_], *, kind: ModelKind, seed: int, weight: Values | None = None) -> Linear | Boosted:
    """Returns the classifier of (n, k) scaled features; `weight` (n,) counts each row so many times.

    Logistic: L2 of strength 1 on the coefficients. Boosting: 60 trees of depth 3, each weighing 0.05, at least 20 rows a leaf.
    """
    if kind == "boosting":
        trees = HistGradientBoostingClassifier(max_depth=3, learning_rate=0.05, max_iter=60, early_stopping=False, random_state=seed)
        return Boosted(trees.fit(x, withdrew, sample_weight=weight))
    line = LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=200).fit(x, withdrew, sample_weight=weight)
    return Linear(line.coef_[0].astype(np.float64), float(line.intercept_[0]))


def fit_calibration(log_odds: Values, withdrew: NDArray[np.bool_], *, kind: CalibrationKind, weight: Values | None = None) -> Calibration:
    """Returns the calibration of (n,) log odds of rows that the classifier has not seen.

    A sigmoid that would fall is made level at the base rate: then the classifier ranks nobody.

    Source: Platt 1999, with its softened targets.
    """
    if kind == "isotonic":
        stairs = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        stairs.fit(log_odds, withdrew.astype(np.float64), sample_weight=weight)
        return Calibration(kind, np.asarray(stairs.X_thresholds_, np.float64), np.asarray(stairs.y_thresholds_, np.float64))
    times = np.ones(len(log_odds)) if weight is None else weight
    n_left, n_stayed = float(times[withdrew].sum()), float(times[~withdrew].sum())
    target = np.where(withdrew, (n_left + 1) / (n_left + 2), 1 / (n_stayed + 2))  # keeps the slope finite when the two do not overlap
    outcome = np.repeat([True, False], len(log_odds))
    line = LogisticRegression(C=np.inf, solver="newton-cholesky", max_iter=200)
    line.fit(np.tile(log_odds, 2)[:, None], outcome, sample_weight=np.concatenate([times * target, times * (1 - target)]))
    slope, intercept = float(line.coef_[0, 0]), float(line.intercept_[0])
    if slope < 0:
        rate = n_left / (n_left + n_stayed)
        slope, intercept = 0.0, float(np.log(rate / (1 - rate)))
    return Calibration(kind, np.array([slope]), np.array([intercept]))

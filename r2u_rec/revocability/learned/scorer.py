"""A scorer that has learned from past withdrawals: the calibrated probability that a user withdraws within a horizon."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability.featurize.history import times_of
from r2u_rec.revocability.featurize.table import FeatureSettings
from r2u_rec.revocability.featurize.table import features as feature_table
from r2u_rec.revocability.learned.erasures import Erasures
from r2u_rec.revocability.learned.labels import Cutoffs, Features, Rows, cutoffs, rows_at
from r2u_rec.revocability.learned.validation import CONFIDENCE, Validation, validate
from r2u_rec.revocability.learned.withdrawal_model import (
    Calibrated,
    CalibrationKind,
    Linear,
    ModelKind,
    Scale,
    ScaleKind,
    fit_calibration,
    fit_classifier,
    fitted_scale,
)
from r2u_rec.revocability.scorers.registry import Scorer
from r2u_rec.rng import stream

MAX_BOOSTED_REFITS = 30


@dataclass(frozen=True)
class LearnedSettings:
    """How a scorer learns.

    Attributes:
        horizon_days: a request within so many days counts.
        n_training: cut-offs to learn from, a horizon apart, as many as the log has room for.
        model: logistic regression, or gradient boosting (not to be saved).
        scale: of the features: ranks among the users of a cut-off, or standardised values.
        calibration: sigmoid needs few withdrawals; isotonic takes any rising shape and makes ties.
        n_bootstrap: draws of users behind every interval; at most 30 of them refit boosted trees, which are slow.
        seed: of the draws and the trees.
        min_training_events, min_validation_events: fewer withdrawals are refused; calibration needs as many as validation.
    """

    horizon_days: float = 30.0
    n_training: int = 4
    model: ModelKind = "logistic"
    scale: ScaleKind = "ranks"
    calibration: CalibrationKind = "sigmoid"
    n_bootstrap: int = 200
    seed: int = 0
    min_training_events: int = 50
    min_validation_events: int = 20

    def __post_init__(self) -> None:
        for name, kinds in (("model", ModelKind), ("scale", ScaleKind), ("calibration", CalibrationKind)):
            if getattr(self, name) not in get_args(kinds):
                raise SettingsError(f"{name} must be {' or '.join(get_args(kinds))}, got {getattr(self, name)!r}")
        for name, least in (("n_bootstrap", 2), ("min_training_events", 1), ("min_validation_events", 1)):
            if getattr(self, name) < least:
                raise SettingsError(f"{name} must be >= {least}, got {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class Learned:
    """A fitted scorer with its validation.

    Attributes:
        settings: how it learned.
        cutoffs: when.
        n_training, n_events: rows of the training cut-offs, and withdrawals among them.
        scale: of the features.
        fit: the scorer.
        refits: the same on users drawn anew, for intervals.
        validation: of `fit` at the last cut-off, which it has not seen.
    """

    settings: LearnedSettings
    cutoffs: Cutoffs
    n_training: int
    n_events: int
    scale: Scale
    fit: Calibrated
    refits: tuple[Calibrated, ...]
    validation: Validation

    def probabilities(self, rows: Rows) -> pd.DataFrame:
        """Returns probability, low and high (95 % interval over refits) a user code; NaN for users without records or withdrawn.

        The interval says what another draw of users would have given; a change of behaviour since the past is not in it.

        Args:
            rows: `rows_at` the time from which the horizon counts, by the same features that it has learned from.

        Raises:
            DataError: the features lack a column it has learned from.
        """
        x = self.scale.matrix(rows.features)
        again = np.array([refit.probability(x) for refit in self.refits])
        low, high = np.quantile(again, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
        out = np.full((rows.n_users, 3), np.nan)
        out[rows.users] = np.column_stack([self.fit.probability(x), low, high])
        return pd.DataFrame(out, columns=["probability", "low", "high"], index=pd.RangeIndex(rows.n_users, name="user"))

    def effects(self, rows: Rows, code: int) -> dict[str, float]:
        """Returns what each feature adds to a user's log odds against the middle of all users, before calibration; empty for boosting."""
        if not isinstance(self.fit.classifier, Linear):
            return {}
        x = self.scale.matrix(rows.features)[np.searchsorted(rows.users, code)]
        return dict(zip(self.scale.names, (x * self.fit.classifier.coefficients).tolist(), strict=True))

    def weights(self) -> pd.DataFrame:
        """Returns each feature's coefficient with its interval, the weightiest first; empty for boosting.

        In log odds a standard deviation of the scaled feature, before calibration. Features go together: it is not a cause.
        """
        if not isinstance(self.fit.classifier, Linear):
            return pd.DataFrame(columns=["feature", "weight", "low", "high"])
        again = [refit.classifier.coefficients for refit in self.refits if isinstance(refit.classifier, Linear)]
        low, high = np.quantile(again, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
        frame = pd.DataFrame({"feature": self.scale.names, "weight": self.fit.classifier.coefficients, "low": low, "high": high})
        return frame.sort_values("weight", key=np.abs, ascending=False, kind="stable", ignore_index=True)


def timed(settings: FeatureSettings | None = None, *, only: Collection[str] | None = None) -> Features:
    """Returns `features` of the package as a function of a log and the time from which it looks back; `only` these columns."""
    return lambda log, now: feature_table(log, replace(settings or FeatureSettings(), now=now), only=only)


def learn(
    log: InteractionLog, erasures: Erasures, *, features: Features, settings: LearnedSettings | None = None, until: int | None = None
) -> Learned:
    """Fits, calibrates and validates a scorer on past withdrawals, each role at a time of its own.

    The last cut-off validates, the one before calibrates, up to `n_training` before that train; a label window ends before
    the next role begins, features see only records until their cut-off, and users who have withdrawn are excluded.

    Args:
        log: with a time column, and with the records of withdrawn users from before their withdrawal. Where these were erased, as they must
            be, nothing can be learned from them: keep consent withdrawals, or tables of features made at the time.
        erasures: past requests.
        features: `timed()`, or any function of a log and a time.
        settings: how; the defaults when None.
        until: requests are known up to this time; by default the last time in log or erasures.

    Returns:
        the scorer; `validation.words()` says whether it has shown any skill.

    Where it fails: it repeats the past. A new reason to withdraw, another law or another public, is not in it.

    Raises:
        DataError: too few withdrawals in one of the roles, too short a log, or no features.
        SettingsError: horizon_days or n_training is out of range.
    """
    s = settings or LearnedSettings()
    time = times_of(log)
    until = max([int(time.max()), *erasures.time.tolist()]) if until is None else until
    when = cutoffs(int(time.min()), until, horizon_days=s.horizon_days, n_training=s.n_training)
    at = (*when.training, when.calibration, when.validation)
    _refuse_few([rows_at(log, erasures, t, horizon_days=s.horizon_days, features=_nothing) for t in at], log, erasures, s)
    *training, calibration, validation = (rows_at(log, erasures, t, horizon_days=s.horizon_days, features=features) for t in at)
    names = tuple(name for name in training[0].features.columns if all(name in rows.features for rows in [*training, calibration]))
    if not names:
        raise DataError("the features have no column in common at all cut-offs: there is nothing to learn from")
    scale = fitted_scale([rows.features for rows in training], names, s.scale)
    x, y = np.concatenate([scale.matrix(rows.features) for rows in training]), np.concatenate([rows.withdrew for rows in training])
    user = np.concatenate([rows.users for rows in training])
    x_calibration = scale.matrix(calibration.features)

    def fitted(times: NDArray[np.float64]) -> Calibrated:
        """Fits with each user counted so many times."""
        classifier = fit_classifier(x, y, kind=s.model, seed=s.seed, weight=times[user])
        odds, weight = classifier.log_odds(x_calibration), times[calibration.users]
        return Calibrated(classifier, fit_calibration(odds, calibration.withdrew, kind=s.calibration, weight=weight))

    there, rng = np.union1d(user, calibration.users), stream(s.seed, "learned")
    n_refits = min(s.n_bootstrap, MAX_BOOSTED_REFITS) if s.model == "boosting" else s.n_bootstrap
    drawn = (np.bincount(rng.choice(there, len(there)), minlength=log.n_users).astype(np.float64) for _ in range(n_refits))
    refits = [fitted(t) for t in drawn if _both(y, t[user]) and _both(calibration.withdrew, t[calibration.users])]
    fit = fitted(np.ones(log.n_users))
    p = fit.probability(scale.matrix(validation.features))
    found = validate(p, validation.withdrew, n_bootstrap=s.n_bootstrap, rng=stream(s.seed, "validation"))
    return Learned(s, when, len(y), int(y.sum()), scale, fit, tuple(refits), found)


def _both(withdrew: NDArray[np.bool_], times: NDArray[np.float64]) -> bool:
    """Whether both outcomes are among users counted so many times."""
    return bool(times[withdrew].any() and times[~withdrew].any())


def _nothing(log: InteractionLog, now: int) -> pd.DataFrame:
    """No features: labels are counted before anything slow."""
    return pd.DataFrame(index=pd.RangeIndex(log.n_users))


def _refuse_few(rows: list[Rows], log: InteractionLog, erasures: Erasures, s: LearnedSettings) -> None:
    """DataError when a role has too few withdrawals, or no remaining user; the last two rows calibrate and validate."""
    roles = (rows[:-2], rows[-2:-1], rows[-1:])
    events = [sum(int(each.withdrew.sum()) for each in part) for part in roles]
    stayed = [sum(int((~each.withdrew).sum()) for each in part) for part in roles]
    least = (s.min_training_events, s.min_validation_events, s.min_validation_events)
    if all(n >= bound for n, bound in zip(events, least, strict=True)) and min(stayed) > 0:
        return
    unknown = int((log.user_keys.codes(erasures.keys) < 0).sum())
    counts = "; ".join(
        f"{name}: {n} of {n + others} rows withdrew, at least {bound} are needed, and one who stayed"
        for name, n, others, bound in zip(("training", "calibration", "validation"), events, stayed, least, strict=True)
    )
    raise DataError(
        f"the past holds too little to learn from ({counts}). Of {len(erasures)} past erasures, {unknown} are of users without records in "
        f"the log. What would help: a longer horizon_days (now {s.horizon_days:g}), more training cut-offs (now {s.n_training}), a longer "
        "past, records from before the erasures. A behavioural scorer such as blend, and rules, need no past"
    )


LEARNED = Scorer(
    name="learned",
    function=learn,
    columns=(),
    formula="P(request within horizon_days) = calibrated(logistic regression, or boosted trees, of the rank shares of the feature table)",
    source="past withdrawals; calibration: Platt 1999 (sigmoid), Zadrozny and Elkan 2002 (isotonic)",
    unit="probability",
    range="[0, 1]",
    sign=1,
    correlates="whatever went with withdrawals in the past",
    fails="it repeats the past: a new reason to withdraw or another law is not in it; without skill at validation its order means nothing",
    needs=("time", "erasures"),
)
"""Description of this scorer, outside the registry because it needs past erasures."""

"""Canaries: they set the length of a forgetting step at release time, without any retrained model.

At release the removal of about a hundred trained users (the canaries) is simulated. The step length at which their
mean fold-in AUC equals the mean expected of never-trained users is kept for the requests to come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import brentq
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.imprint import FoldIn, FoldInProbe, FoldsIn
from r2u_rec.evaluate.length.proxies import item_neighbours, item_regression

MIN_CALIBRATION_USERS = 20

Shown = Literal["fold-in", "own loss"]
"""The evidence that a user is remembered: the fold-in AUC, or the negative loss of the user's own history."""


def evidence_of(found: FoldIn, evidence: Shown) -> NDArray[np.float64]:
    """Returns (n,) the evidence of each user, higher for users who are remembered."""
    return found.fa if evidence == "fold-in" else -found.own_loss


@dataclass(frozen=True, eq=False)
class Expected:
    """The fold-in AUC that canaries would have if they had never been trained on.

    Attributes:
        auc: (n,) expected AUC of each canary, the bias already subtracted.
        bias: mean of observed minus predicted over never-trained users, each predicted by a regression that did not see
            them and weighted by how canary-like they are; it was added to `auc`.
        bias_se: its standard error.
        r2: share of the variance among never-trained users that the cross-fitted regression explains; may be negative.
        n_calibration_users: never-trained users the regression stands on.
    """

    auc: NDArray[np.float64]
    bias: float
    bias_se: float
    r2: float
    n_calibration_users: int


class Expectation:
    """Predicts the fold-in AUC that canaries would have under a model if they had never been trained on.

    A ridge regression on never-trained users learns their AUC under the model from the log length of the
    history, the mean and spread of the log popularity of its items, and how well two cheap models, item neighbours and
    an item regression, rank one half from the other. Popularity and cheap models are those of the training data at release
    without the canaries, so that canaries are comparable to never-trained users. The remaining bias is estimated by
    cross-fitting and subtracted.
    """

    def __init__(
        self, canaries: FoldInProbe, calibration_users: FoldInProbe, training: sparse.csr_array, *, ridge: float = 1.0, seed: int
    ) -> None:
        """Computes the features of both groups.

        Args:
            canaries: probe of trained users whose removal is simulated.
            calibration_users: probe of users never trained on, of the same range of history lengths.
            training: (n_users, n_items) CSR of what the released model was trained on.
            ridge: penalty on the coefficients of standardised features.
            seed: of the cross-fitting folds.

        Raises:
            EvidenceError: fewer than 20 never-trained users, or one of them occurs in the training data.
        """
        if len(calibration_users) < MIN_CALIBRATION_USERS:
            raise EvidenceError(
                f"the regression needs at least {MIN_CALIBRATION_USERS} never-trained users, got {len(calibration_users)}: hold out more "
                "users"
            )
        trained = np.diff(training.indptr)[calibration_users.users] > 0
        if trained.any():
            first = calibration_users.users[trained][0]
            raise EvidenceError(
                f"{trained.sum()} of {len(calibration_users)} never-trained users occur in the training data, the first {first}: "
                "give the log that the released model was trained on, and users outside it"
            )
        kept = np.ones(training.shape[0])
        kept[canaries.users] = 0
        without = sparse.csr_array(sparse.diags_array(kept) @ training)
        without.eliminate_zeros()
        proxies: list[FoldsIn] = [item_neighbours(without), item_regression(without)]
        item_counts = np.asarray(without.sum(axis=0)).ravel()
        self._calibration_users = calibration_users
        self._of_calibration, self._of_canaries = (_features(probe, proxies, item_counts) for probe in (calibration_users, canaries))
        self._weights = _likeness(self._of_calibration, self._of_canaries)
        self._folds = KFold(10, shuffle=True, random_state=seed)
        self._regression = make_pipeline(StandardScaler(), Ridge(alpha=ridge))

    def under(self, model: FoldsIn, evidence: Shown = "fold-in") -> Expected:
        """Returns the evidence expected of each canary under `model`, from that of the never-trained users."""
        observed = evidence_of(self._calibration_users.measure(model), evidence)
        residuals = observed - cross_val_predict(self._regression, self._of_calibration, observed, cv=self._folds)
        bias = float(self._weights @ residuals)
        auc = self._regression.fit(self._of_calibration, observed).predict(self._of_canaries) + bias
        return Expected(
            auc=np.clip(auc, 0.0, 1.0) if evidence == "fold-in" else auc,
            bias=bias,
            bias_se=float(np.sqrt(np.square(self._weights * (residuals - bias)).sum())),
            r2=float(1 - residuals.var() / max(observed.var(), 1e-12)),
            n_calibration_users=len(observed),
        )


def _features(probe: FoldInProbe, proxies: Sequence[FoldsIn], item_counts: NDArray[Any]) -> NDArray[np.float64]:
    """Returns (n, 3 + n_proxies): log length, mean and spread of log popularity, AUC of each proxy on the same halves."""
    histories, lengths = probe.histories, np.diff(probe.histories.indptr)
    log_popularity = np.log1p(item_counts)
    mean = (histories @ log_popularity) / lengths
    spread = np.sqrt(np.maximum((histories @ np.square(log_popularity)) / lengths - np.square(mean), 0))
    return np.stack([np.log(lengths), mean, spread, *(probe.measure(proxy).fa for proxy in proxies)], axis=1)


def _likeness(of_calibration: NDArray[np.float64], of_canaries: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns (n,) weights, summing to 1, that make the features of never-trained users distributed more like the canaries'.

    They are the odds of being a canary in a logistic regression, cut at five times their mean.
    """
    features = np.concatenate([of_calibration, of_canaries])
    labels = np.repeat([0, 1], [len(of_calibration), len(of_canaries)])
    share = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, labels).predict_proba(of_calibration)[:, 1]
    odds = share / (1 - share)
    odds = np.minimum(odds, 5 * odds.mean())
    return np.asarray(odds / odds.sum())


def choose_length(
    model_after: Callable[[float], FoldsIn],
    canaries: FoldInProbe,
    expected: NDArray[np.float64] | Callable[[FoldsIn], NDArray[np.float64]],
    *,
    longest: float = 3.0,
    stride: float = 0.5,
    tolerance: float = 0.005,
    evidence: Shown = "fold-in",
) -> float:
    """Returns the shortest step length at which the canaries' mean evidence, such as the fold-in AUC, equals the expected one.

    The length is bracketed by strides from 0 upwards, for past the first crossing a model may break and cross again,
    then narrowed by Brent's method (secant steps safeguarded by bisection). 0 = the canaries are not remembered at all.

    Args:
        model_after: length -> the model after the simulated removal of the canaries by a step of that length.
        canaries: probe of the canaries.
        expected: (n,) AUC expected of each canary, as `Expectation.under` gives it, or a function of the moved model that gives it.
            A step moves the AUC of never-trained users as well; a fixed expectation would mistake that for memory.
        longest: the longest step tried.
        stride: width of the bracket.
        tolerance: of the length.
        evidence: what is compared, and what `expected` is of.

    Raises:
        ValueError: `expected` does not have one value a canary, or a setting is not above 0.
        EvidenceError: even the longest step leaves more than is expected.
    """
    if not callable(expected) and np.shape(expected) != (len(canaries),):
        raise ValueError(f"expected has shape {np.shape(expected)} for {len(canaries)} canaries: give one AUC a canary")

    def surplus(length: float) -> float:
        model = model_after(length)
        target = expected(model) if callable(expected) else expected
        return float(evidence_of(canaries.measure(model), evidence).mean() - np.mean(target))

    return first_crossing(surplus, longest=longest, stride=stride, tolerance=tolerance)


def first_crossing(surplus: Callable[[float], float], *, longest: float = 3.0, stride: float = 0.5, tolerance: float = 0.005) -> float:
    """Returns the shortest length at which `surplus`, the evidence of canaries beyond the expected one, is zero.

    Raises:
        ValueError: a setting is not above 0.
        EvidenceError: even the longest step leaves a surplus.
    """
    for name, value in (("longest", longest), ("stride", stride), ("tolerance", tolerance)):
        if not value > 0:
            raise ValueError(f"{name} must be above 0, got {value}")
    known: dict[float, float] = {}

    def once(length: float) -> float:
        if length not in known:
            known[length] = surplus(length)
        return known[length]

    if once(0.0) <= 0:
        return 0.0
    low = 0.0
    while low < longest:
        high = min(low + stride, longest)
        if once(high) <= 0:
            return float(brentq(once, low, high, xtol=tolerance))
        low = high
    least = min(known, key=lambda length: known[length])
    raise EvidenceError(
        f"no step up to {longest} brings the canaries' AUC down to what is expected of never-trained users; the nearest, {least:.3g}, "
        f"leaves it {known[least]:.3f} above: allow longer steps, lower the damping, or retrain"
    )


def weakest_attack_length(attack: Callable[[float], float], *, longest: float = 3.0, stride: float = 0.25) -> float:
    """Returns the length in [0, longest] at which `attack`, such as a cross-validated AUC, is lowest; the shortest of equal ones.

    For an attack that never falls below chance there is no crossing to look for. It is asked at every `stride`, then around the best at
    half and a quarter of it: finer than that is noise.
    """
    known = {float(length): attack(float(length)) for length in np.arange(0, longest + stride / 2, stride)}
    for step in (stride / 2, stride / 4):
        best = min(known, key=lambda length: (known[length], length))
        for length in (best - step, best + step):
            if 0 <= length <= longest and length not in known:
                known[length] = attack(length)
    return min(known, key=lambda length: (known[length], length))

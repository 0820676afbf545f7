"""Membership inference: can an attacker tell the erased users F from never-trained users H?

All scores are calibrated: what a model shows of a user minus what retrained references show of the same user, so that
users who are easy for every model do not look remembered. AUC .5 = forgotten, near 1 = remembered, well below .5 =
over-forgotten, which reveals membership as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold

from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.imprint import FoldIn
from r2u_rec.roc import area_under_roc, placements

Values = NDArray[np.float64]

RESOLUTION_DIGITS = 6


def auc(members: Values, others: Values) -> tuple[float, float]:
    """Returns the area under the ROC curve of telling `members` from `others` by a high score, and its standard error.

    Ties count one half. The standard error is DeLong's; it is 0 where the two do not overlap at all.

    Raises:
        ValueError: fewer than two users on a side.
    Source: DeLong, DeLong and Clarke-Pearson 1988, the placement values of equation 5.
    """
    if min(len(members), len(others)) < 2:
        raise ValueError(f"an AUC with a standard error needs at least 2 users on each side, got {len(members)} and {len(others)}")
    return area_under_roc(members, others)


def null_se(n_members: int, n_others: int) -> float:
    """Returns the standard error of an AUC under the null hypothesis, from the variance of Mann and Whitney's U."""
    return float(np.sqrt((n_members + n_others + 1) / (12.0 * n_members * n_others)))


def tpr_at_fpr(members: Values, others: Values, fpr: float = 0.01) -> float:
    """Returns the largest share of members found while at most the share `fpr` of the others is accused.

    There is no interpolation: with fewer than 1 / fpr others not a single one may be accused.

    Raises:
        ValueError: fpr outside [0, 1).
    """
    if not 0 <= fpr < 1:
        raise ValueError(f"fpr must lie in [0, 1), got {fpr}")
    threshold = np.sort(others)[::-1][int(np.floor(fpr * len(others) + 1e-9))]
    return float((members > threshold).mean())


def calibrated(model: Values, references: Sequence[Values]) -> Values:
    """Returns (n,) the model's figure of each user minus the mean over the references, rounded to six decimals.

    What is smaller is arithmetic, not memory: an exactly down-dated model would stand out by it among equal references.

    Raises:
        EvidenceError: there is no reference.
    """
    if not references:
        raise EvidenceError("a number about forgetting needs a retrained reference, got none: retrain without the erased records")
    return np.asarray(np.round(model - np.mean(references, axis=0), RESOLUTION_DIGITS))


def reference_spread(references_f: Sequence[Values], references_h: Sequence[Values]) -> tuple[Values, Values]:
    """Returns the spread of each user's figure over the references, for F and for H.

    With few references a user's own standard deviation is unsteady; its variance is averaged half and half with the
    mean variance over all users of both sides. With one reference there is no spread: ones.
    """
    if len(references_f) < 2:
        return np.ones(len(references_f[0])), np.ones(len(references_h[0]))
    of_f, of_h = np.var(references_f, axis=0, ddof=1), np.var(references_h, axis=0, ddof=1)
    pooled = max(float(np.concatenate([of_f, of_h]).mean()), 1e-12)  # equal references have no spread
    return np.sqrt((of_f + pooled) / 2), np.sqrt((of_h + pooled) / 2)


def per_user_scores(model: tuple[Values, Values], references_f: Sequence[Values], references_h: Sequence[Values]) -> tuple[Values, Values]:
    """Returns, for F and H, how many spreads the model lies above the references, user by user.

    The references are the attacker's shadow models that were trained without the user.

    Source: Carlini et al. 2022 (LiRA), the offline attack with Gaussian out-models; deviates by the shrunk spread.
    """
    spread_f, spread_h = reference_spread(references_f, references_h)
    return calibrated(model[0], references_f) / spread_f, calibrated(model[1], references_h) / spread_h


def attack_features(
    forget: FoldIn, holdout: FoldIn, references_f: Sequence[FoldIn], references_h: Sequence[FoldIn]
) -> tuple[Values, Values]:
    """Returns (n_f, 4) and (n_h, 4): fold-in and own-loss differences from the references, signed and two-sided.

    Columns: fa - mean, own loss - mean, and the absolute values of both in spreads over the references.
    """
    columns_f, columns_h = [], []
    for name in ("fa", "own_loss"):
        refs_f, refs_h = [getattr(r, name) for r in references_f], [getattr(r, name) for r in references_h]
        diff_f, diff_h = calibrated(getattr(forget, name), refs_f), calibrated(getattr(holdout, name), refs_h)
        spread_f, spread_h = reference_spread(refs_f, refs_h)
        columns_f += [diff_f, np.abs(diff_f) / spread_f]
        columns_h += [diff_h, np.abs(diff_h) / spread_h]
    return np.stack(columns_f, axis=1), np.stack(columns_h, axis=1)


def adaptive_auc(members: Values, others: Values, *, n_folds: int = 5, n_repeats: int = 5, seed: int = 0) -> float:
    """Returns the AUC of an attacker who learns from labelled users which combination of features gives members away.

    A linear discriminant is fitted on all folds but one and applied to the left-out one; the AUC is taken within each
    left-out fold (values of different fits are not on one scale), then averaged over folds and `n_repeats` foldings.

    Args:
        members, others: (n, n_features) one row a user.

    Raises:
        ValueError: fewer users on a side than folds.
    """
    if min(len(members), len(others)) < n_folds:
        raise ValueError(f"{n_folds}-fold cross-validation needs {n_folds} users on each side, got {len(members)} and {len(others)}")
    features: NDArray[Any] = np.concatenate([members, others])
    features = features[:, np.ptp(features, axis=0) > 0]
    if features.shape[1] == 0:
        return 0.5  # nothing differs from user to user
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    labels = np.repeat([1, 0], [len(members), len(others)])
    areas = []
    for repeat in range(n_repeats):
        for train, test in StratifiedKFold(n_folds, shuffle=True, random_state=seed + repeat).split(features, labels):
            differing = np.ptp(features[train], axis=0) > 0
            if not differing.any():  # the few who differ are all in the fold that is left out: nothing to learn from
                areas.append(0.5)
                continue
            learned = LinearDiscriminantAnalysis().fit(features[train][:, differing], labels[train])
            values = learned.decision_function(features[test][:, differing])
            areas.append(placements(values[labels[test] == 1], values[labels[test] == 0]).mean())
    return float(np.mean(areas))

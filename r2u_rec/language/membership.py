"""Membership inference on documents: does the model treat what it was trained on unlike what it never saw?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from r2u_rec.errors import EvidenceError, SettingsError
from r2u_rec.language.passes import Values
from r2u_rec.roc import area_under_roc


@dataclass(frozen=True)
class Auc:
    """Area under the ROC curve of telling members by a high score, and its standard error (DeLong's; 0 without any overlap)."""

    auc: float
    standard_error: float


def min_k(losses: Sequence[Values], share: float = 0.2) -> Values:
    """Returns (n,) Min-K% Prob: the mean log-probability of the share of a document's tokens that surprise most; higher for members.

    Args:
        losses: for each document the losses in nats of its tokens, as `token_losses` gives them.
        share: in (0, 1]; of t tokens it is floor(share * t), at least one. The attack's authors use .2, MUSE's PrivLeak .4.

    Raises:
        SettingsError: a share outside (0, 1], or a document without losses.

    Source: Shi et al. (2024), Detecting pretraining data from large language models, equation 1.
    """
    if not 0 < share <= 1:
        raise SettingsError(f"share must lie in (0, 1], got {share}")
    empty = [at for at, row in enumerate(losses) if len(row) == 0]
    if empty:
        raise SettingsError(f"{len(empty)} of {len(losses)} documents have no token losses, the first at {empty[0]}")
    return np.array([-np.sort(row)[::-1][: max(1, int(share * len(row) + 1e-9))].mean() for row in losses], dtype=np.float64)


def auc_with_error(members: Values, non_members: Values) -> Auc:
    """Returns how well a high score tells `members` (m,) from `non_members` (n,): .5 not at all, 1 always; ties count one half.

    Raises:
        SettingsError: fewer than two on a side.
    """
    if min(len(members), len(non_members)) < 2:
        raise SettingsError(f"an AUC with a standard error needs at least 2 documents a side, got {len(members)} and {len(non_members)}")
    return Auc(*area_under_roc(members, non_members))


def min_k_auc(members: Sequence[Values], non_members: Sequence[Values], share: float = 0.2) -> Auc:
    """Returns the AUC of Min-K% Prob for telling `members` from `non_members`, both as `token_losses` gives them."""
    return auc_with_error(min_k(members, share), min_k(non_members, share))


def privleak(auc: float, auc_retrained: float) -> float:
    """Returns PrivLeak in percent: 0 like the retrained model, -100 the forget set still stands out, above 0 it stands out by absence.

    Both AUCs are those of `min_k_auc`, forget documents as members and never-trained ones as strangers, with share .4. MUSE's own AUC
    takes the never-trained ones for the positives, hence 1 - AUC in its formula (u - r) / r.

    Raises:
        SettingsError: an AUC outside [0, 1].
        EvidenceError: the retrained model tells all its forget documents, so nothing can be related to it.

    Source: MUSE (Shi et al. 2024), Section 3.3; sign and direction as in its published code.
    """
    for name, value in (("auc", auc), ("auc_retrained", auc_retrained)):
        if not 0 <= value <= 1:
            raise SettingsError(f"{name} must lie in [0, 1], got {value}")
    if auc_retrained == 1:
        raise EvidenceError("auc_retrained is 1, so PrivLeak is not defined: the two sets differ by more than membership; use others")
    return 100 * (auc_retrained - auc) / (1 - auc_retrained)

"""Verdict on one model, and the evidence that the verdicts may be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Verdict:
    """What was measured on one model; flat, so that it goes into JSON or a table row as it is. Not a claim of absence.

    Attributes:
        auc, auc_se: calibrated membership inference by fold-in and its standard error (DeLong).
        tpr_at_1fpr: share of erased users found while at most 1 % of the never-trained are accused.
        own_loss_auc: the same attack by the loss of the whole history (a low loss = member).
        per_user_auc: fold-in in spreads over the references, user by user.
        adaptive_auc: the attacker who combines fold-in, own loss and their two-sided forms; cross-validated.
        excess, excess_se: difference in differences of NDCG@20, see `excess`.
        fa_forget, fa_holdout, fi_forget, fi_holdout: the model's mean fold-in AUC and NDCG@20.
        reference_fa_forget, ...: the same means of the references.
        n_forget, n_holdout: users measured; n_skipped: users asked for whose histories were too short.
        n_references: retrained models the figures are held against.
    """

    auc: float
    auc_se: float
    tpr_at_1fpr: float
    own_loss_auc: float
    per_user_auc: float
    adaptive_auc: float
    excess: float
    excess_se: float
    fa_forget: float
    fa_holdout: float
    fi_forget: float
    fi_holdout: float
    reference_fa_forget: float
    reference_fa_holdout: float
    reference_fi_forget: float
    reference_fi_holdout: float
    n_forget: int
    n_holdout: int
    n_skipped: int
    n_references: int


@dataclass(frozen=True)
class Evidence:
    """The figures of the self-test, which the evaluator passed.

    Attributes:
        references: each retrained model's verdict, held against the other references.
        remembered: the verdict of the model from which only the users' own rows were deleted.
        popularity: the verdict of ranking by popularity, the chance level of fa and fi; None when it was not given.
        null_se: standard error of an AUC at these numbers of users under the null hypothesis.
        lowest, highest: the bounds that the mean AUC of the references had to keep.
    """

    references: tuple[Verdict, ...]
    remembered: Verdict
    popularity: Verdict | None
    null_se: float
    lowest: float
    highest: float

    @property
    def reference_auc(self) -> float:
        """Returns the mean AUC of the references, each against the others."""
        return float(np.mean([v.auc for v in self.references]))

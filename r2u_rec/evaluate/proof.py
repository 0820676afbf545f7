"""ForgettingEvaluator: measures how much of the erased users a model still knows, after a self-test of the attack."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.imprint import FoldIn, FoldInProbe, FoldsIn
from r2u_rec.evaluate.judging import N_FOLDS, self_test, verdict_of
from r2u_rec.evaluate.verdict import Evidence, Verdict


class ForgettingEvaluator:
    """Holds what retrained references know of erased users F and never-trained users H, and judges models by it.

    It keeps measurements only (some numbers a user), no model.

    The self-test runs at construction, and no verdict is given without it:
    1. The references, each judged against the others, have a mean AUC within [.45, .55], widened on both sides by two
       standard errors of an AUC at these numbers of users (`null_se`).
    2. Each reference is measured against the others, so that mean stays near .5 even with a bad one among them. Every
       single reference must also lie within [.45, .55] widened by four standard errors.
    3. The model with only the users' rows deleted lies far above: above the mean of the references by three
       standard errors, or by two and at .6 or more.

    Attributes:
        evidence: the figures of the self-test.
    """

    def __init__(
        self,
        references: Sequence[FoldsIn],
        forget: FoldInProbe,
        holdout: FoldInProbe,
        *,
        remembered: FoldsIn,
        popularity: FoldsIn | None = None,
        seed: int = 0,
    ) -> None:
        """Measures the references and tests itself.

        Args:
            references: at least two models retrained without F (and without H), by the same recipe, other seeds.
            forget: probe of the erased users.
            holdout: probe of users held out of all training, from the same range of revocability and length.
            remembered: the trained model, nothing deleted but the users' own rows or edges.
            popularity: ranking by the retained interactions of each item, the chance level.
            seed: of the folds of the adaptive attack.

        Raises:
            EvidenceError: too few references or users, users on both sides, or the self-test failed.
        """
        if len(references) < 2:
            raise EvidenceError(f"a proof needs at least 2 retrained references, got {len(references)}: retrain with another seed")
        both = np.intersect1d(forget.users, holdout.users)
        if both.size:
            raise EvidenceError(
                f"{both.size} users are both erased and never trained, the first {both[0]}: draw the holdout from other users"
            )
        if min(len(forget), len(holdout)) < N_FOLDS:
            raise EvidenceError(
                f"a proof needs at least {N_FOLDS} erased and {N_FOLDS} never-trained users with 4 interactions or more, "
                f"got {len(forget)} and {len(holdout)}: erase or hold out more users"
            )
        self._forget, self._holdout, self._seed = forget, holdout, seed
        self._references_f = [forget.measure(model) for model in references]
        self._references_h = [holdout.measure(model) for model in references]
        self.evidence = self._self_test(remembered, popularity)

    def judge(self, model: FoldsIn) -> Verdict:
        """Returns the verdict on `model`; never pass one of the references (their verdicts are in `evidence`)."""
        return verdict_of(*self.measure(model), self._references_f, self._references_h, n_skipped=self._n_skipped, seed=self._seed)

    def measure(self, model: FoldsIn) -> tuple[FoldIn, FoldIn]:
        """Returns the fold-in evidence of F and of H, user by user."""
        return self._forget.measure(model), self._holdout.measure(model)

    @property
    def _n_skipped(self) -> int:
        return self._forget.n_skipped + self._holdout.n_skipped

    def _self_test(self, remembered: FoldsIn, popularity: FoldsIn | None) -> Evidence:
        return self_test(
            self._references_f,
            self._references_h,
            remembered=self.measure(remembered),
            popularity=None if popularity is None else self.measure(popularity),
            n_skipped=self._n_skipped,
            seed=self._seed,
        )

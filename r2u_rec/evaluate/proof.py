"""Prover: judges how much of the erased users a model still knows, and first tests whether it can tell at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.excess import excess
from r2u_rec.evaluate.imprint import FoldIn, FoldInProbe, FoldsIn
from r2u_rec.evaluate.membership import adaptive_auc, attack_features, auc, calibrated, null_se, per_user_scores, tpr_at_fpr
from r2u_rec.evaluate.verdict import Evidence, Verdict

FORGOTTEN = (0.45, 0.55)
"""Where the AUC of a retrained model must lie, before sampling error."""

N_FOLDS = 5


class Prover:
    """Holds what retrained references know of erased users F and never-trained users H, and judges models by it.

    It keeps measurements only (some numbers a user), no model.

    The self-test runs when it is built, and there is no way to a verdict without it:
    1. The references, each judged against the others, have a mean AUC within [.45, .55], widened on both sides by two
       standard errors of an AUC at these numbers of users (`null_se`).
    2. As each reference is a yardstick of the others, that mean stays near .5 even with a bad one among them. So every
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
            popularity: ranking by the retained interactions of each item, the chance level; knows nobody.
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
        return self._verdict(*self.measure(model), self._references_f, self._references_h)

    def measure(self, model: FoldsIn) -> tuple[FoldIn, FoldIn]:
        """Returns the fold-in evidence of F and of H, user by user."""
        return self._forget.measure(model), self._holdout.measure(model)

    def _verdict(self, forget: FoldIn, holdout: FoldIn, refs_f: Sequence[FoldIn], refs_h: Sequence[FoldIn]) -> Verdict:
        fa_f, fa_h = [r.fa for r in refs_f], [r.fa for r in refs_h]
        loss_f, loss_h = [r.own_loss for r in refs_f], [r.own_loss for r in refs_h]
        in_f, in_h = calibrated(forget.fa, fa_f), calibrated(holdout.fa, fa_h)
        area, se = auc(in_f, in_h)
        did = excess(forget, holdout, refs_f, refs_h)
        return Verdict(
            auc=area,
            auc_se=se,
            tpr_at_1fpr=tpr_at_fpr(in_f, in_h),
            own_loss_auc=auc(-calibrated(forget.own_loss, loss_f), -calibrated(holdout.own_loss, loss_h))[0],
            per_user_auc=auc(*per_user_scores((forget.fa, holdout.fa), fa_f, fa_h))[0],
            adaptive_auc=adaptive_auc(*attack_features(forget, holdout, refs_f, refs_h), n_folds=N_FOLDS, seed=self._seed),
            excess=did.value,
            excess_se=did.se,
            fa_forget=float(forget.fa.mean()),
            fa_holdout=float(holdout.fa.mean()),
            fi_forget=float(forget.fi.mean()),
            fi_holdout=float(holdout.fi.mean()),
            reference_fa_forget=float(np.mean(fa_f)),
            reference_fa_holdout=float(np.mean(fa_h)),
            reference_fi_forget=float(np.mean([r.fi for r in refs_f])),
            reference_fi_holdout=float(np.mean([r.fi for r in refs_h])),
            n_forget=len(in_f),
            n_holdout=len(in_h),
            n_skipped=self._forget.n_skipped + self._holdout.n_skipped,
            n_references=len(refs_f),
        )

    def _self_test(self, remembered: FoldsIn, popularity: FoldsIn | None) -> Evidence:
        references = []
        for i in range(len(self._references_f)):
            others_f, others_h = ([r for j, r in enumerate(refs) if j != i] for refs in (self._references_f, self._references_h))
            references.append(self._verdict(self._references_f[i], self._references_h[i], others_f, others_h))
        error = null_se(len(self._forget), len(self._holdout))
        evidence = Evidence(
            references=tuple(references),
            remembered=self.judge(remembered),
            popularity=None if popularity is None else self.judge(popularity),
            null_se=error,
            lowest=FORGOTTEN[0] - 2 * error,
            highest=FORGOTTEN[1] + 2 * error,
        )
        _refuse_unless_it_can_tell(evidence)
        return evidence


def _refuse_unless_it_can_tell(evidence: Evidence) -> None:
    """Raises EvidenceError, naming the values, when a rule of the self-test is broken."""
    mean, error = evidence.reference_auc, evidence.null_se
    values = ", ".join(f"{v.auc:.3f}" for v in evidence.references)
    size = f"{evidence.remembered.n_forget} erased and {evidence.remembered.n_holdout} never-trained users"
    if not evidence.lowest <= mean <= evidence.highest:
        raise EvidenceError(
            f"self-test failed: the references' mean AUC {mean:.3f} ({values}) lies outside "
            f"[{evidence.lowest:.3f}, {evidence.highest:.3f}] with {size}: check that every reference was retrained without either group"
        )
    lowest, highest = FORGOTTEN[0] - 4 * error, FORGOTTEN[1] + 4 * error
    if not all(lowest <= v.auc <= highest for v in evidence.references):
        raise EvidenceError(
            f"self-test failed: an AUC among the references ({values}) lies outside [{lowest:.3f}, {highest:.3f}] with {size}: "
            "one of them has seen erased or held-out users, or was trained by another recipe"
        )
    found = evidence.remembered.auc
    if not (found > mean + 3 * error or (found >= 0.6 and found > mean + 2 * error)):
        raise EvidenceError(
            f"self-test failed: the model with only the rows deleted has AUC {found:.3f}, not far above the references' {mean:.3f} "
            f"(standard error {error:.3f} with {size}): this evaluator cannot see what is remembered here; measure more users, "
            "or users with longer histories"
        )

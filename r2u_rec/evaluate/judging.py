"""Turns measurements into a verdict, after a self-test that must pass. Needs no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.excess import excess
from r2u_rec.evaluate.imprint import FoldIn
from r2u_rec.evaluate.membership import adaptive_auc, attack_features, auc, calibrated, null_se, per_user_scores, tpr_at_fpr
from r2u_rec.evaluate.verdict import Evidence, Verdict

FORGOTTEN = (0.45, 0.55)
"""Where the AUC of a retrained model must lie, before sampling error."""

N_FOLDS = 5

Measured = tuple[FoldIn, FoldIn]
"""The measurements of a model on the erased users F and on the never-trained users H."""


def pooled(parts: Sequence[FoldIn]) -> FoldIn:
    """Returns the measurements of several seeds as those of one group; user codes may repeat, the users are others."""
    names = ("users", "fa", "fi", "own_loss")
    return FoldIn(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def verdict_of(
    forget: FoldIn, holdout: FoldIn, references_f: Sequence[FoldIn], references_h: Sequence[FoldIn], *, n_skipped: int = 0, seed: int = 0
) -> Verdict:
    """Returns the verdict on a model of which `forget` and `holdout` were measured.

    Args:
        forget, holdout: what the model shows of F and of H.
        references_f, references_h: what each retrained model shows of the same users.
        n_skipped: users asked for whose histories were too short.
        seed: of the folds of the adaptive attack.

    Raises:
        EvidenceError: there is no reference.
        ValueError: fewer users on a side than folds.
    """
    fa_f, fa_h = [r.fa for r in references_f], [r.fa for r in references_h]
    loss_f, loss_h = [r.own_loss for r in references_f], [r.own_loss for r in references_h]
    in_f, in_h = calibrated(forget.fa, fa_f), calibrated(holdout.fa, fa_h)
    area, se = auc(in_f, in_h)
    did = excess(forget, holdout, references_f, references_h)
    return Verdict(
        auc=area,
        auc_se=se,
        tpr_at_1fpr=tpr_at_fpr(in_f, in_h),
        own_loss_auc=auc(-calibrated(forget.own_loss, loss_f), -calibrated(holdout.own_loss, loss_h))[0],
        per_user_auc=auc(*per_user_scores((forget.fa, holdout.fa), fa_f, fa_h))[0],
        adaptive_auc=adaptive_auc(*attack_features(forget, holdout, references_f, references_h), n_folds=N_FOLDS, seed=seed),
        excess=did.value,
        excess_se=did.se,
        fa_forget=float(forget.fa.mean()),
        fa_holdout=float(holdout.fa.mean()),
        fi_forget=float(forget.fi.mean()),
        fi_holdout=float(holdout.fi.mean()),
        reference_fa_forget=float(np.mean(fa_f)),
        reference_fa_holdout=float(np.mean(fa_h)),
        reference_fi_forget=float(np.mean([r.fi for r in references_f])),
        reference_fi_holdout=float(np.mean([r.fi for r in references_h])),
        n_forget=len(in_f),
        n_holdout=len(in_h),
        n_skipped=n_skipped,
        n_references=len(fa_f),
    )


def self_test(
    references_f: Sequence[FoldIn],
    references_h: Sequence[FoldIn],
    *,
    remembered: Measured,
    popularity: Measured | None = None,
    n_skipped: int = 0,
    seed: int = 0,
) -> Evidence:
    """Returns the figures of the self-test; its rules stand at `evaluate.proof.ForgettingEvaluator`.

    Args:
        references_f, references_h: what each retrained model shows of F and of H.
        remembered: measurements of the model from which only the users' own rows were deleted.
        popularity: the same of ranking by popularity.

    Raises:
        EvidenceError: a rule is broken; the message names the values.
    """
    references = []
    for i in range(len(references_f)):
        others_f, others_h = ([r for j, r in enumerate(refs) if j != i] for refs in (references_f, references_h))
        references.append(verdict_of(references_f[i], references_h[i], others_f, others_h, n_skipped=n_skipped, seed=seed))
    error = null_se(len(references_f[0].users), len(references_h[0].users))
    known, common = (
        None if m is None else verdict_of(*m, references_f, references_h, n_skipped=n_skipped, seed=seed) for m in (remembered, popularity)
    )
    assert known is not None
    evidence = Evidence(
        references=tuple(references),
        remembered=known,
        popularity=common,
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

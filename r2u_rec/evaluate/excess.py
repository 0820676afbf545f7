"""Excess: how much better a model ranks for the erased users than a retrained one does, beyond its lead on never-trained users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from r2u_rec.evaluate.imprint import FoldIn
from r2u_rec.evaluate.membership import calibrated


@dataclass(frozen=True)
class Excess:
    """A difference in differences of NDCG@20, in [-2, 2]: 0 = as if retrained, above = remembered, below = over-forgotten.

    Attributes:
        value: the difference.
        se: its standard error over users, references taken as given.
    """

    value: float
    se: float


def excess(forget: FoldIn, holdout: FoldIn, references_f: Sequence[FoldIn], references_h: Sequence[FoldIn]) -> Excess:
    """Returns [fi(F) - fi_ref(F)] - [fi(H) - fi_ref(H)], means over users, the reference a mean over retrained models.

    Args:
        forget, holdout: the model's fold-in evidence of the erased users F and the never-trained users H.
        references_f, references_h: each reference's evidence of the same users.

    Raises:
        EvidenceError: there is no reference.
    """
    gain_f = calibrated(forget.fi, [r.fi for r in references_f])
    gain_h = calibrated(holdout.fi, [r.fi for r in references_h])
    variance = sum(float(gain.var(ddof=1)) / len(gain) for gain in (gain_f, gain_h) if len(gain) > 1)
    return Excess(value=float(gain_f.mean() - gain_h.mean()), se=float(np.sqrt(variance)))

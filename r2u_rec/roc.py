"""How well a score tells two groups apart: the area under the ROC curve and its standard error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def area_under_roc(members: Values, others: Values) -> tuple[float, float]:
    """Returns the area under the ROC curve of telling `members` (m,) from `others` (n,) by a high score, and its standard error.

    Ties count one half. The standard error is 0 where the two do not overlap at all, and needs m and n of at least 2.

    Source: DeLong, DeLong and Clarke-Pearson 1988, the placement values of equation 5.
    """
    of_members = placements(members, others)
    of_others = 1.0 - placements(others, members)
    variance = of_members.var(ddof=1) / len(members) + of_others.var(ddof=1) / len(others)
    return float(of_members.mean()), float(np.sqrt(variance))


def placements(values: Values, against: Values) -> Values:
    """Returns for each of `values` the share of `against` below it, ties counting one half."""
    ordered = np.sort(against)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / np.float64(2.0 * len(against))

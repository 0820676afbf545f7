"""Masked ranking quality: the one place that says which items of a user a ranked list may not hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from torch import nn

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.split import Parts
from r2u_rec.errors import SettingsError
from r2u_rec.evaluate.ranking import RankingResult, Scores, rank, ranking_metrics

Part = Literal["test", "validation"]
Ranker: TypeAlias = Scores | nn.Module
"""What can be ranked: anything with `scores`; a module without it is refused when it is ranked."""


def judged_part(parts: Parts, part: str) -> InteractionLog:
    """Returns the records that are to be found; SettingsError for another part than test or validation."""
    if part not in ("test", "validation"):
        raise SettingsError(f"quality is measured on the part test or validation, got {part!r}")
    return parts.test if part == "test" else parts.validation


def masked_items(parts: Parts, part: str) -> sparse.csr_array:
    """Returns (n_users, n_items), nonzero where a list may not go: training items, and on the test part validation items too."""
    judged_part(parts, part)
    seen = parts.train.matrix()
    return seen + parts.validation.matrix() if part == "test" else seen


def ranked_lists(model: Ranker, parts: Parts, users: NDArray[np.int64], k: int, *, part: str = "test") -> NDArray[np.int64]:
    """Returns (m, k) item codes, best first, of a full ranking with `masked_items` left out; -1 fills lists that are too short."""
    return rank(cast(Scores, model), masked_items(parts, part), users, k)


def masked_quality(model: Ranker, parts: Parts, users: NDArray[np.int64], ks: Sequence[int], *, part: str = "test") -> RankingResult:
    """Returns the ranking quality of `users` on a part at each cut-off of `ks`; users with nothing to be found are left out."""
    lists = ranked_lists(model, parts, users, max(ks), part=part)
    return ranking_metrics(lists, judged_part(parts, part).matrix(), users, ks)

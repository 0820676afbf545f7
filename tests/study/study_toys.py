"""A made-up log of four tastes, and studies drawn from it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from r2u_rec.data import random_per_user, read_log
from r2u_rec.data.split import Parts
from r2u_rec.study.flagged import flagged_request
from r2u_rec.study.study import Study

N_USERS, N_ITEMS = 120, 40


def parts(seed: int = 0) -> Parts:
    """Users with text keys, of four tastes, with ten to thirty things each."""
    rng = np.random.default_rng(0)
    weights = np.where(np.arange(N_ITEMS) % 4 == np.arange(N_USERS)[:, None] % 4, 4.0, 1.0)
    sizes = rng.integers(12, 30, N_USERS)
    items = [rng.choice(N_ITEMS, size=n, replace=False, p=w / w.sum()) for n, w in zip(sizes, weights, strict=True)]
    user = np.repeat([f"u{code}" for code in range(N_USERS)], sizes)
    at = rng.integers(1_600_000_000, 1_650_000_000, int(sizes.sum()))
    return random_per_user(read_log(pd.DataFrame({"user": user, "item": np.concatenate(items), "timestamp": at})), seed=seed)


def study(seed: int = 0, **changes: object) -> Study:
    """Returns a study in which a tenth of the users ask, of the half that is revocable."""
    drawn = parts(seed)
    scores = np.random.default_rng(1).random(N_USERS)
    shares = {"request_share": 0.1, "calibration_share": 0.05} | changes
    return flagged_request(drawn, scores, np.flatnonzero(scores > 0.4), ks=(5, 10), seed=seed, **shares)


class Oracle:
    """Ranks what is in a part first, and after it what the user has seen."""

    def __init__(self, log, seen):
        self.wanted, self.seen = log.matrix(), seen.matrix()

    def scores(self, users):
        return self.wanted[users].toarray() + 0.5 * self.seen[users].toarray()


class Noise:
    """Ranks by numbers that mean nothing."""

    def scores(self, users):
        return np.random.default_rng(3).random((N_USERS, N_ITEMS))[users].astype(np.float32)

"""A log of two tastes for the federated methods, and a naive client that trains all alone."""

from __future__ import annotations

import numpy as np
import pandas as pd

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.recsys.federated.rounds import Federated
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization

N_USERS, N_ITEMS = 16, 20
TASK = RankingTask(matrix_factorization(4), "bpr", reg=0.02)
SMALL = Federated(rounds=30, client_share=0.5, local_epochs=4, lr=0.2, user_lr=0.1, pool_share=1.0)


def two_tastes(seed: int = 0) -> InteractionLog:
    """Six of the ten items of the own parity for each user."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(N_USERS, dtype=np.int32), 6)
    item = np.concatenate([2 * np.sort(rng.choice(N_ITEMS // 2, 6, replace=False)) + u % 2 for u in range(N_USERS)]).astype(np.int32)
    keys = [Vocabulary(pd.Index(np.arange(n) + 100)) for n in (N_USERS, N_ITEMS)]
    return InteractionLog(np.arange(len(user), dtype=np.int64) + 50, user, item, None, None, *keys)


def right_taste(model, log: InteractionLog, users) -> float:
    """Share of the two best new items that are of the own parity."""
    scores = model.scores(np.arange(N_USERS))
    scores[log.user, log.item] = -np.inf
    return float((np.argsort(-scores[users], axis=1)[:, :2] % 2 == users[:, None] % 2).mean())

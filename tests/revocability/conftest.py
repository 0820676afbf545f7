"""Logs with planted truths: who is busy, who has left, whose taste switched."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary

DAY = 86_400
N_ITEMS, N_CATEGORIES = 200, 8


def make_log(
    users: list, items: list, times: list | None, *, n_users: int | None = None, user_info: pd.DataFrame | None = None
) -> InteractionLog:
    n_users = n_users or max(users) + 1
    names = [f"genre{i % N_CATEGORIES}" for i in range(N_ITEMS)]  # item i belongs to category i mod 8
    return InteractionLog(
        ids=np.arange(len(users)),
        user=np.asarray(users, dtype=np.int32),
        item=np.asarray(items, dtype=np.int32),
        time=None if times is None else np.asarray(times, dtype=np.int64),
        rating=None,
        user_keys=Vocabulary.of([f"user{u}" for u in range(n_users)]),
        item_keys=Vocabulary.of(list(range(N_ITEMS))),
        user_info=user_info,
        item_info=pd.DataFrame({"class": names}),
    )


@pytest.fixture
def build() -> Callable[..., InteractionLog]:
    return make_log


@pytest.fixture
def stationary() -> Callable[..., InteractionLog]:
    """`stationary(seed, switchers=...)`: users of very different lengths, each with one taste for ever.

    The first `switchers` have 60 records and change from one set of categories to another half-way; user number
    `switchers` has 60 records too and does not.
    """

    def make(seed: int, *, n_users: int = 300, switchers: int = 0) -> InteractionLog:
        rng = np.random.default_rng(seed)
        users, items, times = [], [], []
        for user in range(n_users):
            n = 60 if user <= switchers else int(rng.integers(10, 400))
            taste = rng.dirichlet(np.ones(N_CATEGORIES))
            category = rng.choice(N_CATEGORIES, n, p=taste)
            if user < switchers:
                category = np.where(np.arange(n) < n // 2, category % 4, 4 + category % 4)
            users += [user] * n
            items += (category + N_CATEGORIES * rng.integers(0, N_ITEMS // N_CATEGORIES, n)).tolist()
            times += np.sort(rng.integers(0, 300 * DAY, n)).tolist()
        mixed = rng.permutation(len(users))  # the file is in no order
        return make_log(np.array(users)[mixed], np.array(items)[mixed], np.array(times)[mixed], n_users=n_users)

    return make

"""A stream may be long: nothing of the past is kept but the rows of the tables, and a request reads what it concerns."""

from __future__ import annotations

import tracemalloc
import weakref

import numpy as np
from simulation_toys import START, Edits, Model, requests_to_leave, run, small_log, stream_of

from r2u_rec.core.protocols import Fitted
from r2u_rec.simulation import pool
from r2u_rec.simulation.policies import DAY, Policy
from r2u_rec.simulation.requests import Request


def test_memory_grows_by_table_rows_alone():
    log = small_log(n_users=200, n_items=200, each=50)
    held: list[int] = []
    policy = Policy("edit", "edit", retrain_every_days=8)
    stream = requests_to_leave(*((100 + i, i / 4 + 0.1) for i in range(100)), days=30)
    tracemalloc.start()
    try:
        run(stream, policy, log, method=Forgetful(), on_batch=lambda event: held.append(tracemalloc.get_traced_memory()[0]))
    finally:
        tracemalloc.stop()
    size_of_log = sum(column.nbytes for column in (log.ids, log.user, log.item, log.time, log.rating))
    assert max(held[60:]) - max(held[5:40]) < size_of_log / 2  # 60 further batches, whose old logs together are 50 times it


class Forgetful(Edits):
    """As `Edits`, but keeps no account, so that what grows is the simulator's own."""

    def fit(self, task, records, *, seed):
        return Fitted(Model(), records)

    def forget(self, task, fitted, ids, *, seed):
        return Fitted(Model(), fitted.records.drop(ids))


def test_counts_of_users_follow_from_request_to_request():
    log = small_log()
    rng = np.random.default_rng(0)
    for _ in range(20):
        log = log.drop(np.sort(rng.choice(log.ids, 5, replace=False)))
        assert np.array_equal(log.user_counts, np.bincount(log.user, minlength=log.n_users))
        assert log.user_counts.dtype == np.int64
        assert log.user_keys.empty == frozenset(np.flatnonzero(log.user_counts == 0).tolist())


def test_only_the_first_model_and_the_present_one_are_alive():
    alive = weakref.WeakSet()

    class Watched(Edits):
        def forget(self, task, fitted, ids, *, seed):
            most.append(len(alive))
            after = Fitted(Model(), fitted.records.drop(ids))
            alive.add(after.model)
            return after

    most: list[int] = []
    run(
        requests_to_leave(*((100 + i, i + 1) for i in range(20))),
        Policy("edit", "edit"),
        small_log(),
        method=Watched(),
        on_batch=lambda event: None,
    )
    assert most == [0] + [1] * 19


def test_a_request_of_one_user_reads_what_that_user_has_and_no_more(monkeypatch):
    read, real = [], pool.ids_of
    monkeypatch.setattr(pool, "ids_of", lambda request, log, **more: read.append(len(log)) or real(request, log, **more))
    log = small_log()
    asks = [
        Request(0, START, "user", user=100),
        Request(1, START + DAY, "interaction", user=101, item=log.item_keys.key(log.item[5])),
        Request(2, START + 2 * DAY, "window", user=102, since=0),
    ]
    run(stream_of(asks), Policy("edit", "edit"), log)
    assert read == [0, 0, 0, 5, 5]  # each is looked at once before anything begins, on no records

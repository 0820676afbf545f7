"""The conformance suite: every method on every task keeps the promises of the protocol, on data whose answer is known.

Who takes it stands in `conformance/roster.py` and the files `roster_*.py` beside it.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roster  # in the folder beside this file, as are the next
import torch
from held import content, leaves
from roster import LOG, N_ITEMS, N_USERS, Locked

from r2u_rec.errors import UnknownRecordError
from r2u_rec.recsys.models.propagation import normalised_adjacency
from r2u_rec.unlearn.post_hoc import PostHoc

ROSTERS = [roster, *(import_module(path.stem) for path in sorted((Path(__file__).parent / "conformance").glob("roster_*.py")))]
METHODS = {name: method for part in ROSTERS for name, method in part.METHODS.items()}
TASKS = {name: task for part in ROSTERS for name, task in part.TASKS.items()}
EVERY = [pair for part in ROSTERS for pair in part.PAIRS]
ONCE = list({m: (m, t) for m, t in reversed(EVERY)}.values())
"""Each method with the first of its tasks."""
EXACT = [(m, t) for m, t in EVERY if METHODS[m].exact]
POST_HOC = [(m, t) for m, t in EVERY if isinstance(METHODS[m], PostHoc)]

REQUESTS = {
    "one user": [LOG.ids_of_users([5])],
    "a batch of users": [LOG.ids_of_users([2, 5, 20])],
    "one interaction": [LOG.ids[[31]]],
    "interactions of several users": [LOG.ids[[0, 31, 33, 100]]],
    "a stream": [LOG.ids[[31]], LOG.ids_of_users([2]), np.setdiff1d(LOG.ids_of_users([5]), LOG.ids[[31]])],
}
every = pytest.mark.parametrize(("method", "task"), EVERY, ids=lambda name: name)
requests = pytest.mark.parametrize("request_name", REQUESTS)


@cache
def fitted(method: str, task: str) -> Any:
    return METHODS[method].fit(TASKS[task], LOG, seed=0)


@cache
def forgotten(method: str, task: str, request_name: str) -> Any:
    now = fitted(method, task)
    for ids in REQUESTS[request_name]:
        now = METHODS[method].forget(TASKS[task], now, ids, seed=1)
    return now


def parameters(now: Any) -> bytes:
    return b"".join(value.numpy().tobytes() for value in now.model.state_dict().values())


def right_colour(now: Any, users: Any) -> float:
    """Share of the two best things, of those that each has not, that are of the own colour."""
    scores = now.model.scores(np.arange(N_USERS))
    scores[LOG.user, LOG.item] = -np.inf
    return float((np.argsort(-scores[users], axis=1)[:, :2] % 2 == users[:, None] % 2).mean())


def stands_on(now: Any) -> list[Any]:
    """Each model inside, and the records that it stands on."""
    if not hasattr(now.memory, "shard_of"):
        return [(now.model, now.records)]
    return [(model, now.records.take(now.memory.shard_of == shard)) for shard, model in enumerate(now.memory.models)]


@every
def test_people_are_recommended_their_colour_before_and_after_somebody_else_leaves(method, task):
    assert right_colour(fitted(method, task), np.arange(N_USERS)) >= 0.9
    assert right_colour(forgotten(method, task, "one user"), np.delete(np.arange(N_USERS), 5)) >= 0.9
    assert parameters(fitted(method, task)) != parameters(forgotten(method, task, "one user"))


@every
@pytest.mark.parametrize("request_name", ["a batch of users", "a stream"])  # forgets anew: the others are edits of the same kinds
def test_the_old_fitted_is_not_touched(method, task, request_name):
    before = fitted(method, task)
    _ = before.records.user_counts, before.records.item_counts, before.records.pairs, before.records.free_ranks  # filled at the first use
    untouched = content(before)
    now = before
    for ids in REQUESTS[request_name]:
        now = METHODS[method].forget(TASKS[task], now, ids, seed=1)
    assert content(before) == untouched
    assert parameters(now) == parameters(forgotten(method, task, request_name))  # and the same seed gives the same bytes


@every
@requests
def test_records_no_longer_hold_the_ids_and_those_that_stay_are_the_same(method, task, request_name):
    after = forgotten(method, task, request_name).records
    left = np.setdiff1d(LOG.ids, np.concatenate(REQUESTS[request_name]))
    assert after.ids.tolist() == left.tolist()
    assert after.item.tolist() == LOG.item[np.isin(LOG.ids, left)].tolist()
    assert (after.n_users, after.n_items) == (N_USERS, N_ITEMS)


@every
def test_unknown_and_already_forgotten_ids_raise(method, task):
    for ids in (LOG.ids_of_users([5])[:1], np.array([7])):
        with pytest.raises(UnknownRecordError, match="never existed or are already forgotten"):
            METHODS[method].forget(TASKS[task], forgotten(method, task, "one user"), ids, seed=1)


@every
def test_forgetting_nothing_returns_equal_parameters_and_records(method, task):
    before = fitted(method, task)
    after = METHODS[method].forget(TASKS[task], before, [], seed=1)
    assert parameters(after) == parameters(before)
    assert after.records.ids.tolist() == LOG.ids.tolist()


@pytest.mark.parametrize(("method", "task"), ONCE, ids=lambda name: name)
def test_two_requests_may_come_in_either_order(method, task):
    users, single = LOG.ids_of_users([5]), LOG.ids[[100]]
    found = []
    for first, second in ((users, single), (single, users)):
        now = METHODS[method].forget(TASKS[task], fitted(method, task), first, seed=1)
        found.append(METHODS[method].forget(TASKS[task], now, second, seed=1))
    assert found[0].records.ids.tolist() == found[1].records.ids.tolist()
    for a, b in zip(found[0].model.state_dict().values(), found[1].model.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-10 if METHODS[method].exact else 0.5, rtol=0)


@every
@requests
def test_attach_ran_last_so_that_graph_rows_and_histories_stand_on_what_remains(method, task, request_name):
    after = forgotten(method, task, request_name)
    gone = np.flatnonzero(after.records.user_counts == 0)
    assert np.abs(after.model.scores(gone)).sum() == 0
    if TASKS[task] is not None:
        assert after.model.attached >= 1
    if isinstance(METHODS[method], PostHoc):
        assert after.model.attached == 1 + len(REQUESTS[request_name])
    if task == "LightGCN":
        for model, records in stands_on(after):
            assert torch.equal(model.graph.adjacency.to_dense(), normalised_adjacency(records).to_dense())
    if method == "ease" or method.startswith("sharded"):
        assert (after.model.histories != after.records.matrix()).nnz == 0


@every
@requests
def test_nothing_that_remains_holds_an_erased_id_a_key_or_an_edge(method, task, request_name):
    """Searches parameters, buffers, gradients, graphs, histories, blocks, probe, checkpoints, records, keys and side information."""
    after = forgotten(method, task, request_name)
    erased, gone = np.concatenate(REQUESTS[request_name]), np.flatnonzero(after.records.user_counts == 0)
    pairs = {(int(LOG.user[i]), int(LOG.item[i])) for i in LOG.positions(np.sort(erased))}
    seen = 0
    for where, leaf in leaves(after):
        seen += 1
        assert not where.endswith(".grad") or leaf is None, where
        values = np.asarray(leaf)
        if values.dtype.kind in "iu":
            assert not np.isin(values, erased).any(), where
        if values.dtype.kind in "OUT":
            text = {part for value in values.ravel() for part in str(value).split()}
            assert not text & {f"person-{user}" for user in gone}, where
        if values.shape == (N_USERS, N_ITEMS):
            assert all(values[pair] == 0 for pair in pairs), where
        if values.shape == (N_USERS + N_ITEMS,) * 2:
            assert all(values[u, N_USERS + i] == values[N_USERS + i, u] == 0 for u, i in pairs), where
    assert seen > 10


def test_the_search_finds_what_stays_behind():
    held = dict(leaves(fitted("standard + newton", "LightGCN")))
    assert np.isin(LOG.ids, held["fitted.memory.tables[0].ids"]).all()
    assert "person-5" in held["fitted.records.user_keys.keys"]
    assert held["fitted.model.graph.adjacency"].shape == (N_USERS + N_ITEMS,) * 2
    with pytest.raises(AssertionError, match="is a Generator: what does it hold"):
        list(leaves({"rng": np.random.default_rng()}))


@pytest.mark.parametrize(("method", "task"), EXACT, ids=lambda name: name)
@pytest.mark.parametrize("request_name", ["a batch of users", "interactions of several users", "a stream"])
def test_an_exact_method_equals_fitting_what_remains(method, task, request_name):
    after = forgotten(method, task, request_name)
    again = METHODS[method].fit(TASKS[task], after.records, seed=getattr(after.memory, "seed", 1))  # shards keep the seed of the fit
    for found, wanted in zip(after.model.state_dict().values(), again.model.state_dict().values(), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-8 if method == "ease" else 0, rtol=0)


@pytest.mark.parametrize(("method", "task"), POST_HOC, ids=lambda name: name)
def test_editing_reads_the_request_alone(method, task):
    before = fitted(method, task)
    after = METHODS[method].forget(TASKS[task], dataclasses.replace(before, records=Locked(LOG)), *REQUESTS["a batch of users"], seed=1)
    assert parameters(after) == parameters(forgotten(method, task, "a batch of users"))

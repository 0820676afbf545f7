"""Every method on every task keeps the promises of `r2u_rec.testing`, on data whose answer is known.

Who takes the suite stands in `conformance/roster.py` and the files `roster_*.py` beside it.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import roster  # in the folder beside this file, as are the next
import torch
from roster import LOG, N_ITEMS, N_USERS

from r2u_rec.recsys.models.propagation import normalised_adjacency
from r2u_rec.testing import MethodCase, leaves, method_checks
from r2u_rec.testing.methods import REQUESTS

ROSTERS = [roster, *(import_module(path.stem) for path in sorted((Path(__file__).parent / "conformance").glob("roster_*.py")))]
METHODS = {name: method for part in ROSTERS for name, method in part.METHODS.items()}
TASKS = {name: task for part in ROSTERS for name, task in part.TASKS.items()}
PAIRS = [pair for part in ROSTERS for pair in part.PAIRS]
ONCE = {m: (m, t) for m, t in reversed(PAIRS)}
"""Each method with the first of its tasks."""
CASES = {(m, t): MethodCase(METHODS[m], TASKS[t], LOG, exact_tolerance=1e-8 if m == "ease" else 0.0) for m, t in PAIRS}
EVERY = [
    pytest.param(*pair, check, id=f"{'-'.join(pair)}-{check}")
    for pair, case in CASES.items()
    for check in method_checks(case)
    if check.name != "two_requests_may_come_in_either_order" or ONCE[pair[0]] == pair
]


@pytest.mark.parametrize(("method", "task", "check"), EVERY)
def test_the_method_keeps_the_promise(method, task, check):
    check(CASES[method, task])


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize(("method", "task"), [pair for pair in PAIRS if pair[1] == "LightGCN"])
def test_every_graph_inside_is_that_of_the_records_that_remain(method, task, request_name):
    after = CASES[method, task].forgotten(request_name)
    parts = [(after.model, after.records)]
    if hasattr(after.memory, "shard_of"):
        parts = [(model, after.records.take(after.memory.shard_of == shard)) for shard, model in enumerate(after.memory.models)]
    for model, records in parts:
        assert torch.equal(model.graph.adjacency.to_dense(), normalised_adjacency(records).to_dense())


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize(("method", "task"), [(m, t) for m, t in PAIRS if m == "ease" or m.startswith("sharded")])
def test_every_history_inside_is_that_of_the_records_that_remain(method, task, request_name):
    after = CASES[method, task].forgotten(request_name)
    assert (after.model.histories != after.records.matrix()).nnz == 0


def test_the_search_finds_what_stays_behind():
    held = dict(leaves(CASES["standard + newton", "LightGCN"].fitted))
    assert np.isin(LOG.ids, held["fitted.memory.tables[0].ids"]).all()
    assert "person-5" in held["fitted.records.user_keys.keys"]
    assert held["fitted.model.graph.adjacency"].shape == (N_USERS + N_ITEMS,) * 2
    with pytest.raises(AssertionError, match="is a Generator: what does it hold"):
        list(leaves({"rng": np.random.default_rng()}))

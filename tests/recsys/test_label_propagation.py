"""Communities of the graph of who has what: planted ones are found, none outgrows its room, loners pile up nowhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from r2u_rec.errors import SettingsError
from r2u_rec.recsys.sharded.label_propagation import ByLabelPropagation, _moved, communities, narrow_capacity


def planted(rng, k=2, users=100, items=60, noise=0.02):
    has = rng.random((k * users, k * items)) < noise
    for block in range(k):
        has[block * users : (block + 1) * users, block * items : (block + 1) * items] |= rng.random((users, items)) < 0.3
    return sparse.csr_array(has.astype(np.float32)), np.repeat(np.arange(k), users)


def test_planted_communities_are_found_where_chance_would_cut_half_of_the_edges():
    rng = np.random.default_rng(0)
    kept = []
    for seed in range(5):
        has, _ = planted(np.random.default_rng(seed))
        of_users, of_items = communities(has, 2, rng)
        u, i = has.nonzero()
        kept.append((of_users[u] == of_items[i]).mean())
    assert np.mean(kept) > 0.75


@settings(deadline=None, max_examples=25)
@given(n=st.integers(2, 40), m=st.integers(2, 30), k=st.integers(1, 5), density=st.floats(0, 0.5), seed=st.integers(0, 10**6))
def test_no_community_outgrows_its_room_on_either_side(n, m, k, density, seed):
    rng = np.random.default_rng(seed)
    has = sparse.csr_array((rng.random((n, m)) < density).astype(np.float32))
    for labels, degrees in zip(communities(has, k, rng), (has.sum(1), has.sum(0)), strict=True):
        linked = np.asarray(degrees).ravel() > 0
        assert ((labels >= 0) & (labels < k)).all()
        if linked.any():
            assert np.bincount(labels[linked], minlength=k).max() <= max(narrow_capacity(int(linked.sum()), k), -(-int(linked.sum()) // k))


def test_nodes_without_neighbours_are_dealt_evenly_and_not_all_to_the_first_community():
    has = np.zeros((40, 6), dtype=np.float32)
    has[:4] = 1
    of_users, _ = communities(sparse.csr_array(has), 4, np.random.default_rng(0))
    assert np.bincount(of_users[4:]).tolist() == [9] * 4


def test_who_finds_no_room_waits_and_comes_in_when_somebody_leaves():
    labels = np.array([0, 0, 1, 1, 2])
    votes = np.zeros((5, 3))
    votes[2, 0], votes[0, 2] = 9, 5  # the third wants to the first community, which is full until the first node leaves it
    found, moves = _moved(labels, votes, 2, np.random.default_rng(0))
    assert found.tolist() == [2, 0, 0, 1, 2]
    assert moves == 2
    votes[0, 2] = 0
    assert _moved(labels, votes, 2, np.random.default_rng(0))[0].tolist() == labels.tolist()


def test_most_neighbours_come_first_and_ties_are_broken_at_random():
    votes = np.array([[0, 3.0], [0, 7.0], [0, 0]])
    assert _moved(np.array([0, 0, 1]), votes, 2, np.random.default_rng(0))[0].tolist() == [0, 1, 1]
    tied = np.array([[0, 2.0, 2.0]])
    assert {int(_moved(np.array([0]), tied, 1, np.random.default_rng(seed))[0][0]) for seed in range(20)} == {1, 2}


@pytest.mark.parametrize(("n", "k", "wanted"), [(100, 10, 11), (1000, 10, 105), (6040, 10, 632), (7, 7, 2), (9, 1, 9)])
def test_the_room_of_a_shard_is_that_of_the_paper(n, k, wanted):
    assert narrow_capacity(n, k) == wanted


def test_too_few_iterations_are_refused():
    with pytest.raises(SettingsError, match="iterations must be >= 1, got 0"):
        ByLabelPropagation(0)

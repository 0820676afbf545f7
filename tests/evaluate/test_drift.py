"""How far lists stand from those of retrained models."""

import numpy as np
import pytest
from evaluate_toys import Table
from scipy import sparse

from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.drift import Floor, list_drift, list_overlap, weighted_overlap

UNSEEN = sparse.csr_array((30, 12))


def random_lists(m, k, *, seed, n_items=12, short=True):
    """Lists of distinct items, some of them cut short by -1."""
    rng = np.random.default_rng(seed)
    lists = np.stack([rng.permutation(n_items)[:k] for _ in range(m)])
    if short:
        lists[np.arange(k) >= rng.integers(0, k + 1, size=m)[:, None]] = -1
    return lists


def naive(a, b):
    """(overlap, weighted overlap) of two lists by their definitions."""
    a, b = ([int(i) for i in items if i >= 0] for items in (a, b))
    n = max(len(a), len(b))
    if n == 0:
        return 1.0, 1.0
    return len(set(a) & set(b)) / n, np.mean([len(set(a[:d]) & set(b[:d])) / d for d in range(1, n + 1)])


@pytest.mark.parametrize("k", [1, 5, 12])
def test_overlaps_equal_the_naive_sets_also_for_lists_that_are_cut_short(k):
    a, b = random_lists(40, k, seed=1), random_lists(40, k, seed=2)
    expected = np.array([naive(*pair) for pair in zip(a, b, strict=True)])
    np.testing.assert_allclose(list_overlap(a, b), expected[:, 0])
    np.testing.assert_allclose(weighted_overlap(a, b), expected[:, 1])


def test_a_list_has_all_in_common_with_itself_and_nothing_with_a_foreign_one():
    lists = random_lists(20, 6, seed=3)
    assert (list_overlap(lists, lists) == 1).all()
    np.testing.assert_allclose(weighted_overlap(lists, lists), 1)
    foreign = np.where(lists >= 0, lists + 100, -1)
    assert not list_overlap(lists, foreign)[lists[:, 0] >= 0].any()


def test_the_order_counts_in_the_weighted_overlap_only():
    a, turned, tail = np.array([[0, 1, 2, 3]]), np.array([[3, 2, 1, 0]]), np.array([[0, 1, 3, 2]])
    assert list_overlap(a, turned) == list_overlap(a, tail) == 1
    assert weighted_overlap(a, turned) < weighted_overlap(a, tail) < 1


def test_large_numbers_of_users_are_compared_in_chunks(monkeypatch):
    a, b = random_lists(40, 5, seed=1), random_lists(40, 5, seed=2)
    whole = weighted_overlap(a, b)
    monkeypatch.setattr("r2u_rec.evaluate.drift.CHUNK_ELEMENTS", 75)  # three users at a time
    np.testing.assert_array_equal(weighted_overlap(a, b), whole)


def test_overlap_is_the_mean_over_references_and_the_floor_over_their_pairs():
    model, *retrained = (random_lists(15, 4, seed=s, short=False) for s in range(4))
    found = Floor.of(retrained).drift(model)
    assert found.overlap == pytest.approx(np.mean([[naive(a, b)[0] for a, b in zip(model, r, strict=True)] for r in retrained]))
    pairs = [(0, 1), (0, 2), (1, 2)]
    assert found.floor == pytest.approx(
        np.mean([[naive(a, b)[0] for a, b in zip(retrained[i], retrained[j], strict=True)] for i, j in pairs])
    )
    assert (found.k, found.n_users, found.n_references) == (4, 15, 3)


def test_one_more_retrained_model_reaches_the_floor_and_another_recipe_does_not():
    shared = np.random.default_rng(0).normal(size=(30, 12))
    model, *retrained = (Table(shared + 0.3 * np.random.default_rng(seed).normal(size=shared.shape)) for seed in range(4))
    near = list_drift(model, retrained, UNSEEN, np.arange(30), k=4)
    assert near.floor < 1
    assert abs(near.floor - near.overlap) < 0.08
    far = list_drift(Table(np.random.default_rng(9).normal(size=shared.shape)), retrained, UNSEEN, np.arange(30), k=4)
    assert far.floor == near.floor
    assert far.floor - far.overlap > 0.2
    assert far.weighted_floor - far.weighted > 0.2


def test_what_is_seen_is_in_no_list():
    one, other = (Table(np.tile(np.arange(12.0), (30, 1)) * sign) for sign in (1, -1))
    half_seen = sparse.csr_array(np.tile(np.arange(12) >= 6, (30, 1)).astype(float))
    assert list_drift(one, [other, other], UNSEEN, np.arange(30), k=6).overlap == 0
    assert list_drift(one, [other, other], half_seen, np.arange(30), k=6).overlap == 1


def test_comparisons_without_sense_are_refused():
    lists = random_lists(3, 4, seed=0)
    with pytest.raises(EvidenceError, match="at least 2 retrained models, got 1: retrain with another seed"):
        Floor.of([lists])
    for overlap in (list_overlap, weighted_overlap):
        with pytest.raises(ValueError, match=r"shapes \(3, 4\) and \(2, 4\), expected \(m, k\) twice: rank the same users"):
            overlap(lists, lists[:2])
    with pytest.raises(ValueError, match="no lists to compare: name at least one user"):
        Floor.of([lists[:0], lists[:0]])

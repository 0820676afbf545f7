"""Two groups that an attacker must tell apart are disjoint, of equal size, and alike."""

from __future__ import annotations

import numpy as np
import pytest

from r2u_rec.errors import DataError
from r2u_rec.revocability.governance.matching import matched_halves

POOL = 3 * np.arange(200) + 5


def values(seed: int, *, constant: bool = False) -> np.ndarray:
    """(200, 2): a score and a log length that go together, on different scales."""
    rng = np.random.default_rng(seed)
    length = rng.normal(5, 2, size=200)
    return np.stack([np.full(200, 0.3) if constant else length / 50 + rng.normal(0, 0.01, 200), length], axis=1)


@pytest.mark.parametrize("n", [1, 7, 100])
def test_the_halves_are_disjoint_ascending_of_the_size_asked_for_and_from_the_pool(n):
    first, second = matched_halves(POOL, values(0), n, rng=np.random.default_rng(1))
    assert len(first) == len(second) == n
    assert np.intersect1d(first, second).size == 0
    for half in (first, second):
        assert (np.diff(half) > 0).all()
        assert np.isin(half, POOL).all()


def differences(split, seeds) -> np.ndarray:
    """(n_seeds, 2) absolute differences of the halves' means, in standard deviations."""
    rows = []
    for seed in seeds:
        x = values(seed)
        halves = [np.searchsorted(POOL, half) for half in split(x, np.random.default_rng(seed + 1000))]
        rows.append(np.abs(x[halves[0]].mean(0) - x[halves[1]].mean(0)) / x.std(0))
    return np.array(rows)


def test_their_means_are_nearer_than_those_of_random_halves():
    def matched(x, rng):
        return matched_halves(POOL, x, 40, rng=rng)

    def random(x, rng):
        return np.split(rng.choice(POOL, size=80, replace=False), 2)

    near, far = (differences(split, range(60)).mean(0) for split in (matched, random))
    assert (near < 0.5 * far).all()


def test_a_coin_decides_so_that_neither_half_is_the_upper_one():
    x = values(0)
    signs = []
    for seed in range(200):
        first, second = (np.searchsorted(POOL, half) for half in matched_halves(POOL, x, 30, rng=np.random.default_rng(seed)))
        signs.append(x[first, 1].mean() > x[second, 1].mean())
    assert 0.35 < np.mean(signs) < 0.65


def test_a_column_that_is_the_same_for_all_does_no_harm_and_the_seed_decides():
    x = values(0, constant=True)
    first, again, other = (matched_halves(POOL, x, 30, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_a_pool_that_is_too_small_is_refused():
    with pytest.raises(DataError, match="two groups of 101 users need a pool of 202, got 200: ask for fewer users, or flag more"):
        matched_halves(POOL, values(0), 101, rng=np.random.default_rng(0))

"""Models of implicit come in, recommend what they recommended, and forget; what cannot forget is refused with the reason."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import r2u_rec as r2u
from r2u_rec.errors import CapabilityError, DataError

als = pytest.importorskip("implicit.als")
bpr = pytest.importorskip("implicit.bpr")


@pytest.fixture(scope="module")
def matrix(log):
    return sparse.csr_matrix(log.matrix())


def keys_of(log):
    return list(log.user_keys.keys), list(log.item_keys.keys)


@pytest.mark.parametrize("kind", ["als", "bpr"])
def test_it_recommends_what_implicit_recommends_and_forgets(log, matrix, kind):
    if kind == "als":
        theirs = als.AlternatingLeastSquares(factors=4, alpha=5.0, regularization=0.1, iterations=5, random_state=1, num_threads=1)
    else:
        theirs = bpr.BayesianPersonalizedRanking(factors=4, random_state=1, num_threads=1)
    theirs.fit(matrix, show_progress=False)
    model = r2u.from_implicit(theirs, matrix, keys_of(log))
    items, scores = theirs.recommend(2, matrix[2], N=2)
    found = model.recommend(["U-002"], k=2)
    assert list(found["item"]) == [log.item_keys.key(int(item)) for item in items]
    np.testing.assert_allclose(found["score"], scores, rtol=1e-5)
    after = model.forget(users=["U-001"], allow_small_batch=True)
    assert "U-001" not in after.log.user_keys
    assert len(after.log) == 234


def test_the_erased_users_row_of_als_is_what_their_solve_gives_without_them(log, matrix):
    theirs = als.AlternatingLeastSquares(factors=4, alpha=5.0, regularization=0.1, iterations=5, random_state=1, num_threads=1)
    theirs.fit(matrix, show_progress=False)
    before = theirs.user_factors.copy()
    after = r2u.from_implicit(theirs, matrix).forget(users=[1], allow_small_batch=True)
    assert (after.trained.fitted.model.user_factors[1] == 0).all()
    assert (theirs.user_factors == before).all()


def test_what_cannot_forget_is_refused_with_the_reason(matrix):
    from implicit.nearest_neighbours import CosineRecommender

    near = CosineRecommender()
    near.fit(matrix, show_progress=False)
    with pytest.raises(CapabilityError, match=r"keeps similarities and no counts.*r2u.ItemKNN\(\)"):
        r2u.from_implicit(near, matrix)
    with pytest.raises(CapabilityError, match="a dict cannot be taken over"):
        r2u.from_implicit({}, matrix)
    with pytest.raises(DataError, match="was never fitted"):
        r2u.from_implicit(als.AlternatingLeastSquares(factors=4), matrix)


def test_what_does_not_belong_together_is_refused(log, matrix):
    theirs = als.AlternatingLeastSquares(factors=4, alpha=2.0, iterations=1, random_state=1, num_threads=1)
    theirs.fit(matrix, show_progress=False)
    with pytest.raises(DataError, match="the model has 40 users and 16 items, user_items 39 and 16"):
        r2u.from_implicit(theirs, matrix[:39])
    with pytest.raises(DataError, match="there are 3 keys for 40 users: give one key a row"):
        r2u.from_implicit(theirs, matrix, (["a", "b", "c"], list(log.item_keys.keys)))
    weighted = matrix.copy()
    weighted.data[0] = 3
    with pytest.raises(CapabilityError, match="2 different weights"):
        r2u.from_implicit(theirs, weighted)

"""Canaries: the length of a forgetting step without a retrained model."""

import numpy as np
import pytest
from evaluate_toys import Neighbours, noisy, random_histories, remembering
from scipy import sparse
from sklearn.linear_model import Ridge

from r2u_rec.errors import EvidenceError
from r2u_rec.evaluate.imprint import FoldInProbe
from r2u_rec.evaluate.length.canaries import Expectation, choose_length
from r2u_rec.evaluate.length.proxies import item_neighbours, item_regression

N_ITEMS = 60
HISTORIES = random_histories(80, N_ITEMS, seed=4)
CANARIES = FoldInProbe(HISTORIES, np.arange(30), n_halves=2, seed=1)


def model_after(length, *, needed=1.3):
    """Remembers the canaries with a strength that a step of the length `needed` takes away."""
    return remembering(HISTORIES, np.arange(30), seed=7, strength=2.0 * (1 - length / needed))


def test_the_length_found_is_the_one_that_forgets_exactly():
    never = CANARIES.measure(noisy(N_ITEMS, seed=7)).fa
    assert choose_length(model_after, CANARIES, never) == pytest.approx(1.3, abs=0.01)
    assert choose_length(lambda a: model_after(a, needed=0.2), CANARIES, never) == pytest.approx(0.2, abs=0.01)


def test_the_first_crossing_is_taken_where_a_long_step_breaks_the_model():
    def breaks(length):
        return model_after(length, needed=0.7) if length <= 1 else model_after(0.7 * (2.5 - length), needed=0.7)

    never = CANARIES.measure(noisy(N_ITEMS, seed=7)).fa
    assert choose_length(breaks, CANARIES, never) == pytest.approx(0.7, abs=0.01)


def test_a_step_that_moves_everybody_is_held_against_the_expectation_under_the_moved_model():
    everybody = HISTORIES.toarray().T @ HISTORIES.toarray()

    def honest(length):
        """Knows no canary in particular, and ranks worse for everybody the longer the step."""
        return Neighbours(noisy(N_ITEMS, seed=7).weights - 0.3 * length * everybody)

    def moved(length):
        """The same, with a memory of the canaries that a step of length 1 takes away."""
        memory = remembering(HISTORIES, np.arange(30), seed=7, strength=2.0 * (1 - length)).weights - noisy(N_ITEMS, seed=7).weights
        model = Neighbours(honest(length).weights + memory)
        model.length = length
        return model

    followed = choose_length(moved, CANARIES, lambda model: CANARIES.measure(honest(model.length)).fa)
    assert followed == pytest.approx(1.0, abs=0.01)
    assert choose_length(moved, CANARIES, CANARIES.measure(honest(0.0)).fa) < 0.9  # takes the loss of quality for forgetting


def test_nothing_remembered_needs_no_step():
    never = CANARIES.measure(noisy(N_ITEMS, seed=7)).fa
    assert choose_length(lambda _: noisy(N_ITEMS, seed=7), CANARIES, never) == 0.0


def test_a_step_that_cannot_forget_is_refused_and_the_values_named():
    with pytest.raises(EvidenceError, match=r"no step up to 3.0 .* the nearest, 3, leaves it 0\.\d+ above"):
        choose_length(lambda a: model_after(a, needed=30.0), CANARIES, np.full(30, 0.5))
    with pytest.raises(ValueError, match=r"expected has shape \(2,\) for 30 canaries"):
        choose_length(model_after, CANARIES, np.zeros(2))
    with pytest.raises(ValueError, match=r"stride must be above 0, got 0"):
        choose_length(model_after, CANARIES, np.zeros(30), stride=0)


def themed(n_users, *, seed, n_themes=5, n_items=60):
    """Users whose items come mostly from a theme of their own, in a share that differs from user to user."""
    rng = np.random.default_rng(seed)
    dense = np.zeros((n_users, n_items))
    for user in range(n_users):
        theme = np.arange(n_items) % n_themes == rng.integers(n_themes)
        odds = np.where(theme, rng.uniform(1, 20), 1.0)
        dense[user, rng.choice(n_items, size=rng.integers(6, 14), replace=False, p=odds / odds.sum())] = 1
    return sparse.csr_array(dense)


def test_the_expectation_is_what_the_canaries_would_have_scored_untrained():
    histories = themed(300, seed=2)
    canaries, calibration_users = np.arange(60), np.arange(60, 160)
    training = histories.copy()
    training.data[np.isin(np.repeat(np.arange(300), np.diff(histories.indptr)), calibration_users)] = 0
    training.eliminate_zeros()
    theme = np.arange(60)[:, None] % 5 == np.arange(60) % 5
    honest = theme + 0.3 * np.random.default_rng(1).normal(size=(60, 60))
    theirs = histories[canaries].toarray()
    released = Neighbours(honest + 2.0 * (theirs.T @ theirs) / 10)
    probe = FoldInProbe(histories, canaries, n_halves=3, seed=1)
    expected = Expectation(probe, FoldInProbe(histories, calibration_users, n_halves=3, seed=1), training, seed=0).under(released)
    truth, remembered = probe.measure(Neighbours(honest)).fa, probe.measure(released).fa
    assert remembered.mean() - truth.mean() > 0.05
    assert expected.auc.mean() == pytest.approx(truth.mean(), abs=0.03)
    assert np.corrcoef(expected.auc, truth)[0, 1] > 0.6
    assert expected.n_calibration_users == 100
    assert expected.r2 > 0.3
    assert abs(expected.bias) < 3 * expected.bias_se + 0.005


def test_the_expectation_follows_the_model_that_it_is_asked_about():
    histories = themed(160, seed=2)
    training = histories.copy()
    training.data[training.indptr[30] : training.indptr[90]] = 0
    training.eliminate_zeros()
    probes = [FoldInProbe(histories, users, n_halves=2, seed=1) for users in (np.arange(30), np.arange(30, 90))]
    expectation = Expectation(*probes, training, seed=0)
    theme = (np.arange(60)[:, None] % 5 == np.arange(60) % 5).astype(float)
    good, chance = expectation.under(Neighbours(theme)), expectation.under(Neighbours(np.zeros((60, 60))))
    assert good.auc.mean() > 0.6
    np.testing.assert_allclose(chance.auc, 0.5, atol=1e-9)


def test_the_canaries_own_histories_do_not_reach_their_expectation():
    histories = themed(120, seed=2)
    canaries, calibration_users = np.arange(30), np.arange(30, 70)
    probes = [FoldInProbe(histories, users, n_halves=2, seed=1) for users in (canaries, calibration_users)]
    rest = histories.copy()
    rest.data[: rest.indptr[70]] = 0
    rest.eliminate_zeros()
    with_canaries = rest + sparse.vstack([histories[:30], sparse.csr_array((90, 60))]).tocsr()
    outcomes = [Expectation(*probes, sparse.csr_array(t), seed=0).under(noisy(60, seed=1)).auc for t in (rest, with_canaries)]
    np.testing.assert_array_equal(*outcomes)


def test_the_item_neighbours_are_cosines():
    dense = themed(50, seed=3).toarray()
    norms = np.maximum(np.linalg.norm(dense, axis=0), 1e-12)
    similarity = item_neighbours(sparse.csr_array(dense)).similarity.toarray()
    np.testing.assert_allclose(similarity, dense.T @ dense / norms[:, None] / norms, atol=1e-6)


def test_the_item_regression_is_a_ridge_of_each_item_on_the_others():
    dense = themed(50, seed=3).toarray()
    weights = item_regression(sparse.csr_array(dense), reg=5.0).weights
    for item in (0, 17):
        others = np.delete(np.arange(N_ITEMS), item)
        np.testing.assert_allclose(
            weights[others, item], Ridge(alpha=5.0, fit_intercept=False).fit(dense[:, others], dense[:, item]).coef_, atol=1e-9
        )
        assert weights[item, item] == 0


def test_a_large_catalogue_is_regressed_on_its_most_popular_items():
    histories = sparse.csr_array(np.array([[1, 1, 0, 1], [1, 0, 0, 1], [0, 1, 0, 1], [1, 1, 1, 0]]))
    model = item_regression(histories, reg=1.0, largest=3)
    assert model.items.tolist() == [0, 1, 3]
    assert (model.fold_in(histories)[:, 2] == 0).all()
    assert (model.fold_in(histories)[:, [0, 1, 3]] != 0).all()


def test_an_expectation_without_support_is_refused():
    training = sparse.csr_array((80, N_ITEMS))
    with pytest.raises(EvidenceError, match="at least 20 never-trained users, got 5"):
        Expectation(CANARIES, FoldInProbe(HISTORIES, np.arange(30, 35), seed=0), training, seed=0)
    with pytest.raises(EvidenceError, match="50 of 50 never-trained users occur in the training data, the first 30"):
        Expectation(CANARIES, FoldInProbe(HISTORIES, np.arange(30, 80), seed=0), HISTORIES, seed=0)

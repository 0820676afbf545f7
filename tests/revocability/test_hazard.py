"""P(alive) on people who leave by the very model, and the fit against the numbers they were made from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import OptimizeResult
from sklearn.metrics import roc_auc_score

from r2u_rec.errors import DataError
from r2u_rec.revocability import churn, hazard
from r2u_rec.revocability.featurize.table import parts
from r2u_rec.revocability.scorers.bg_nbd import _log_likelihood, fitted_bg_nbd

DAY = 86_400
R, ALPHA, A, B = 1.5, 20.0, 1.0, 4.0  # a visit in about two weeks, and one in five leaves after each


def people(n: int, seed: int, *, days: int = 730) -> tuple[list[list[int]], np.ndarray]:
    """Days of visits of people who follow BG/NBD, and who of them is still there at the end."""
    rng = np.random.default_rng(seed)
    visits, alive = [], []
    for _ in range(n):
        rate, leaves = rng.gamma(R, 1 / ALPHA), rng.beta(A, B)
        now, here, mine = float(rng.integers(0, days // 2)), True, []
        while now < days and here:
            mine.append(int(now))
            here = len(mine) == 1 or rng.random() >= leaves
            now += rng.exponential(1 / rate)
        visits.append(mine)
        alive.append(here)
    return visits, np.array(alive)


@pytest.fixture(scope="module")
def crowd():
    return people(1500, 0)


def as_log(build, visits: list[list[int]]):
    users = np.repeat(np.arange(len(visits)), [len(mine) for mine in visits])
    times = np.concatenate(visits) * DAY + 3600
    return build(users, users % 200, times, n_users=len(visits))


def test_the_fit_finds_the_model_that_people_were_made_from():
    visits, _ = people(4000, 1)
    table = pd.DataFrame(
        {
            "active_days": [len(set(mine)) for mine in visits],
            "span_days": [mine[-1] - mine[0] for mine in visits],
            "age_days": [729 - mine[0] for mine in visits],
        }
    )
    model = fitted_bg_nbd(table)
    assert model.r / model.alpha == pytest.approx(R / ALPHA, rel=0.15)  # visits on one day count once, so a little low
    assert model.a / (model.a + model.b) == pytest.approx(A / (A + B), rel=0.15)


def test_who_is_said_to_have_left_has_left(build, crowd):
    visits, alive = crowd
    score = hazard(as_log(build, visits), now=730 * DAY)
    again = np.array([len(set(mine)) > 1 for mine in visits])
    assert roc_auc_score(~alive[again], score[again]) > 0.9
    assert score[again].mean() == pytest.approx((~alive[again]).mean(), abs=0.05)


def test_a_pause_counts_against_the_users_own_rhythm(build, crowd):
    log = as_log(build, [list(range(0, 600, 3)), list(range(0, 601, 60)), *crowd[0]])
    gone = hazard(log, now=730 * DAY)
    assert gone[0] > 0.99  # every third day, and then 130 days not
    assert gone[1] < 0.6
    assert churn(log, now=730 * DAY)[0] == pytest.approx(churn(log, now=730 * DAY)[1], abs=0.05)


def test_who_came_once_is_said_to_be_there_and_nobody_overflows(build, crowd):
    log = as_log(build, [[0], list(range(300)), *crowd[0]])
    p = parts(log, ("p_alive",))["p_alive"]
    assert p[0] == 1
    assert 0 <= p[1] < 1e-30
    assert np.all((p >= 0) & (p <= 1))


def test_the_expression_is_the_closed_form_of_the_fitted_model(build, crowd):
    log = as_log(build, crowd[0][:300])
    of = parts(log, ("p_alive", "active_days", "span_days", "age_days"))
    m = fitted_bg_nbd(pd.DataFrame(of))
    x, last, age = of["active_days"] - 1, of["span_days"], of["age_days"]
    dead = m.a / (m.b + np.maximum(x, 1) - 1) * ((m.alpha + age) / (m.alpha + last)) ** (m.r + x)
    assert_allclose(of["p_alive"], np.where(x > 0, 1 / (1 + dead), 1), rtol=1e-9)


@pytest.mark.parametrize(("x", "last", "age"), [(0, 0.0, 50.0), (1, 9.0, 50.0), (4, 30.0, 31.0)])
def test_the_likelihood_is_a_persons_own_averaged_over_rates_and_chances_to_leave(x, last, age):
    def over_rates(t):  # rate^x exp(-rate t)
        return quad(lambda rate: rate**x * np.exp(-rate * t) * stats.gamma.pdf(rate, R, scale=1 / ALPHA), 0, np.inf)[0]

    def over_chances(power):
        return quad(lambda p: p**power * (1 - p) ** (x - power) * stats.beta.pdf(p, A, B), 0, 1)[0]

    naive = over_chances(0) * over_rates(age) + (over_chances(1) * over_rates(last) if x > 0 else 0)
    ours = _log_likelihood(np.array([R, ALPHA, A, B]), np.array([float(x)]), np.array([last]), np.array([age]))
    assert_allclose(np.exp(ours), naive, rtol=1e-6)


def test_without_repeat_visits_it_is_refused(build):
    log = as_log(build, [[0, 5]] * 9 + [[3]] * 30)
    with pytest.raises(DataError, match="9 of 39 users came on a second day, and at least 10 must: use churn"):
        hazard(log)


def test_when_nobody_can_have_left_it_is_refused(build):
    log = as_log(build, [[0, 5]] * 30)
    with pytest.raises(DataError, match="every user's last day is the last of the log: use churn, or give a later now"):
        hazard(log)
    assert_array_equal(hazard(log, now=9 * DAY) > 0, np.ones(30, dtype=bool))


def test_a_sample_chosen_by_a_hash_fits_nearly_the_same(build, crowd, monkeypatch):
    log = as_log(build, crowd[0])
    whole = hazard(log)
    monkeypatch.setattr("r2u_rec.revocability.scorers.bg_nbd.MAX_FITTED", 700)
    assert not np.array_equal(hazard(log), whole)
    assert_allclose(hazard(log), whole, atol=0.15)
    assert_array_equal(hazard(log, seed=1), hazard(log, seed=1))


def test_a_likelihood_without_a_maximum_is_refused(build, crowd, monkeypatch):
    failed = OptimizeResult(success=False, fun=1.0, message="ABNORMAL", x=np.zeros(4))
    monkeypatch.setattr("r2u_rec.revocability.scorers.bg_nbd.minimize", lambda *_, **__: failed)
    with pytest.raises(DataError, match=r"cannot be fitted to 1500 users \(ABNORMAL\): use churn"):
        hazard(as_log(build, crowd[0]))

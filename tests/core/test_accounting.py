"""The account of a private training is that of the mechanism it really was, and never less than it spent."""

from __future__ import annotations

import math
import sys

import pytest

from r2u_rec.core.privacy.accounting import epsilon
from r2u_rec.errors import CapabilityError, SettingsError

RUN = {"n_records": 1000, "batch_size": 50, "n_steps": 200, "noise_multiplier": 1.0, "delta": 1e-4}


def gaussian_delta(eps, sigma):
    """The delta of one Gaussian mechanism of sensitivity 1, in closed form (Balle and Wang 2018, theorem 8)."""
    phi = lambda x: 0.5 * math.erfc(-x / math.sqrt(2))  # noqa: E731
    return phi(0.5 / sigma - eps * sigma) - math.exp(eps) * phi(-0.5 / sigma - eps * sigma)


def test_shuffled_batches_are_accounted_as_one_gaussian_mechanism_an_epoch():
    pytest.importorskip("opacus", reason="epsilon needs opacus")
    sigma, n_epochs = 4.0, 10
    exact = next(e / 1000 for e in range(20_000) if gaussian_delta(e / 1000, sigma / math.sqrt(n_epochs)) <= 1e-4)
    run = RUN | {"sampling": "shuffled", "noise_multiplier": sigma}
    assert exact <= epsilon(**run, accountant="rdp") < 1.2 * exact
    assert epsilon(**run, accountant="prv") == pytest.approx(exact, abs=0.02)
    assert epsilon(**run | {"n_steps": 181}) == epsilon(**run)  # an epoch begun counts


def test_epsilon_falls_with_noise_and_rises_with_steps_and_poisson_draws_amplify():
    pytest.importorskip("opacus", reason="epsilon needs opacus")
    base = epsilon(**RUN)
    assert epsilon(**RUN | {"noise_multiplier": 2.0}) < base < epsilon(**RUN | {"n_steps": 400})
    assert base < epsilon(**RUN, sampling="shuffled")
    assert epsilon(**RUN, accountant="prv") < base
    assert epsilon(**RUN | {"n_steps": 0}) == 0
    assert epsilon(**RUN | {"noise_multiplier": 0}) == math.inf


def test_epsilon_without_opacus_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "opacus.accountants", None)
    with pytest.raises(CapabilityError, match=r"epsilon needs opacus, which is not installed: pip install 'r2u-rec\[privacy\]'"):
        epsilon(**RUN)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"delta": 0}, r"delta must lie in \(0, 1\), got 0"),
        ({"batch_size": 1001}, r"batch_size must lie in \[1, n_records=1000\], got 1001"),
        ({"n_steps": -1}, "noise_multiplier and n_steps must be >= 0, got 1.0 and -1"),
        ({"sampling": "twice"}, "sampling must be one of poisson, shuffled, got 'twice'"),
        ({"accountant": "gdp"}, "accountant must be one of rdp, prv, got 'gdp'"),
    ],
)
def test_an_account_of_settings_out_of_range_is_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        epsilon(**RUN | settings)

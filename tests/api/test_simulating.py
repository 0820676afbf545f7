"""A year of requests, in this process, against the policies that are named."""

from __future__ import annotations

import pytest
from api_toys import scattered

import r2u_rec as r2u
from r2u_rec.errors import SettingsError

STREAM = {
    "months": 3,
    "requests_per_month": 4,
    "incident_month": None,
    "checkpoints": 1,
    "holdout_share": 0.1,
    "newcomers_share": 0.0,
    "return_share": 0.0,
}


def test_policies_are_played_between_never_and_always_retraining(tmp_path):
    model = r2u.MF(embedding_dim=4, epochs=20, lr=0.05, batch_size=256, method=r2u.Method("newton", length=1.0))
    played = r2u.simulate(
        scattered(200, 60, 12),
        ["newton every_days=30"],
        model=model,
        out=tmp_path / "year",
        ks=(10,),
        scoring={"scorer": "uniform", "calibration_share": 0.0},
        **STREAM,
    )
    assert list(played.rows["policy"]) == ["never", "retrain by_deadline", "newton every_days=30"]
    assert repr(played) == "<simulation of 3 policies on 1 seed>"
    assert played.advice
    assert played.to_html(tmp_path / "year.html").stat().st_size > 1000
    assert (tmp_path / "year" / "data" / "interactions.parquet").stat().st_mode & 0o077 == 0


def test_a_policy_or_a_setting_that_cannot_be_is_refused():
    log = scattered()
    with pytest.raises(SettingsError, match="unknown"):
        r2u.simulate(log, ["newtn every_days=7"])
    with pytest.raises(SettingsError, match="unknown setting of simulate 'month'; did you mean 'months'"):
        r2u.simulate(log, ["newton"], month=3)
    with pytest.raises(SettingsError, match="policies must be a list such as"):
        r2u.simulate(log, "newton")
    with pytest.raises(SettingsError, match="seeds must be a whole number >= 1, got 0"):
        r2u.simulate(log, ["newton"], seeds=0)

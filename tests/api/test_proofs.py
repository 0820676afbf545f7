"""audit and compare hold every figure against models that were retrained without the erased."""

from __future__ import annotations

import pytest
from api_toys import scattered

import r2u_rec as r2u
from r2u_rec.errors import DataError, SettingsError

SMALL = {"embedding_dim": 8, "epochs": 40, "lr": 0.05, "batch_size": 256, "reg": 0.0}


@pytest.fixture(scope="module")
def big():
    return scattered(160, 60, 12)


@pytest.fixture(scope="module")
def proof(big):
    return r2u.audit(r2u.MF(**SMALL), big, forget=0.1, references=2, ks=(10,))


def test_a_proof_has_rows_a_verdict_and_a_page(proof, tmp_path):
    assert list(proof.rows["operator"]) == ["retrained", "retrained", "none", "newton"]
    remembered, forgotten = (float(proof.rows.set_index("operator").loc[name, "auc"]) for name in ("none", "newton"))
    assert remembered > forgotten
    assert proof.verdict.startswith("mf, standard: newton: ")
    assert "retrained models" in proof.summary()
    assert proof.to_html(tmp_path / "proof.html").read_text().startswith("<!doctype html>")
    assert repr(proof).startswith("<audit: newton: ")


def test_the_users_may_be_named(big):
    keys = [big.user_keys.key(code) for code in range(16)]
    proof = r2u.audit(r2u.MF(**SMALL, method="retrain"), big, forget=keys, references=2, ks=(10,))
    assert set(proof.rows["operator"]) == {"retrained", "none", "retrain"}
    assert set(proof.rows["n_forget"]) == {16}
    with pytest.raises(DataError, match="1 of 1 user keys are not in the data, the first 'nobody'"):
        r2u.audit(r2u.MF(), big, forget=["nobody"])


def test_a_closed_form_is_held_against_fitting_anew(big):
    proof = r2u.audit(r2u.EASE(reg=1.0), big, forget=0.1, references=2, ks=(10,))
    assert float(proof.rows["max_difference"].max()) < 1e-6
    assert "exact" in proof.verdict


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"references": 1}, "references must be a whole number >= 2, got 1"),
        ({"ks": (99,)}, r"ks must name cut-offs in \[1, 60\], the number of items, got \[99\]"),
        ({"forget": 0.7}, r"forget must be a share of the users in \(0, 0.5\), or keys, got 0.7"),
    ],
)
def test_a_proof_that_cannot_be_is_refused(big, settings, message):
    with pytest.raises(SettingsError, match=message):
        r2u.audit(r2u.MF(**SMALL), big, **settings)


def test_methods_are_compared_on_the_same_requests_and_references(big, tmp_path):
    found = r2u.compare(["newton", "rows_deleted", "retrain"], r2u.MF(**SMALL), big, seeds=1, requests=["random"], references=2)
    rows = found.rows.set_index("operator")
    assert list(rows.index) == ["retrained", "retrained", "newton", "rows_deleted", "retrain"]
    assert len(set(rows["request"])) == 1
    assert float(rows.loc["rows_deleted", "auc"]) > float(rows.loc["retrain", "auc"])
    assert found.to_html(tmp_path / "rivals.html").stat().st_size > 1000


def test_a_comparison_that_cannot_be_is_refused(big):
    with pytest.raises(SettingsError, match="unknown method 'nwton'; did you mean 'newton'"):
        r2u.compare(["nwton"], data=big)
    with pytest.raises(SettingsError, match="methods must name one or more methods, each once"):
        r2u.compare([], data=big)
    with pytest.raises(SettingsError, match="exact does not fit MF"):
        r2u.compare(["exact"], "mf", big)
    with pytest.raises(SettingsError, match="unknown request 'cor'; did you mean 'core'"):
        r2u.compare(["newton"], "mf", big, requests=["cor"])

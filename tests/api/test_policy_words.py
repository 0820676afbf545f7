"""Policies, weights and costs as words of a settings file."""

from __future__ import annotations

import pytest

from r2u_rec.api.streams.methods import operators_of, starts
from r2u_rec.api.streams.policy_words import cost_of, policy_of, weights_of, words_of
from r2u_rec.config.parse import settings_from_mapping
from r2u_rec.errors import SettingsError


def test_words_become_the_fields_of_a_policy():
    found = policy_of("newton every_days=7 retrain_every_days=90 drift_budget=.05 trained=phased")
    assert (found.operator, found.every_days, found.retrain_every_days, found.drift_budget) == ("newton", 7.0, 90.0, 0.05)
    assert found.trained == "phased"
    assert found.name == "newton every_days=7 retrain_every_days=90 drift_budget=.05 trained=phased"
    assert policy_of("auto batch=20").batch == 20


def test_a_bare_word_sets_what_is_true_or_false():
    assert policy_of("ascent by_deadline").by_deadline
    assert policy_of("ascent by_deadline=true").by_deadline
    assert not policy_of("ascent by_deadline=false").by_deadline


def test_never_erases_nothing():
    assert policy_of("never").operator == "none"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" ", "must begin with one of never, auto"),
        ("newtn", "unknown operator 'newtn'; did you mean 'newton'"),
        ("newton ever_days=7", "unknown setting 'ever_days'; did you mean 'every_days'"),
        ("newton every_days=week", "every_days must be a number, got 'week'"),
        ("newton batch=2.5", "batch must be a whole number, got '2.5'"),
        ("newton batch", "batch needs a value, as in batch=7"),
        ("newton by_deadline=maybe", "by_deadline is true or false, got 'maybe'"),
        ("newton trained=well", "trained must be one of standard, .*, got 'well'"),
        ("auto among=shards", "among must be one of rows_deleted, .*, got 'shards'"),
        ("newton among=sisa", "among names the operator that .* may choose beside training again, got among='sisa' with .*'newton'"),
        ("newton batch=0", "batch must be a whole number >= 1"),
    ],
    ids=["empty", "operator", "field", "number", "whole", "bare", "flag", "arm", "among", "named", "bound"],
)
def test_words_that_name_no_policy_are_refused(text, message):
    with pytest.raises(SettingsError, match=message):
        policy_of(text)


def test_weights_and_costs_are_read():
    assert weights_of(("user=0.9", "item=0.1"), "simulate.kinds") == {"user": 0.9, "item": 0.1}
    assert words_of(("newton=1+2+3",), "simulate.costs") == {"newton": "1+2+3"}
    cost = cost_of("0.5+0.01+0.0001", exact=False)
    assert cost.seconds(10, 100) == pytest.approx(0.5 + 0.1 + 0.01)


def test_weights_and_costs_that_cannot_be_read_are_refused():
    with pytest.raises(SettingsError, match=r"takes NAME=NUMBER.*got user=most"):
        weights_of(("user=most",), "simulate.kinds")
    with pytest.raises(SettingsError, match=r"takes NAME=VALUE, got .user"):
        weights_of(("user",), "simulate.kinds")
    with pytest.raises(SettingsError, match=r"must read FIXED\+PER_USER\+PER_RECORD in seconds.*got '1\+2'"):
        cost_of("1+2", exact=False)


def test_operators_fit_the_model():
    assert operators_of(policy_of("auto"), "mf") == ("newton", "retrain")
    assert operators_of(policy_of("auto trained=ready2unlearn"), "mf") == ("ascent", "retrain")
    assert operators_of(policy_of("auto"), "ease") == ("exact", "retrain")
    assert operators_of(policy_of("never"), "mf") == ("retrain",)
    assert operators_of(policy_of("auto among=sisa"), "lightgcn") == ("sisa", "retrain")
    assert operators_of(policy_of("auto among=ascent"), "mf") == ("ascent", "retrain")
    assert operators_of(policy_of("auto"), "item_knn") == operators_of(policy_of("exact"), "item_knn") == ("exact", "retrain")


@pytest.mark.parametrize(
    ("text", "model", "message"),
    [
        ("exact", "mf", "policy 'exact' does not fit model.name=mf, which forgets by .*newton or ascent or .*sisa"),
        ("auto among=sisa", "ease", "policy 'auto among=sisa' does not fit model.name=ease, which forgets by .*exact"),
        ("newton", "item_knn", "policy 'newton' does not fit model.name=item_knn, which forgets by .*exact"),
        ("sisa trained=phased", "mf", "shards are trained plainly, .*: leave trained=phased out"),
        ("sisa reprepare_every_days=9", "mf", "shards are trained plainly, .*: leave reprepare_every_days out"),
    ],
)
def test_operators_that_do_not_fit_are_refused(text, model, message):
    with pytest.raises(SettingsError, match=message):
        operators_of(policy_of(text), model)


def test_policies_of_one_way_of_training_start_from_one_model():
    words = ("never", "ascent", "newton", "sisa", "auto among=sisa", "ascent trained=ready2unlearn")
    policies = {word: policy_of(word) for word in words}
    assert starts(settings_from_mapping({}), policies) == {
        "standard": ("newton", "ascent", "retrain"),
        "ready2unlearn": ("ascent", "retrain"),
    }
    by_rule = starts(settings_from_mapping({"forget.ascent.target": "shadow"}), policies)  # each keeps a length of its own
    assert by_rule == {
        "standard": ("newton", "retrain"),
        "standard for ascent": ("ascent", "retrain"),
        "ready2unlearn for ascent": ("ascent", "retrain"),
    }

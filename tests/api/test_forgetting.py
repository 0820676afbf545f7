"""A request concerns exactly what it names, or is refused with what to do; the model before is untouched."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from api_toys import checkerboard, scattered

import r2u_rec as r2u
from r2u_rec.errors import DataError, SettingsError

ALLOWED = {"allow_small_batch": True}


def states(model):
    return {name: value.clone() for name, value in model.trained.fitted.model.state_dict().items()}


def test_forgetting_gives_a_new_model_and_leaves_the_old_one_as_it_is(log, mf):
    before = states(mf)
    after = mf.forget(users=["U-004"], **ALLOWED)
    assert after is not mf
    assert "U-004" not in after.log.user_keys
    assert "U-004" in mf.log.user_keys
    assert all((value == before[name]).all() for name, value in states(mf).items())
    assert list(after.recommend(["U-004"], k=1)["source"]) == ["popularity"]


def test_forgetting_in_place_changes_this_model_and_an_error_leaves_it(log):
    model = r2u.EASE(reg=1.0).fit(log)
    with pytest.raises(DataError, match="1 of 2 user keys are not in the data, the first 'U-4'"):
        model.forget_(users=["U-004", "U-4"], **ALLOWED)
    assert len(model.log) == len(log)
    assert model.forget_(users=["U-004"], **ALLOWED) is model
    assert len(model.log) == len(log) - 6


def test_a_closed_form_forgets_as_if_it_had_never_seen(log):
    after = r2u.EASE(reg=1.0).fit(log).forget(users=["U-003", "U-008"], **ALLOWED)
    anew = r2u.EASE(reg=1.0).fit(log.drop(log.ids_of_users([3, 8])))
    scores = [m.trained.fitted.model.scores(np.array([0, 1])) for m in (after, anew)]
    np.testing.assert_allclose(*scores, atol=1e-5)


def test_every_kind_of_request_names_its_records(log, mf):
    def records(**asked):
        return mf.forget(**asked, dry_run=True)

    drama = np.isin(log.item, [log.item_keys.code(f"i{i}") for i in range(0, 16, 4)])
    pairs = [(log.user_keys.key(int(log.user[at])), log.item_keys.key(int(log.item[at]))) for at in (3, 100)]
    assert sorted(records(users=["U-001"]).ids) == sorted(log.ids[log.user == 1])
    assert sorted(records(items=["i4"]).ids) == sorted(log.ids[log.item == log.item_keys.code("i4")])
    assert sorted(records(interactions=pairs).ids) == sorted(log.ids[[3, 100]])
    assert sorted(records(interactions=pd.DataFrame(pairs, columns=["user", "item"])).ids) == sorted(log.ids[[3, 100]])
    assert sorted(records(category=("genre", "Drama")).ids) == sorted(log.ids[drama])
    assert sorted(records(category=("genre", "Horror Comedy", "")).ids) == sorted(log.ids[~drama])
    assert sorted(records(window=("1970-01-12 13:46:40", 1_010_000)).ids) == sorted(log.ids[log.time < 1_010_000])


def test_a_dry_run_says_what_was_understood_and_forgets_nothing(log, mf):
    found = mf.forget(users=["U-009", "U-002", "U-005"], dry_run=True)
    assert (found.n_users, found.n_whole_users, found.n_interactions, found.n_left) == (3, 3, 18, 222)
    assert (found.first_user, found.last_user) == ("U-009", "U-005")
    assert len(mf.log) == 240
    one = mf.forget(interactions=[("U-001", log.item_keys.key(int(log.item[log.user == 1][0])))], dry_run=True)
    assert (one.n_users, one.n_whole_users) == (1, 0)


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({}, SettingsError, "forget takes exactly one of users, interactions, items, category, window, got none"),
        ({"users": ["U-001"], "items": ["i1"]}, SettingsError, "got users and items"),
        ({"users": []}, SettingsError, r"users=\[\] names nobody"),
        ({"users": "U-001"}, TypeError, "user keys must be a list of keys"),
        ({"users": ["U-001 "]}, DataError, "1 of 1 user keys are not in the data, the first 'U-001 '"),
        ({"users": [1]}, DataError, "1 of 1 user keys are not in the data, the first 1"),
        ({"items": ["i99"]}, DataError, "1 of 1 item keys are not in the data"),
        ({"interactions": [("U-001", "i0")]}, DataError, r"1 of 1 interactions are not among those .* the first \('U-001', 'i0'\)"),
        ({"interactions": [("U-001",)]}, SettingsError, r"must be pairs \(user, item\), got one of 1"),
        ({"interactions": pd.DataFrame({"user": ["U-001"]})}, SettingsError, "needs the columns user and item, it lacks item"),
        ({"category": ("genre", "Dram")}, DataError, "no item has the category 'Dram' in the column 'genre'; did you mean 'Drama'"),
        ({"category": ("gener", "Drama")}, SettingsError, "is not a column of the item information; did you mean 'genre'"),
        ({"category": "Drama"}, SettingsError, r"category must be \(column, value\)"),
        ({"window": (None, None)}, SettingsError, "open on both sides"),
        ({"window": (5, 5)}, SettingsError, "window must start before it ends, got 5 to 5"),
        ({"window": (1.5, None)}, SettingsError, "a side of a window must be seconds, a date or its text, got 1.5"),
        ({"window": ("soon", None)}, SettingsError, "'soon' is no time"),
        ({"window": ("2020-01-01", None)}, DataError, "the request names no interaction"),
    ],
)
def test_a_request_that_cannot_be_meant_is_refused(mf, asked, error, message):
    with pytest.raises(error, match=message):
        mf.forget(**asked, **ALLOWED)


def test_a_window_needs_times():
    with pytest.raises(DataError, match="the model was trained on interactions without time"):
        r2u.EASE().fit(scattered()).forget(window=(0, 5), **ALLOWED)


@pytest.mark.parametrize("key", ["1_0", "007", "+7", "٣", 7.9, True, b"7"])
def test_integer_keys_are_erased_only_by_their_own_spelling(key):
    model = r2u.EASE(reg=1.0).fit(checkerboard(text=False))
    with pytest.raises(DataError, match="1 of 1 user keys are not in the data"):
        model.forget(users=[key], **ALLOWED)
    assert len(model.forget(users=["7"], **ALLOWED).log) == 234
    with pytest.raises(DataError, match="7 and '7' are one user in two spellings"):
        model.forget(users=[7, "7"], **ALLOWED)


def test_a_small_batch_is_answered_by_a_plan(mf):
    with pytest.raises(SettingsError) as caught:
        mf.forget(users=["U-001"])
    said = str(caught.value)
    assert "the request concerns 1 user, fewer than smallest_batch=20" in said
    assert "on day 27 of 30 at the latest" in said
    assert "method='retrain' with allow_small_batch=True" in said
    assert "where nobody ever holds both models" in said
    assert len(mf.forget(users=["U-001", "U-002"], smallest_batch=2).log) == 228
    with pytest.raises(SettingsError, match="smallest_batch must be a whole number >= 1, got 0"):
        mf.forget(users=["U-001"], smallest_batch=0)
    with pytest.raises(SettingsError, match="on day 4 of 5 at the latest"):
        mf.forget(users=["U-001"], deadline_days=5)


def test_another_method_computes_now_what_it_keeps_from_training(log, mf):
    for method in ("ascent", "rows_deleted", "retrain", r2u.Method("newton", length=0.5)):
        assert len(mf.forget(users=["U-001"], method=method, **ALLOWED).log) == 234
    half = mf.forget(users=["U-001"], method=r2u.Method("newton", length=0.0), **ALLOWED)
    deleted = mf.forget(users=["U-001"], method="rows_deleted", **ALLOWED)
    assert all((value == states(deleted)[name]).all() for name, value in states(half).items())


def test_retraining_by_request_equals_training_without_the_erased(log, mf):
    after = mf.forget(users=["U-001"], method="retrain", **ALLOWED)
    anew = r2u.MF(embedding_dim=4, epochs=30, lr=0.05, batch_size=64, seed=0).fit(log.drop(log.ids_of_users([1])))
    assert all((value == states(anew)[name]).all() for name, value in states(after).items())
    assert len(after.forget(users=["U-002"], **ALLOWED).log) == 228  # it has kept what the next request needs


def test_a_method_that_is_a_way_to_train_is_refused_for_a_model_trained_otherwise(log, mf):
    with pytest.raises(
        SettingsError, match="sisa is a way to train too, and this model was trained for newton: train one with method='sisa'"
    ):
        mf.forget(users=["U-001"], method="sisa", **ALLOWED)
    shards = r2u.MF(embedding_dim=4, epochs=2, method=r2u.Method("sisa", shards=2)).fit(log)
    assert len(shards.forget(users=["U-001"], **ALLOWED).log) == 234
    with pytest.raises(SettingsError, match="this one was trained in shards: forget by sisa, or by retrain"):
        shards.forget(users=["U-001"], method="ascent", **ALLOWED)


def test_no_key_of_an_erased_user_stays_in_how_the_model_is_prepared(log):
    keys = ["U-001", "U-003", "U-005"]
    ready = r2u.MF(embedding_dim=4, epochs=4, prepare=r2u.Ready2Unlearn(revocable=keys)).fit(log)
    after = ready.forget(users=["U-003"], **ALLOWED)
    assert after.prepare.revocable == ["U-001", "U-005"]
    assert len(after.trained.revocable) == 2
    by_scores = r2u.MF(embedding_dim=4, epochs=4, prepare=r2u.Ready2Unlearn(revocable=r2u.score_users(log, "uniqueness"))).fit(log)
    left = by_scores.forget(users=["U-003"], **ALLOWED).prepare.revocable.frame
    assert "U-003" not in set(left["user"])
    assert len(left) == 39

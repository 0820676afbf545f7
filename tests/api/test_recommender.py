"""A model is trained on everyone, answers by the caller's keys, and prints none."""

from __future__ import annotations

import numpy as np
import pytest
from api_toys import checkerboard

import r2u_rec as r2u
from r2u_rec.data import random_per_user
from r2u_rec.errors import CapabilityError, DataError, SettingsError


def test_a_production_model_is_trained_on_everyone(log, mf):
    assert mf.log is log
    assert len(mf.trained.revocable) == 0


def test_recommendations_are_a_frame_of_unseen_items_best_first(log, mf):
    found = mf.recommend(["U-002", "U-001", "nobody"], k=2)
    assert list(found.columns) == ["user", "item", "score", "rank", "source"]
    assert list(found["user"]) == ["U-002", "U-002", "U-001", "U-001", "nobody", "nobody"]
    assert list(found["rank"]) == [1, 2] * 3
    assert list(found["source"]) == ["model"] * 4 + ["popularity"] * 2
    had = {log.item_keys.key(int(i)) for i in log.item[log.user == log.user_keys.code("U-002")]}
    theirs = found[found["user"] == "U-002"]
    assert not set(theirs["item"]) & had
    assert all(int(item[1:]) % 2 == 0 for item in theirs["item"])  # even users like even items
    assert list(theirs["score"]) == sorted(theirs["score"], reverse=True)


@pytest.mark.parametrize("k", [0, -1, 2.5, True, "10"])
def test_k_is_a_whole_number_of_at_least_one(mf, k):
    with pytest.raises(SettingsError, match="k must be a whole number >= 1, got"):
        mf.recommend(["U-002"], k=k)


def test_one_key_is_no_list_of_keys(mf):
    with pytest.raises(TypeError, match=r"users must be a list of keys, got 'U-002': write \['U-002'\]"):
        mf.recommend("U-002")


@pytest.mark.parametrize(
    "make", [lambda: r2u.MF(embedding_dim=4, epochs=60, lr=0.05, batch_size=64), r2u.EASE, lambda: r2u.ItemKNN(shrinkage=0.0)]
)
def test_similar_items_are_liked_by_the_same_users(log, make):
    found = make().fit(log).similar_items(["i4", "i5"], k=3)
    assert list(found.columns) == ["item", "similar_item", "score", "rank"]
    assert list(found["item"]) == ["i4"] * 3 + ["i5"] * 3
    assert all(int(a[1:]) % 2 == int(b[1:]) % 2 and a != b for a, b in zip(found["item"], found["similar_item"], strict=True))
    with pytest.raises(DataError, match="1 of 1 item keys are not in the data, the first 'i99'"):
        r2u.EASE().fit(log).similar_items(["i99"])


def test_a_model_without_vectors_that_scores_no_histories_knows_no_similar_items(log):
    from r2u_rec.api.answers import _similarities

    with pytest.raises(CapabilityError, match="object has no item vectors and scores no histories"):
        _similarities(object(), np.array([0]), 3)


def test_quality_is_the_masked_full_ranking_of_who_was_trained_on(log):
    from r2u_rec.study.quality import masked_quality

    parts = random_per_user(log, seed=0, shares=(0.6, 0.2, 0.2))
    model = r2u.EASE(reg=1.0).fit(parts.train)
    found = model.evaluate(parts.test, ["ndcg@5", "Recall@3"], mask=parts.validation)
    users = np.arange(log.n_users)
    expected = masked_quality(model.trained.fitted.model, parts, users, (3, 5)).mean()
    assert found == {"ndcg@5": expected["NDCG@5"], "Recall@3": expected["Recall@3"]}
    assert model.evaluate(parts.test, ["ndcg@5"]) != {"ndcg@5": found["ndcg@5"]}  # validation items stand in the lists


def test_quality_after_an_erasure_leaves_the_erased_out_and_matches_by_key(log):
    parts = random_per_user(log, seed=0, shares=(0.6, 0.2, 0.2))
    model = r2u.EASE(reg=1.0).fit(parts.train)
    after = model.forget(users=["U-000", "U-001"], allow_small_batch=True)
    without = r2u.EASE(reg=1.0).fit(parts.train.drop(parts.train.ids_of_users([0, 1])))
    assert after.evaluate(parts.test, ["ndcg@5"]) == pytest.approx(without.evaluate(parts.test, ["ndcg@5"]))
    other_codes = checkerboard(n_users=44)
    assert 0 < model.evaluate(other_codes, ["hit@1"])["hit@1"] <= 1


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("ndgc@20", "unknown metric 'ndgc@20'; did you mean 'ndcg'"),
        ("ndcg", "metric 'ndcg' needs a cut-off"),
        ("ndcg@0", "metric 'ndcg@0' needs a cut-off"),
        ("ndcg@20", "metric 'ndcg@20' cuts off at 20 and the catalogue has 16 items: ask for at most ndcg@16"),
    ],
)
def test_a_metric_that_cannot_be_is_refused(log, mf, metric, message):
    with pytest.raises(SettingsError, match=message):
        mf.evaluate(log, [metric])


def test_nobody_to_measure_is_an_error(mf):
    strangers = checkerboard(text=False)
    with pytest.raises(DataError, match="was trained on: nothing can be measured"):
        mf.evaluate(strangers, ["ndcg@5"])


def test_an_untrained_model_says_so():
    for ask in (lambda m: m.recommend(["a"]), lambda m: m.forget(users=["a"]), lambda m: m.log):
        with pytest.raises(SettingsError, match=r"this model is not trained yet: call fit\(log\) first"):
            ask(r2u.MF())


def test_fit_takes_a_log_with_interactions(log):
    with pytest.raises(TypeError, match=r"fit takes an InteractionLog, got list: make one with r2u.read_interactions\(source\)"):
        r2u.EASE().fit([1, 2])
    with pytest.raises(DataError, match="the log holds no interactions"):
        r2u.EASE().fit(log.take(np.zeros(len(log), dtype=bool)))


def test_the_same_seed_gives_the_same_bytes(log, mf):
    again = r2u.MF(embedding_dim=4, epochs=30, lr=0.05, batch_size=64, seed=0).fit(log)
    for name, value in mf.trained.fitted.model.state_dict().items():
        assert (again.trained.fitted.model.state_dict()[name] == value).all()


def test_no_repr_prints_a_key(log, mf):
    ready = r2u.MF(epochs=1, prepare=r2u.Ready2Unlearn(revocable=["U-001", "U-003"]))
    scores = r2u.score_users(log, "uniqueness")
    shown = [mf, ready, ready.prepare, scores, r2u.Prepare("isolated", revocable=scores), mf.forget(users=["U-001"], dry_run=True)]
    assert "U-0" not in "".join(map(repr, shown))
    assert repr(mf).startswith("<MF(embedding_dim=4, epochs=30, batch_size=64, lr=0.05): 40 users, 16 items, 240 interactions>")


def test_patience_needs_a_validation_part_and_stops_by_it(log):
    parts = random_per_user(log, seed=0, shares=(0.6, 0.2, 0.2))
    model = r2u.MF(embedding_dim=4, epochs=40, lr=0.05, validate_every=2, patience=1, average_share=0.0)
    with pytest.raises(SettingsError, match="patience stops a training by its validation quality, and there is none"):
        model.fit(parts.train)
    assert model.fit(parts.train, validation=parts.validation).is_fitted


def test_calibration_users_are_kept_out_only_when_they_are_asked_for(log, monkeypatch):
    canaries = r2u.Method("newton", length="canaries")
    with pytest.raises(SettingsError, match="there are none: hold some out"):
        r2u.MF(epochs=1, method=canaries).fit(log)
    seen = {}

    def rule(calibration, candidates, **settings):
        seen.update(calibration=calibration, candidates=candidates)
        return lambda task, model, records, erase: 0.7

    monkeypatch.setattr("r2u_rec.evaluate.length.canary_rule.CanaryRule", rule)
    model = r2u.MF(embedding_dim=4, epochs=2, method=canaries, calibration_share=0.25).fit(log)
    assert int((model.log.user_counts > 0).sum()) == 30
    assert int((seen["calibration"].user_counts > 0).sum()) == 10
    assert len(seen["candidates"]) == 30
    assert model.trained.stored_length == 0.7
    key = next(key for key in log.user_keys.keys if key in model.log.user_keys)
    after = model.forget(users=[key], allow_small_batch=True)
    assert after.trained.stored_length == 0.7


def test_scores_choose_who_is_revocable(log):
    scores = r2u.score_users(log, "uniqueness")
    assert list(scores.frame.columns) == ["user", "score", "n_records"]
    assert scores.frame["score"].is_monotonic_decreasing
    model = r2u.MF(embedding_dim=4, epochs=2, prepare=r2u.Prepare("isolated", revocable=scores, share=0.25)).fit(log)
    assert len(model.trained.revocable) == 10
    with pytest.raises(SettingsError, match="unknown scorer 'uniquness'; did you mean 'uniqueness'"):
        r2u.score_users(log, "uniquness")
    with pytest.raises(SettingsError, match="unknown setting of score_users 'n_crowds'; did you mean 'n_crowd'"):
        r2u.score_users(log, "crowd", n_crowds=2)

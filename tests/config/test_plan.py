"""Plans from names and settings: what fits together, what is refused, and what their objects do."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
import torch

from r2u_rec.config.parse import settings_from_mapping
from r2u_rec.config.plan import LOOP_FIELDS, Plan
from r2u_rec.core.training import Training
from r2u_rec.data import InteractionLog, read_log
from r2u_rec.errors import SettingsError
from r2u_rec.registry import ARMS, METHODS, MODELS
from r2u_rec.registry.specs import lacking


@pytest.fixture(scope="module")
def log() -> InteractionLog:
    rng = np.random.default_rng(0)
    items = np.concatenate([rng.permutation(20)[:8] for _ in range(30)])
    return read_log(pd.DataFrame({"user": np.repeat(np.arange(30), 8), "item": items, "timestamp": np.arange(240)}))


def test_the_loop_takes_every_field_of_the_cores_training():
    assert set(LOOP_FIELDS) == {f.name for f in fields(Training)}


def test_the_loop_gets_every_training_setting_of_the_same_name():
    plan = settings_from_mapping({"training": {"epochs": 3, "lr": 0.5, "schedule": "constant", "patience": 2}}).plan()
    made = plan.context().training
    assert (made.epochs, made.lr, made.schedule, made.patience) == (3, 0.5, "constant", 2)


@pytest.mark.parametrize(("model", "method"), [("ease", "exact"), ("item_knn", "exact"), ("mf", "newton"), ("als", "unlearn_als")])
def test_the_method_follows_the_model_unless_it_is_named(model, method):
    assert Plan.of(model).method.name == method
    assert Plan.of(model, method="retrain").method.name == "retrain"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "mff"}, "unknown model 'mff'; did you mean 'mf'"),
        ({"model": "mf", "model_settings": {"embeding_dim": 8}}, "unknown setting of mf 'embeding_dim'; did you mean 'embedding_dim'"),
        ({"model": "mf", "loop": {"epoch": 8}}, "unknown setting of training 'epoch'; did you mean 'epochs'"),
        ({"model": "ease", "loop": {"epochs": 8}}, "EASE is not trained by a loop and takes no epochs"),
        ({"model": "ease", "arm": "isolated"}, "prepare.arm=isolated does not fit it"),
        ({"model": "neumf", "arm": "noisy"}, "prepare.arm=noisy does not fit NeuMF: it needs a model that"),
        ({"model": "ease", "method": "newton"}, "newton does not fit EASE: .* retrain, rows_deleted, exact fit it"),
        ({"model": "mf", "method": "exact"}, "exact does not fit MF: it needs a model that is solved in closed form"),
        ({"model": "mf", "method_settings": 3}, "settings of newton must be NewtonSettings or a mapping, got int"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_what_would(given, message):
    with pytest.raises(SettingsError, match=message):
        Plan.of(**given)


def test_canaries_need_calibration_users_and_say_so():
    plan = Plan.of("mf", method_settings={"length": "canaries"})
    with pytest.raises(SettingsError, match="length=canaries compares with users who are kept out of training"):
        plan.build(plan.context())
    assert plan.build(plan.context(stored_length=0.7)).unlearner.length == 0.7


@pytest.mark.parametrize("arm", list(ARMS))
def test_every_way_to_train_is_one_setting_and_no_two_are_the_same(arm, log):
    settings = {"clipped": {"max_norm": 1e-3}}.get(arm)
    common = {"model_settings": {"embedding_dim": 4}, "loop": {"epochs": 4, "batch_size": 64, "lr": 0.05}}
    revocable = np.arange(12)
    prepared, plain = (
        plan.context(revocable=revocable) for plan in (Plan.of("mf", **common, arm=arm, arm_settings=settings), Plan.of("mf", **common))
    )
    made, standard = (context.trainer().train(context.task, log, seed=0) for context in (prepared, plain))
    assert torch.isfinite(made.tables()[1]).all()
    assert torch.equal(made.tables()[1], standard.tables()[1]) == (arm == "standard")


SLOW_OR_EXTRA = ("recbole_sgl", "recbole_multivae", "recbole_neumf", "recbole_lightgcn", "recbole_bpr")


@pytest.mark.parametrize("name", list(METHODS))
def test_every_method_is_built_trains_and_forgets_on_a_model_that_it_fits(name, log):
    spec = METHODS.get(name)
    model = next(m for m in MODELS if m not in SLOW_OR_EXTRA and not spec.lacks(MODELS.get(m)))
    own = {"model_settings": {"embedding_dim": 4}, "loop": {"epochs": 2, "batch_size": 64}} if MODELS.get(model).training else {}
    small = {"sisa": {"shards": 2}, "receraser": {"shards": 2}, "ultrare": {"shards": 2}, "grapheraser": {"shards": 2}, "eul": {"steps": 2}}
    small |= {"fine_tune": {"epochs": 2}, "ascent_retain": {"steps": 2}, "npo_retain": {"steps": 2}}
    plan = Plan.of(model, method=name, method_settings=small.get(name), **own)
    context = plan.context(progress=False)
    method = plan.build(context)
    fitted = method.fit(context.task, log, seed=0)
    after = method.forget(context.task, fitted, log.ids_of_users([3, 4]), seed=0)
    assert len(after.records) == len(log) - 16
    assert method.exact == spec.exact


@pytest.mark.parametrize("name", [m for m in MODELS if m not in SLOW_OR_EXTRA])
def test_every_model_offers_what_its_own_method_needs_and_is_trained(name, log):
    spec = MODELS.get(name)
    assert not METHODS.get(spec.method).lacks(spec)
    own = {"loop": {"epochs": 1, "batch_size": 64}} if spec.training else {}
    plan = Plan.of(name, **own)
    context = plan.context(progress=False)
    model = context.standard_trainer().train(context.task, log, seed=0)
    assert model.scores(np.arange(3)).shape == (3, log.n_items)


def test_what_an_arm_needs_is_among_the_offers_of_some_model():
    assert all(any(not lacking(ARMS.get(arm).needs, MODELS.get(model)) for model in MODELS) for arm in ARMS)

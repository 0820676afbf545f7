"""Every way to train and to unlearn runs on documents through `fit_` and `PostHoc`, with nothing special for them."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from language_toys import BUILDERS, batch_of, state_bytes, task_of

from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.privacy.clipping import clipped
from r2u_rec.core.privacy.private import private
from r2u_rec.core.protocols import Split
from r2u_rec.core.step import StepInput
from r2u_rec.core.strategies import isolated, phased, reweighted, standard
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training, fit_
from r2u_rec.errors import UnknownRecordError
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.mean_loss import mean_loss
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.preference import NegativePreference
from r2u_rec.unlearn.retrain import Retrain

TRAINING = Training(epochs=2, batch_size=24, lr=0.01)
REPAIRED = {"geometry": "sign", "delta": True, "bound": "chance", "normalised_weights": True, "n_forget": 4, "n_retain": 4, "n_recovery": 4}


def split_of(records):
    return Split(records.ids_of_groups(["sea"]), records.ids_of_groups(["sky"]), records.ids_of_groups(["land"]))


def prepared(order=1, **settings):
    return lambda records: Ready2Unlearn(split_of(records), Preparation(1e-3, order=order, **{**REPAIRED, **settings}))


STRATEGIES = {
    "standard": lambda records: standard,
    "reweighted": lambda records: reweighted(split_of(records).forget, 0.5),
    "phased": lambda records: phased(split_of(records).forget),
    "isolated": lambda records: isolated(split_of(records).forget, ("transformer.h.*",)),
    "clipped": lambda records: clipped(split_of(records).forget, 0.1),
    "private": lambda records: private(batch_size=24, max_norm=0.1, noise_multiplier=0.5),
    "Ready2Unlearn": prepared(lambda2=3.0),
    "Ready2Unlearn, second order": prepared(order=2, lambda2=3.0),
    "Ready2Unlearn, literal weights": prepared(geometry="gradient", delta=False, bound="none", allow_divergence=True),
}
UNLEARNERS = {
    "ascent": GradientAscent(steps=3, lr=0.01, optimizer="adam"),
    "bounded ascent": GradientAscent(steps=3, lr=0.01, optimizer="adam", bound="cap", bound_level=5.7),
    "NPO": NegativePreference(steps=3, lr=0.01, optimizer="adam"),
}


def forgetting(strategy, unlearner, documents, task):
    """Trains, forgets one topic, and returns both results with the mean loss on the topic before and after."""
    method = PostHoc(GradientTrainer(TRAINING, strategy, progress=False), unlearner)
    ids = split_of(documents).forget
    before = method.fit(task, documents, seed=0)
    whole = state_bytes(before.model)
    after = method.forget(task, before, ids, seed=0)
    assert state_bytes(before.model) == whole
    assert len(before.records) == 48
    assert after.records.ids.tolist() == np.setdiff1d(documents.ids, ids).tolist()
    with pytest.raises(UnknownRecordError):
        method.forget(task, after, ids[:1], seed=0)
    return before, after, *(mean_loss(task, now.model, documents, ids, seed=0) for now in (before, after))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_topic_is_learned_and_forgotten(strategy, documents):
    task = task_of()
    before, _, learned, forgotten = forgetting(STRATEGIES[strategy], UNLEARNERS["ascent"], documents, task)
    assert forgotten > learned
    if "literal" not in strategy:  # its net weight on the topic is below zero: it ascends while it trains
        fresh = mean_loss(task, task.model(documents, seed=0), documents, documents.ids, seed=0)
        assert mean_loss(task, before.model, documents, documents.ids, seed=0) < fresh


@pytest.mark.parametrize("unlearner", UNLEARNERS)
@pytest.mark.parametrize("kind", BUILDERS)
def test_each_unlearner_raises_the_loss_of_the_topic(kind, unlearner, documents):
    *_, learned, forgotten = forgetting(STRATEGIES["standard"], UNLEARNERS[unlearner], documents, task_of(BUILDERS[kind]))
    assert forgotten > learned + 0.02


def test_retraining_gives_the_bytes_of_training_on_what_remains(documents):
    task, method, ids = task_of(), Retrain(GradientTrainer(TRAINING, progress=False)), documents.ids[:5]
    after = method.forget(task, method.fit(task, documents, seed=0), ids, seed=3)
    assert state_bytes(after.model) == state_bytes(method.fit(task, documents.drop(ids), seed=3).model)


def test_ascent_sees_the_whole_documents_and_no_noise(documents):
    """Hidden targets and noise belong to training: the loss that an ascent begins at is that of the plain task."""
    ids = documents.ids[:10]
    task = task_of(goldfish=ids, goldfish_share=0.5, neftune=ids, neftune_alpha=50.0)
    model = task.model(documents, seed=0).train()
    seen = []
    rule = GradientAscent(steps=1, lr=0.01, stop=lambda model, done, mean: seen.append(mean) is None)
    rule.edit_(task, model, documents.keep(ids), None, seed=0)
    assert seen == pytest.approx([mean_loss(task_of(), model, documents, ids, seed=0)], abs=1e-6)
    with torch.random.fork_rng([]):
        torch.manual_seed(0)  # the noise of a training pass is drawn from torch's own state
        trained = task.losses(model.train(), batch_of(task, documents, ids)).detach()
    plain = task.losses(model.eval(), batch_of(task, documents, ids)).detach()
    assert (trained - plain).abs().min() > 1e-3  # each of them, one by one: in the mean they nearly cancel


class Crash(RuntimeError):
    """Stands for a power cut."""


def test_an_interrupted_training_goes_on_to_the_same_bytes(documents, tmp_path):
    ids = split_of(documents).forget
    task = task_of(goldfish=ids, neftune=ids)  # noise is drawn at each pass
    settings = Training(epochs=2, batch_size=24, lr=0.01, checkpoint_seconds=0.0)

    def run(checkpoint=None, stop_at=None):
        model, count = task.model(documents, seed=0), 0
        step = prepared()(documents)

        class Stopping(Ready2Unlearn):
            def __call__(self, s: StepInput):
                nonlocal count
                count += 1
                if count == stop_at:
                    raise Crash
                return super().__call__(s)

        counted = Stopping(step.split, step.preparation)
        fit_(model, task, documents, training=settings, seed=0, step=counted, checkpoint=checkpoint, progress=False)
        return state_bytes(model)

    whole = run()
    assert run() == whole
    with pytest.raises(Crash):
        run(tmp_path / "fit.pt", stop_at=4)
    assert (tmp_path / "fit.pt").exists()
    assert run(tmp_path / "fit.pt") == whole
    assert not (tmp_path / "fit.pt").exists()


def gradient_of(task, records, model, preparation):
    """The gradient that one prepared step leaves, as one vector, and the samples it was computed on."""
    step = Ready2Unlearn(split_of(records), preparation)
    s = StepInput(model.train(), task, records, records.ids[::3], np.random.default_rng(5), 0, 1, 0, 1, torch.device("cpu"))
    step(s)
    found = torch.cat([p.grad.flatten() for p in model.parameters()])
    model.zero_grad(set_to_none=True)
    return found


def equation_1(task, records, model, alpha):
    """The paper's objective with all of D_f and D_r as samples, lambda1 = 2 and lambda3 = 4, by moving a copy."""
    split, moved = split_of(records), copy.deepcopy(model)

    def loss(of, ids):
        return task.losses(of, batch_of(task, records, ids)).mean()

    gradients = torch.autograd.grad(loss(model, split.forget), list(model.parameters()))
    with torch.no_grad():
        for p, g in zip(moved.parameters(), gradients, strict=True):
            p.add_(g, alpha=alpha)
        return float(-loss(moved, split.forget) + 2 * loss(moved, split.retain) + 4 * loss(model, records.ids[::3]))


def test_the_second_order_of_algorithm_1_is_the_gradient_of_equation_1(documents):
    """Central differences along a random direction, in float64: the attention has the second derivative that it should."""
    task, alpha = task_of(), 0.3
    model = task.model(documents, seed=0).double()
    sizes = {"n_forget": 16, "n_retain": 16, "allow_divergence": True}
    found = gradient_of(task, documents, model, Preparation(alpha, order=2, **sizes))
    first = gradient_of(task, documents, model, Preparation(alpha, order=1, **sizes))
    direction = torch.randn(len(found), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values, reach = [], 1e-5
    for sign in (1, -1):
        moved = copy.deepcopy(model)
        with torch.no_grad():
            vector = torch.nn.utils.parameters_to_vector(moved.parameters()) + sign * reach * direction
            torch.nn.utils.vector_to_parameters(vector, moved.parameters())
        values.append(equation_1(task, documents, moved, alpha))
    slope = (values[0] - values[1]) / (2 * reach)
    assert float(found @ direction) == pytest.approx(slope, rel=1e-5)
    assert float(first @ direction) != pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize("kind", BUILDERS)
def test_without_an_inner_step_both_orders_have_the_same_gradient(kind, documents):
    task = task_of(BUILDERS[kind])
    model = task.model(documents, seed=0)
    orders = [gradient_of(task, documents, model, Preparation(0.0, order=order, bound="chance", lambda2=3.0)) for order in (1, 2)]
    torch.testing.assert_close(orders[0], orders[1], atol=1e-5, rtol=1e-4)
    assert float(orders[0].norm()) > 0.1

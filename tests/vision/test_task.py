"""ImageTask: the network learns a problem of known answer, and everything that trains and forgets takes the task as it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.privacy.clipping import clipped
from r2u_rec.core.protocols import Concatenates, HasChanceLoss, Regularised, Split
from r2u_rec.core.strategies import phased, reweighted, standard
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training, fit_
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.testing import TaskCase, task_checks
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.retrain import Retrain
from r2u_rec.vision import ImageTask, accuracy, any_module, cnn

TRAINING = Training(epochs=3, batch_size=24, lr=5e-3)
RNG = np.random.default_rng(0)


def split_of(train) -> Split:
    forget = train.ids_of_classes([0])
    rest = np.setdiff1d(train.ids, forget)
    return Split(forget, rest, rest[:40])


def prepared(order: int = 1, **settings):
    chosen = {"geometry": "sign", "bound": "chance", "delta": True, "epochs": 2, "n_forget": 8, "n_retain": 8} | settings
    return lambda images: Ready2Unlearn(split_of(images), Preparation(0.02, order=order, lambda2=1.0, n_recovery=8, **chosen))


STRATEGIES = {
    "standard": lambda images: standard,
    "re-weighted": lambda images: reweighted(split_of(images).forget, 0.5),
    "phased": lambda images: phased(split_of(images).forget, 0.9),
    "clipped": lambda images: clipped(split_of(images).forget, 0.5),
    "Ready2Unlearn": prepared(),
    "Ready2Unlearn, second order": prepared(order=2, geometry="gradient"),
}


def state(model) -> bytes:
    return b"".join(value.numpy().tobytes() for value in model.state_dict().values())


def test_the_network_learns_where_the_patch_stands(train, test):
    task = ImageTask(cnn())
    model = task.model(train, seed=0)
    assert accuracy(model, test) < 0.6
    fit_(model, task, train, training=TRAINING, seed=0)
    assert accuracy(model, test) > 0.97


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_every_way_to_train_learns_and_ascent_forgets_the_class_and_no_other(train, test, strategy):
    task, forget = ImageTask(cnn()), split_of(train).forget
    ascent = GradientAscent(steps=100, lr=2e-3, optimizer="adam", batch_size=16, target="chance")
    method = PostHoc(GradientTrainer(TRAINING, strategy), ascent)
    before = method.fit(task, train, seed=0)
    assert accuracy(before.model, test) > 0.9
    untouched = state(before.model)
    after = method.forget(task, before, forget, seed=1)
    own, others = test.keep(test.ids_of_classes([0])), test.drop(test.ids_of_classes([0]))
    assert accuracy(before.model, own) > 0.9
    assert accuracy(after.model, own) < accuracy(before.model, own) - 0.4
    assert accuracy(after.model, others) > 0.8
    assert state(before.model) == untouched
    assert not np.isin(after.records.ids, forget).any()


def test_retraining_without_a_class_never_answers_it(train, test):
    task, method = ImageTask(cnn()), Retrain(GradientTrainer(TRAINING))
    after = method.forget(task, method.fit(task, train, seed=0), split_of(train).forget, seed=1)
    assert accuracy(after.model, test.keep(test.ids_of_classes([0]))) == 0


def test_any_module_is_trained_alike(train, test):
    task = ImageTask(any_module(lambda n_classes: nn.Sequential(nn.Flatten(), nn.Linear(64, n_classes))))
    model = GradientTrainer(TRAINING).train(task, train, seed=0)
    assert accuracy(model, test) > 0.97


def test_the_task_has_the_optional_members_that_images_need_and_no_other():
    task = ImageTask(cnn())
    assert isinstance(task, Concatenates)
    assert isinstance(task, HasChanceLoss)
    assert not isinstance(task, Regularised)


def test_a_batch_holds_the_images_asked_for_in_that_order(train):
    ids = train.ids[[7, 2, 100]]
    batch = ImageTask(cnn()).batch(train, ids, rng=RNG)
    assert batch.pixels.dtype == torch.float32
    assert torch.allclose(batch.pixels[1] * 255, torch.from_numpy(train.pixels[2]).float())
    assert batch.labels.tolist() == train.labels[[7, 2, 100]].tolist()
    assert batch.noise.tolist() == [0, 0, 0]


def test_losses_are_cross_entropies_and_those_of_a_joint_batch_are_those_of_its_parts(train):
    task = ImageTask(cnn())
    model = task.model(train, seed=0).eval()
    parts = [task.batch(train, train.ids[a:b], rng=RNG) for a, b in ((0, 5), (5, 7))]
    apart = torch.cat([task.losses(model, part) for part in parts])
    assert torch.allclose(task.losses(model, task.concatenate(parts)), apart, atol=1e-6)
    scores = model(parts[0].pixels).log_softmax(1)
    assert torch.allclose(apart[:5], -scores[torch.arange(5), parts[0].labels], atol=1e-6)


def test_chance_is_the_loss_of_equal_probabilities(train):
    task = ImageTask(any_module(lambda n_classes: nn.Sequential(nn.Flatten(), nn.Linear(64, n_classes))))
    model = task.model(train, seed=0)
    nn.init.zeros_(model[1].weight), nn.init.zeros_(model[1].bias)
    mean = task.losses(model, task.batch(train, train.ids[:9], rng=RNG)).mean().detach()
    assert float(mean) == pytest.approx(task.chance(train))
    assert task.chance(train.keep([])) == pytest.approx(math.log(4))


class Watching(nn.Module):
    """Keeps the pixels that it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 4)

    def forward(self, pixels):
        self.seen = pixels.detach()
        return self.layer(pixels.flatten(1))


def test_noise_falls_on_the_noisy_images_alone_in_training_alone_and_the_same_at_each_run(train):
    noisy = train.ids[:60]
    task = ImageTask(any_module(Watching), noisy=noisy, noise=0.3)
    model, batch = task.model(train, seed=0), task.batch(train, train.ids[:120], rng=RNG)
    task.losses(model.eval(), batch)
    assert torch.equal(model.seen, batch.pixels)
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        task.losses(model.train(), batch)
        runs.append(model.seen)
    added = runs[0] - batch.pixels
    assert torch.equal(added[60:], torch.zeros_like(added[60:]))
    assert added[:60].std() == pytest.approx(0.3, rel=0.05)
    assert added[:60].mean() == pytest.approx(0, abs=0.02)
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])
    with pytest.raises(SettingsError, match=r"noise must be a standard deviation >= 0 of pixels in \[0, 1\], got -1"):
        ImageTask(cnn(), noisy=noisy, noise=-1)


def test_training_with_noise_gives_the_same_bytes_from_the_same_seed(train):
    task = ImageTask(cnn(), noisy=train.ids[:60])
    few = Training(epochs=1, batch_size=64, lr=1e-3)
    assert state(GradientTrainer(few).train(task, train, seed=3)) == state(GradientTrainer(few).train(task, train, seed=3))
    assert state(GradientTrainer(few).train(task, train, seed=3)) != state(GradientTrainer(few).train(ImageTask(cnn()), train, seed=3))


def test_batch_normalisation_stands_on_what_remains_alone(train):
    task, left = ImageTask(cnn(batch_norm=True)), train.drop(train.ids_of_classes([0]))
    model = GradientTrainer(TRAINING).train(task, train, seed=0)
    other = task.model(train, seed=9)
    other.load_state_dict(model.state_dict())
    other.features[1].running_mean.fill_(7)
    for each in (model, other):
        task.attach(each.eval(), left)
        assert not each.features[1].training
        assert each.features[1].momentum == 0.1
    assert state(model) == state(other)  # nothing of the old statistics stays
    inner = model.features[0](torch.from_numpy(left.pixels / np.float32(255)))
    assert torch.allclose(model.features[1].running_mean, inner.mean((0, 2, 3)), atol=1e-5)


def test_a_model_that_gives_no_logits_is_refused(train):
    for wrong in (nn.Identity(), nn.Sequential(nn.Flatten(0), nn.LazyLinear(4))):
        task = ImageTask(lambda images, seed, wrong=wrong: wrong)
        with pytest.raises(CapabilityError, match=r"the model must return \(5, n_classes\) logits, got \("):
            task.losses(task.model(train, seed=0), task.batch(train, train.ids[:5], rng=RNG))


@pytest.mark.parametrize("check", task_checks(TaskCase(ImageTask(cnn()), None)), ids=str)
def test_the_task_keeps_the_promise(check, train):
    check(TaskCase(ImageTask(cnn()), train.keep(train.ids[:12])))

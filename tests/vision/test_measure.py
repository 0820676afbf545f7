"""Measures against naive loops and known answers; none of them changes the model it measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.vision import accuracy, cnn, label_kl, mislabelled, probabilities
from r2u_rec.vision.measure import in_eval_mode


class Says(nn.Module):
    """Whatever the image, the same logits."""

    def __init__(self, *logits: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, pixels):
        return self.logits.expand(len(pixels), -1)


def test_a_model_that_always_says_one_class_is_as_accurate_as_that_class_is_frequent(test):
    assert accuracy(Says(0.0, 5.0, 1.0, 0.0), test) == pytest.approx((test.labels == 1).mean())


def test_accuracy_and_probabilities_are_those_of_a_loop_over_single_images(test):
    model = cnn()(test, 0).eval()
    rows = [torch.softmax(model(torch.from_numpy(p[None] / np.float32(255)))[0], 0).detach().numpy() for p in test.pixels]
    assert np.allclose(probabilities(model, test, batch=7), rows, atol=1e-6)
    assert accuracy(model, test, batch=7) == np.mean([row.argmax() == label for row, label in zip(rows, test.labels, strict=True)])


def test_the_divergence_is_the_textbook_sum_and_nought_between_equals(test):
    a, b = Says(0.0, 1.0, 0.0, 0.5), Says(2.0, 0.0, 0.3, 0.0)
    p, q = (np.exp(m.logits.detach().double().numpy()) for m in (a, b))
    p, q = p / p.sum(), q / q.sum()
    assert label_kl(a, b, test, batch=50) == pytest.approx((p * np.log(p / q)).sum())
    assert label_kl(b, a, test) != pytest.approx(label_kl(a, b, test))
    assert label_kl(a, a, test) == 0


def test_measuring_leaves_every_mode_and_statistic_as_it_was(test):
    model = cnn(batch_norm=True)(test, 0).train()
    model.features[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    accuracy(model, test), probabilities(model, test), label_kl(model, model, test)
    with in_eval_mode(model):
        assert not model.features[5].training
        assert not torch.is_grad_enabled()
    with pytest.raises(RuntimeError):
        accuracy(model, replace(test, pixels=test.pixels[:, :, 1:]))  # on the way out of an error too
    assert (model.training, model.features[1].training, model.features[5].training) == (True, False, True)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.is_grad_enabled()


def test_nothing_is_measured_on_no_images(test):
    none = test.keep([])
    with pytest.raises(DataError, match="the accuracy on 0 images is not defined"):
        accuracy(Says(0.0), none)
    with pytest.raises(DataError, match="the divergence on 0 images is not defined"):
        label_kl(Says(0.0), Says(0.0), none)
    assert probabilities(Says(0.0), none).shape == (0, 4)
    with pytest.raises(SettingsError, match="batch must be >= 1, got 0"):
        accuracy(Says(0.0), test, batch=0)


def test_wrong_labels_are_wrong_and_stand_on_the_ids_that_are_returned_alone(test):
    changed, ids = mislabelled(test, 30, np.random.default_rng(0))
    assert len(ids) == 30
    assert (np.diff(ids) > 0).all()
    assert test.ids[changed.labels != test.labels].tolist() == ids.tolist()
    assert set(changed.labels[changed.positions(ids)].tolist()) == {0, 1, 2, 3}
    assert mislabelled(test, 30, np.random.default_rng(0))[1].tolist() == ids.tolist()
    assert len(mislabelled(test, 0, np.random.default_rng(0))[1]) == 0
    with pytest.raises(SettingsError, match=r"n must lie in 0\.\.120, the number of images, got 121"):
        mislabelled(test, 121, np.random.default_rng(0))

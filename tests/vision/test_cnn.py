"""Builders: the small network has the size it says, any other module is taken by name or object, and seeds decide the draw."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from r2u_rec.errors import SettingsError
from r2u_rec.vision import ImageSet, SmallCNN, any_module, cnn


def blank(channels: int = 1, height: int = 28, width: int = 28, n_classes: int = 10) -> ImageSet:
    return ImageSet(np.arange(2), np.zeros((2, channels, height, width), np.uint8), np.zeros(2, np.int64), n_classes)


def state(model: nn.Module) -> bytes:
    return b"".join(value.numpy().tobytes() for value in model.state_dict().values())


def test_the_small_network_has_the_size_it_says():
    assert sum(p.numel() for p in SmallCNN(1, 10, seed=0).parameters()) == 105_866
    assert not list(SmallCNN(1, 10, seed=0).buffers())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [4, 9, 28, 32])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_it_takes_any_square_images(channels, size, batch_norm):
    model = cnn(batch_norm)(blank(channels, size, size, 7), 0)
    assert model(torch.rand(3, channels, size, size)).shape == (3, 7)
    assert (len(list(model.buffers())) > 0) == batch_norm


def test_what_it_cannot_take_is_refused():
    with pytest.raises(SettingsError, match="SmallCNN is for square images, got 28 x 30"):
        cnn()(blank(width=30), 0)
    with pytest.raises(SettingsError, match="size must be >= 4 pixels, got 3"):
        cnn()(blank(height=3, width=3), 0)


class Flat(nn.Module):
    def __init__(self, n_classes: int, width: int = 3) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(784, width), nn.Linear(width, n_classes)

    def forward(self, pixels):
        return self.two(self.one(pixels.flatten(1)))


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))


BUILDERS = {
    "cnn": cnn(),
    "a class": any_module(Flat),
    "a class with settings": any_module(Flat, width=5),
    "a name": any_module("r2u_rec.vision.cnn:SmallCNN"),
    "a function": any_module(lambda n_classes: nn.Sequential(nn.Flatten(), nn.Linear(784, n_classes))),
    "a module": any_module(nn.Sequential(nn.Flatten(), nn.Linear(784, 10))),
}


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_the_same_seed_gives_the_same_bytes_and_nothing_else_is_drawn_from(build):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (build(blank(), seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert state(first) == state(again) != state(other)
    assert first is not again
    assert first(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_settings_reach_the_module():
    assert any_module(Flat, width=5)(blank(), 0).one.out_features == 5


def test_a_given_module_is_not_touched():
    given = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    before = state(given)
    with torch.no_grad():
        any_module(given)(blank(), 3)[1].weight.zero_()
    assert state(given) == before


@pytest.mark.parametrize(
    ("source", "settings", "said"),
    [
        ("torch.nn:Nonesuch", {}, "torch.nn:Nonesuch leads nowhere .*: check the name, and that its package is installed"),
        ("nonesuch_package:Net", {}, "nonesuch_package:Net leads nowhere .*No module named"),
        ("torch.nn.Linear", {}, "a module is named \"package.module:Name\", got 'torch.nn.Linear'"),
        ("torch:pi", {}, "a module is named \"package.module:Name\", got 'torch:pi'"),
        ("builtins:dict", {"a": 1}, "builtins:dict made a dict, not a torch.nn.Module"),
        (nn.Linear(1, 1), {"bias": False}, "bias cannot be set on a module that is built already: give its class"),
        (Own(), {}, r"parameters of itself cannot be drawn anew \(no reset_parameters\): give the class"),
        (nn.Sequential(Own()), {}, "parameters of 0 cannot be drawn anew"),
    ],
)
def test_what_makes_no_module_is_refused(source, settings, said):
    with pytest.raises(SettingsError, match=said):
        any_module(source, **settings)(blank(), 0)

"""Image classifiers: the small network of the paper's kind, and any other module."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from r2u_rec.errors import SettingsError
from r2u_rec.vision.images import ImageSet

Build = Callable[[ImageSet, int], nn.Module]
"""(images, seed) -> untrained model; the model maps (n, channels, height, width) pixels in [0, 1] to (n, n_classes) logits."""


class SmallCNN(nn.Module):
    """Two convolutions with pooling, one hidden layer: 105,866 parameters for 1 x 28 x 28 and ten classes.

    Without batch normalisation by default: its running statistics are a memory of the data that no gradient unlearns.
    """

    def __init__(self, n_channels: int, n_classes: int, size: int = 28, batch_norm: bool = False, *, seed: int) -> None:
        super().__init__()
        if size < 4:
            raise SettingsError(f"size must be >= 4 pixels, got {size}: two poolings halve it")
        with seeded(seed):
            self.features = nn.Sequential(
                nn.Conv2d(n_channels, 16, 3, padding=1),
                nn.BatchNorm2d(16) if batch_norm else nn.Identity(),
                nn.MaxPool2d(2),
                nn.ReLU(),  # after the pooling: the same values, of a quarter as many
                nn.Conv2d(16, 32, 3, padding=1),
                nn.BatchNorm2d(32) if batch_norm else nn.Identity(),
                nn.MaxPool2d(2),
                nn.ReLU(),
            )
            self.features.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # halves the time of pooling on a CPU
            self.hidden = nn.Linear(32 * (size // 4) ** 2, 64)
            self.output = nn.Linear(64, n_classes)

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.features(pixels)  # (n, 32, size // 4, size // 4)
        x = torch.relu(self.hidden(x.flatten(1)))  # (n, 64)
        logits: Tensor = self.output(x)  # (n, n_classes)
        return logits


def cnn(batch_norm: bool = False) -> Build:
    """Returns the builder of a `SmallCNN` for square images and a seed."""

    def build(images: ImageSet, seed: int) -> nn.Module:
        _, channels, height, width = images.pixels.shape
        if height != width:
            raise SettingsError(f"SmallCNN is for square images, got {height} x {width}: crop them, or give a module by any_module")
        return SmallCNN(channels, images.n_classes, height, batch_norm, seed=seed)

    return build


def any_module(source: str | nn.Module | Callable[..., nn.Module], **settings: Any) -> Build:
    """Returns the builder of any module.

    Args:
        source: "package.module:Name" or a function or class, called with `settings` and with those of n_channels, n_classes,
            size and seed that it names; or a module, of which each call returns a copy with parameters drawn anew.
        settings: further arguments, for example num_classes=10 where the class does not say n_classes.

    Raises:
        SettingsError: the name leads nowhere, what it names makes no module, or a given module cannot be drawn anew.
    """
    if isinstance(source, nn.Module):
        if settings:
            raise SettingsError(f"{', '.join(settings)} cannot be set on a module that is built already: give its class")
        return lambda images, seed: _drawn_anew(source, seed)
    make = _named(source) if isinstance(source, str) else source

    def build(images: ImageSet, seed: int) -> nn.Module:
        own = {"n_channels": images.pixels.shape[1], "n_classes": images.n_classes, "size": images.pixels.shape[2], "seed": seed}
        wanted = {key: value for key, value in own.items() if key in _parameters(make)}
        with seeded(seed):
            model = make(**(wanted | settings))
        if not isinstance(model, nn.Module):
            raise SettingsError(f"{source} made a {type(model).__name__}, not a torch.nn.Module: name a class or function that makes one")
        return model

    return build


def _named(name: str) -> Callable[..., nn.Module]:
    module, colon, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute) if colon else None
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"{name} leads nowhere ({error}): check the name, and that its package is installed") from error
    if not callable(found):
        raise SettingsError(f'a module is named "package.module:Name", got {name!r}')
    make: Callable[..., nn.Module] = found
    return make


def _parameters(make: Callable[..., nn.Module]) -> set[str]:
    try:
        return set(inspect.signature(make).parameters)
    except ValueError:  # some built-in callables tell no signature
        return set()


def _drawn_anew(module: nn.Module, seed: int) -> nn.Module:
    fixed = [
        name or "itself"
        for name, part in module.named_modules()
        if next(part.parameters(recurse=False), None) is not None and not hasattr(part, "reset_parameters")
    ]
    if fixed:
        raise SettingsError(
            f"parameters of {', '.join(fixed)} cannot be drawn anew (no reset_parameters): give the class in place of the module"
        )
    model = copy.deepcopy(module)
    with seeded(seed):
        for part in model.modules():
            if callable(reset := getattr(part, "reset_parameters", None)):
                reset()
    return model


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """A context in which torch draws from `seed`; the caller's global state comes back on every way out."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        yield

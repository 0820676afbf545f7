"""What a classifier says of images: accuracy, probabilities, and how far two models are apart; and wrong labels to forget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.ids import Ids
from r2u_rec.vision.images import ImageSet

BATCH = 1024


def pixels_of(pixels: NDArray[np.uint8]) -> Tensor:
    """Returns the pixels as a tensor of float32 in [0, 1]."""
    return torch.from_numpy(pixels).to(torch.float32).div_(255)


def accuracy(model: nn.Module, images: ImageSet, batch: int = BATCH) -> float:
    """Returns the share of the images whose most likely class is their label, in [0, 1].

    Raises:
        DataError: there are no images.
    """
    if len(images) == 0:
        raise DataError("the accuracy on 0 images is not defined: check the classes or the split")
    right = sum(int((logits.argmax(1).numpy() == labels).sum()) for logits, labels in _logits(model, images, batch))
    return right / len(images)


def probabilities(model: nn.Module, images: ImageSet, batch: int = BATCH) -> NDArray[np.float32]:
    """Returns (n, n_classes) the probability of each class for each image."""
    parts = [logits.softmax(1).numpy() for logits, _ in _logits(model, images, batch)]
    return np.concatenate(parts) if parts else np.empty((0, images.n_classes), np.float32)


def label_kl(model_a: nn.Module, model_b: nn.Module, images: ImageSet, batch: int = BATCH) -> float:
    """Returns the mean over the images of KL(a || b), in nats: the information lost when b stands for a; >= 0.

    Raises:
        DataError: there are no images.
    """
    if len(images) == 0:
        raise DataError("the divergence on 0 images is not defined: check the classes or the split")
    total = 0.0
    for (a, _), (b, _) in zip(_logits(model_a, images, batch), _logits(model_b, images, batch), strict=True):
        log_a, log_b = a.double().log_softmax(1), b.double().log_softmax(1)
        total += float((log_a.exp() * (log_a - log_b)).sum())
    return max(total, 0.0) / len(images)


def mislabelled(images: ImageSet, n: int, rng: np.random.Generator) -> tuple[ImageSet, Ids]:
    """Returns the set with wrong labels on `n` random images, and their ids; each wrong class is equally likely.

    Raises:
        SettingsError: more images than there are, or a single class.
    """
    if not 0 <= n <= len(images):
        raise SettingsError(f"n must lie in 0..{len(images)}, the number of images, got {n}")
    if images.n_classes < 2:
        raise SettingsError(f"a wrong label needs 2 classes or more, got {images.n_classes}")
    rows = np.sort(rng.choice(len(images), size=n, replace=False))
    labels = images.labels.copy()
    labels[rows] = (labels[rows] + rng.integers(1, images.n_classes, size=n)) % images.n_classes
    return replace(images, labels=labels), images.ids[rows]


def _logits(model: nn.Module, images: ImageSet, batch: int) -> Iterator[tuple[Tensor, NDArray[np.int64]]]:
    """Yields logits (n, n_classes) on the CPU and labels of one batch after the other, in eval mode."""
    if batch < 1:
        raise SettingsError(f"batch must be >= 1, got {batch}")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    for at in range(0, len(images), batch):
        with in_eval_mode(model):
            logits = model(pixels_of(images.pixels[at : at + batch]).to(device)).detach().float().cpu()
        yield logits, images.labels[at : at + batch]


@contextmanager
def in_eval_mode(model: nn.Module) -> Iterator[None]:
    """A context in which `model` is in eval mode and makes no gradients; every module's own mode comes back on every way out."""
    modes = {part: part.training for part in model.modules()}
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for part, training in modes.items():
            part.training = training

"""ImageTask: image classification as a `core.Task`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.ids import Ids
from r2u_rec.vision.cnn import Build
from r2u_rec.vision.images import ImageSet
from r2u_rec.vision.measure import BATCH, pixels_of


class ImageBatch(NamedTuple):
    """Images: pixels (n, channels, height, width) in [0, 1], labels (n,), noise (n,) the deviation of the noise that training adds."""

    pixels: Tensor
    labels: Tensor
    noise: Tensor


@dataclass(frozen=True)
class ImageTask:
    """Classifies images by cross-entropy.

    Attributes:
        build: (images, seed) -> untrained model, of pixels in [0, 1] to logits.
        noisy: ids of images that are only ever trained on with Gaussian noise added to their pixels (the paper's "Noisy");
            None for no noise. A model in eval mode, and so an unlearner, sees them as they are.
        noise: standard deviation of that noise; pixels lie in [0, 1] and are not clipped after it.
    """

    build: Build
    noisy: Ids | None = None
    noise: float = 0.3

    def __post_init__(self) -> None:
        if not (self.noise >= 0 and math.isfinite(self.noise)):
            raise SettingsError(f"noise must be a standard deviation >= 0 of pixels in [0, 1], got {self.noise}")

    def model(self, records: ImageSet, *, seed: int) -> nn.Module:
        """Returns a fresh model for the shape and classes of `records`."""
        return self.build(records, seed)

    def batch(self, records: ImageSet, ids: Ids, *, rng: np.random.Generator) -> ImageBatch:
        """Returns the images `ids` (any order)."""
        rows = records.positions(ids)
        deviation = np.zeros(len(rows), np.float32) if self.noisy is None else np.isin(ids, self.noisy) * np.float32(self.noise)
        return ImageBatch(pixels_of(records.pixels[rows]), torch.from_numpy(records.labels[rows]), torch.from_numpy(deviation))

    def concatenate(self, batches: Sequence[ImageBatch]) -> ImageBatch:
        """Returns one batch, so that one forward pass serves several."""
        return ImageBatch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))

    def losses(self, model: nn.Module, batch: ImageBatch) -> Tensor:
        """Returns (n,) cross-entropies in nats; the noise is drawn from torch's state, which `fit_` seeds at each step.

        Raises:
            CapabilityError: the model does not give one row of logits an image.
        """
        pixels = batch.pixels
        if model.training and self.noisy is not None and self.noise > 0:
            pixels = pixels + batch.noise[:, None, None, None] * torch.randn_like(pixels)
        logits = model(pixels)  # (n, n_classes)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(pixels):
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise CapabilityError(f"the model must return ({len(pixels)}, n_classes) logits, got {got}: wrap it so that it does")
        return nn.functional.cross_entropy(logits, batch.labels, reduction="none")

    def chance(self, records: ImageSet) -> float:
        """Returns the loss in nats of a model that holds every class for equally likely: log n_classes."""
        return math.log(records.n_classes)

    def attach(self, model: nn.Module, records: ImageSet) -> None:
        """Computes the running statistics of batch normalisation anew, from `records` alone; nothing else derives from data.

        The statistics are those of all images of `records`, in the order of their ids, each batch counted alike.
        """
        layers = [part for part in model.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.track_running_stats]
        if not layers or len(records) == 0:
            return
        trains, momenta = {part: part.training for part in model.modules()}, [layer.momentum for layer in layers]
        device = next(model.parameters()).device
        try:
            model.eval()
            for layer in layers:
                layer.reset_running_stats()
                layer.momentum = None  # a plain average over the batches
                layer.train()
            with torch.no_grad():
                for pixels in np.array_split(records.pixels, math.ceil(len(records) / BATCH)):
                    model(pixels_of(pixels).to(device))
        finally:
            for layer, momentum in zip(layers, momenta, strict=True):
                layer.momentum = momentum
            for part, training in trains.items():
                part.training = training

"""Small image problems whose answer is known: the class of an image is where its bright patch stands."""

from __future__ import annotations

import numpy as np
import pytest

from r2u_rec.vision import ImageSet

SIZE = 8


def patches(n: int, n_classes: int = 4, seed: int = 0, first: int = 100) -> ImageSet:
    """Returns noise with one bright 3 x 3 patch in a corner of its class; ids are no positions."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_classes).astype(np.int64)
    pixels = rng.integers(0, 60, (n, 1, SIZE, SIZE)).astype(np.uint8)
    for i, label in enumerate(labels):
        y, x = divmod(int(label), 2)
        pixels[i, 0, 5 * y : 5 * y + 3, 5 * x : 5 * x + 3] = 200
    return ImageSet(first + 3 * np.arange(n, dtype=np.int64), pixels, labels, n_classes)


@pytest.fixture(scope="session")
def train() -> ImageSet:
    return patches(240)


@pytest.fixture(scope="session")
def test() -> ImageSet:
    return patches(120, seed=1, first=10_000)

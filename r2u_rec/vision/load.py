"""Image sets by name, and of one's own arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from r2u_rec.data import check_counts, describe_dataset, obtain
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.rng import stream
from r2u_rec.vision.formats import Arrays, idx_parts, npz_parts, pickle_parts
from r2u_rec.vision.images import ImageParts, ImageSet

VALIDATION_SHARE = 0.1


def load_images(name: str, path: str | Path | None = None, *, seed: int = 0) -> ImageParts:
    """Returns an image set, fetched when it is not here yet, and checked against its card.

    Args:
        name: mnist, fashion-mnist, pathmnist, pneumoniamnist, or "medmnist" for a file of that format.
        path: for "medmnist" the .npz file, which is needed; for others a folder with the files, in place of the card's sources.
        seed: of the validation part, a tenth of the training part, where the set comes without one.

    Returns:
        Ids number the images from 0 as they stand in the files: training, validation, test. A validation part that is split off
        keeps its numbers, so that an image has the same id with any seed.

    Raises:
        SettingsError: no such set, or one of another kind. DownloadError: no source gives it. DataError: it is not what its card promises.
    """
    card = describe_dataset(name)
    if card.kind != "images":
        raise SettingsError(f"{name} holds no images ({card.kind}): r2u datasets lists the sets of the kind images")
    if name == "medmnist":
        if path is None or Path(path).suffix != ".npz" or not Path(path).is_file():
            raise SettingsError(f'the set "medmnist" needs the path of a .npz file, got {path}: load_images("medmnist", "bloodmnist.npz")')
        return _parts(npz_parts(Path(path)), None, seed, VALIDATION_SHARE)
    place, source = obtain(name, path=path)
    how = dict(source.read)
    if "pickle" in how:
        arrays = pickle_parts(place / how["pickle"], how["scale"])
    elif "idx" in how:
        arrays = idx_parts(place, how["idx"], how.get("last"))
    else:
        arrays = npz_parts(place / how["npz"])
    parts = _parts(arrays, card.counts.get("classes"), seed, VALIDATION_SHARE)
    found = {part: len(getattr(parts, part)) for part in ("train", "validation", "test")} | {"classes": _n_seen(parts.train)}
    check_counts(card, found, place)
    return parts


def from_arrays(
    train: tuple[ArrayLike, ArrayLike],
    test: tuple[ArrayLike, ArrayLike],
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    *,
    n_classes: int | None = None,
    seed: int = 0,
    validation_share: float = VALIDATION_SHARE,
) -> ImageParts:
    """Returns parts of one's own arrays.

    Args:
        train, test, validation: images and labels. Images are (n, height, width), (n, height, width, channels) or
            (n, channels, height, width), where channels are 1 or 3; bytes, or floats in [0, 1]. Labels are (n,) or (n, 1)
            whole numbers from 0.
        n_classes: None for the highest label and one.
        seed, validation_share: of the validation part that is split off `train` when none is given.

    Raises:
        DataError: arrays of another shape or range. SettingsError: validation_share outside (0, 1).
    """
    if not 0 < validation_share < 1:
        raise SettingsError(f"validation_share must lie in (0, 1), got {validation_share}")
    given = [train, test] if validation is None else [train, validation, test]
    return _parts([(np.asarray(images), np.asarray(labels)) for images, labels in given], n_classes, seed, validation_share)


def _parts(arrays: Sequence[Arrays], n_classes: int | None, seed: int, share: float) -> ImageParts:
    labels = [_labels(part[1]) for part in arrays]
    classes = max(int(each.max(initial=-1)) for each in labels) + 1 if n_classes is None else n_classes
    sets, first = [], 0
    for (images, _), each in zip(arrays, labels, strict=True):
        sets.append(ImageSet(np.arange(first, first + len(images), dtype=np.int64), _pixels(images), each, classes))
        first += len(images)
    if len(sets) == 2:
        train, test = sets
        n = round(share * len(train))
        held_out = train.ids[np.sort(stream(seed, "validation").choice(len(train), size=n, replace=False))]
        return ImageParts(train.drop(held_out), train.keep(held_out), test)
    return ImageParts(*sets)


def _pixels(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Returns (n, channels, height, width) uint8."""
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[-1] in (1, 3):
        images = np.moveaxis(images, -1, 1)
    elif images.ndim != 4 or images.shape[1] not in (1, 3):
        raise DataError(f"images must be (n, height, width) with 1 or 3 channels last or second, got {images.shape}: volumes are not read")
    if images.dtype != np.uint8:
        if images.dtype.kind != "f":
            raise DataError(f"images must be bytes, or floats in [0, 1], got {images.dtype}: convert them with astype(np.uint8)")
        low, high = float(images.min(initial=0)), float(images.max(initial=0))
        if not (low >= 0 and high <= 1):
            raise DataError(f"images of floats must lie in [0, 1], got {low:g} to {high:g}: divide them by their highest value")
        images = (images * 255).round().astype(np.uint8)
    return np.ascontiguousarray(images)


def _labels(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Returns (n,) int64."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"labels must be one whole number an image, got {labels.shape} of {labels.dtype}: several labels an image are not read"
        )
    return labels.astype(np.int64)


def _n_seen(images: ImageSet) -> int:
    return len(np.unique(images.labels))

"""The images of a trial: a part of a set, what of it may be asked to be forgotten, and what is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from r2u_rec.errors import SettingsError
from r2u_rec.ids import Ids
from r2u_rec.rng import stream
from r2u_rec.vision import ImageParts, ImageSet, load_images, mislabelled


@dataclass(frozen=True)
class Problem:
    """What one trial trains on and measures.

    Attributes:
        train: the images trained on, with the labels trained on.
        revocable: ids of `train` that training is told may be withdrawn.
        forget: ids of `train` that are withdrawn; not the same when retained images were taken for revocable ones.
        validation_forget, validation_retain: held-out images of the forget classes and of the others; settings are chosen on
            these, and adaptive weights hear them.
        test_forget, test_retain: what is reported. Where single images are forgotten, `test_forget` is those images with the
            labels that were trained on: a fact about one image can be measured on nothing else.
    """

    train: ImageSet
    revocable: Ids
    forget: Ids
    validation_forget: ImageSet
    validation_retain: ImageSet
    test_forget: ImageSet
    test_retain: ImageSet


@lru_cache(maxsize=2)
def loaded_parts(data: str) -> ImageParts:
    """Returns the set; a worker process carries out many trials on the same one."""
    return load_images(data)


def by_class(
    parts: ImageParts, classes: Sequence[int], *, n_train: int, n_test: int, seed: int, overlap: float = 0.0, without: bool = False
) -> Problem:
    """Returns the problem of forgetting whole classes.

    Args:
        classes: to forget. n_train: images drawn from the training part; n_test: retained images drawn from the test part
            to measure on, as many of the validation part at most (of the forget classes all are used).
        seed: of what is drawn; the same images for each way to train.
        overlap: share of the revocable ids that are retained images taken for revocable ones, in [0, 1). They are not withdrawn.
        without: train on the retained images alone; the forget ids are then no ids of `train`.

    Raises:
        SettingsError: no class or all of them, or an overlap that needs more images than there are.
    """
    if not 0 < len(set(classes)) < parts.train.n_classes:
        raise SettingsError(f"forget must name at least one class and leave at least one of {parts.train.n_classes}, got {list(classes)}")
    if not 0 <= overlap < 1:
        raise SettingsError(f"overlap must lie in [0, 1), got {overlap}")
    train = drawn(parts.train, n_train, seed, "train")
    forget = train.ids_of_classes(classes)
    retain = np.setdiff1d(train.ids, forget, assume_unique=True)
    n_taken = round(overlap / (1 - overlap) * len(forget))
    if n_taken > len(retain):
        raise SettingsError(f"overlap {overlap} takes {n_taken} retained images for revocable ones, there are {len(retain)}: lower it")
    taken = stream(seed, "overlap").choice(retain, size=n_taken, replace=False)
    return Problem(
        train.drop(forget) if without else train,
        np.union1d(forget, taken),
        forget,
        *_sides(parts.validation, classes, n_test, seed, "validation"),
        *_sides(parts.test, classes, n_test, seed, "test"),
    )


def by_instance(parts: ImageParts, n_wrong: int, *, n_train: int, n_test: int, seed: int) -> Problem:
    """Returns the problem of forgetting `n_wrong` random training images that bear wrong labels."""
    train, wrong = mislabelled(drawn(parts.train, n_train, seed, "train"), n_wrong, stream(seed, "mislabelled"))
    validation, test = drawn(parts.validation, n_test, seed, "validation"), drawn(parts.test, n_test, seed, "test")
    return Problem(train, wrong, wrong, train.keep(wrong), validation, train.keep(wrong), test)


def drawn(images: ImageSet, n: int, seed: int, name: str) -> ImageSet:
    """Returns `n` random images, all when there are no more."""
    if n < 1:
        raise SettingsError(f"at least 1 image of the {name} part is needed, got {n}")
    return images if n >= len(images) else images.keep(np.sort(stream(seed, "images", name).choice(images.ids, size=n, replace=False)))


def _sides(images: ImageSet, classes: Sequence[int], n: int, seed: int, name: str) -> tuple[ImageSet, ImageSet]:
    forget = images.ids_of_classes(classes)
    return images.keep(forget), drawn(images.drop(forget), n, seed, name)

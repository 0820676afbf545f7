"""ImageSet: images with their labels as immutable records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from r2u_rec.errors import DataError
from r2u_rec.ids import Ids, as_ids, positions_of


@dataclass(frozen=True)
class ImageSet:
    """Images and labels; `keep` and `drop` return a new set, ids stay.

    Attributes:
        ids: (n,) int64, ascending.
        pixels: (n, channels, height, width) uint8.
        labels: (n,) int64 in 0..n_classes-1.
        n_classes: classes of the problem, whether or not each has an image here.
    """

    ids: Ids
    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    n_classes: int

    def __post_init__(self) -> None:
        n = len(self.ids)
        if self.pixels.ndim != 4 or self.pixels.dtype != np.uint8 or len(self.pixels) != n:
            raise DataError(
                f"pixels must be ({n}, channels, height, width) of uint8, got {self.pixels.shape} of {self.pixels.dtype}: see from_arrays"
            )
        if self.labels.shape != (n,) or self.labels.dtype != np.int64:
            raise DataError(f"labels must be ({n},) of int64, got {self.labels.shape} of {self.labels.dtype}: see from_arrays")
        if n and not (self.labels.min() >= 0 and self.labels.max() < self.n_classes):
            raise DataError(f"labels must lie in 0..{self.n_classes - 1}, got {self.labels.min()} to {self.labels.max()}")
        if self.ids.dtype != np.int64 or (np.diff(self.ids) <= 0).any():
            raise DataError("ids must be int64, unique and ascending")

    def __len__(self) -> int:
        return len(self.ids)

    def positions(self, ids: Ids) -> NDArray[np.int64]:
        """Returns where each of `ids` (any order) stands; UnknownRecordError for what is not here."""
        return positions_of(self.ids, ids)

    def keep(self, ids: Ids) -> Self:
        """Returns the images `ids`; UnknownRecordError for what is not here."""
        return self._at(self.positions(as_ids(ids)))

    def drop(self, ids: Ids) -> Self:
        """Returns all images but `ids`; UnknownRecordError for what is not here."""
        return self._at(np.delete(np.arange(len(self)), self.positions(as_ids(ids))))

    def ids_of_classes(self, classes: Sequence[int]) -> Ids:
        """Returns the ids of all images whose label is among `classes`; DataError for a class that the problem does not have."""
        unknown = [c for c in classes if not 0 <= c < self.n_classes]
        if unknown:
            raise DataError(f"classes must lie in 0..{self.n_classes - 1}, got {unknown}")
        return self.ids[np.isin(self.labels, list(classes))]

    def _at(self, rows: NDArray[np.int64]) -> Self:
        return replace(self, ids=self.ids[rows], pixels=self.pixels[rows], labels=self.labels[rows])


@dataclass(frozen=True)
class ImageParts:
    """Training, validation and test images; no id occurs twice, in whichever part."""

    train: ImageSet
    validation: ImageSet
    test: ImageSet

"""The file formats of image sets: idx of MNIST, npz of MedMNIST, the old pickle of MNIST; each to pixels and labels as they stand there."""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r2u_rec.errors import DataError
from r2u_rec.vision.unpickle import read_pickle

Arrays = tuple[NDArray[Any], NDArray[Any]]
"""Pixels and labels of one part."""


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Returns the bytes array of an idx file, packed with gzip or not; DataError for another element type or a wrong length.

    Source: the format as described on MNIST's page: two zero bytes, the type (8 for unsigned bytes), the number of
    dimensions, each dimension as a big-endian int32, the values.
    """
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name} cannot be read ({error}): it is broken, fetch it anew") from error
    if len(raw) < 4 or raw[:3] != b"\x00\x00\x08":
        raise DataError(f"{path.name} is no idx file of bytes: it begins with {raw[:4].hex()}, not with 000008")
    n_dims = raw[3]
    begin = 4 + 4 * n_dims
    if len(raw) < begin:
        raise DataError(f"{path.name} breaks off in its head of {begin} bytes: fetch it anew")
    shape = struct.unpack(f">{n_dims}i", raw[4:begin])
    if len(raw) - begin != math.prod(shape):
        raise DataError(f"{path.name} holds {len(raw) - begin} values where its head says {shape}: it is broken, fetch it anew")
    return np.frombuffer(raw, np.uint8, offset=begin).reshape(shape)


def idx_parts(folder: Path, names: Sequence[str], last: int | None = None) -> list[Arrays]:
    """Returns training and test part of four idx files (training images and labels, test images and labels).

    Args:
        last: so many of the last training images become a validation part between them.
    """
    images, labels, test_images, test_labels = (read_idx(folder / name) for name in names)
    if not last:
        return [(images, labels), (test_images, test_labels)]
    return [(images[:-last], labels[:-last]), (images[-last:], labels[-last:]), (test_images, test_labels)]


def npz_parts(path: Path) -> list[Arrays]:
    """Returns the parts of a MedMNIST file: train, val and test, or train and test where there is no val.

    The arrays are called train_images and train_labels, or x_train and y_train. Objects in the file are refused.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            names = set(held.files)
            found = []
            for part in ("train", "val", "test"):
                pair = next((p for p in ((f"{part}_images", f"{part}_labels"), (f"x_{part}", f"y_{part}")) if names >= set(p)), None)
                if pair is not None:
                    found.append((held[pair[0]], held[pair[1]]))
                elif part != "val":
                    raise DataError(f"{path.name} has no {part}_images and {part}_labels: it holds {', '.join(sorted(names)) or 'nothing'}")
            return found
    except DataError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError) as error:
        raise DataError(f"{path.name} is no npz file of plain arrays ({error}): name a MedMNIST file") from error


def pickle_parts(path: Path, scale: float) -> list[Arrays]:
    """Returns the parts of a pickle ((images, labels), ...), its square images flat and its values byte / scale.

    Raises:
        DataError: the pickle holds something else, or values that are no bytes / scale.
    """
    held = read_pickle(path)
    found = []
    try:
        for images, labels in held:
            values = np.asarray(images, np.float32) * np.float32(scale)
            side = math.isqrt(values.shape[1])
            found.append((_bytes(values, path, scale).reshape(len(values), side, side), np.asarray(labels)))
    except DataError:
        raise
    except (TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path.name} holds no pairs of square images and labels ({error})") from error
    return found


def _bytes(values: NDArray[np.float32], path: Path, scale: float) -> NDArray[np.uint8]:
    whole = values.round()
    values -= whole
    if values.size and not (np.abs(values, out=values).max() < 1e-3 and whole.min() >= 0 and whole.max() <= 255):
        raise DataError(f"{path.name} holds values that are no bytes divided by {scale:g}: it is of another version")
    return whole.astype(np.uint8)

"""Randomness comes in as a seed or a Generator; from one seed, independent streams by name."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, *path: int | str) -> np.random.Generator:
    """Returns the generator of the stream that `path` names below `seed`.

    Streams of different paths are independent, and a stream does not depend on how often another was drawn from:
    this is what makes an interrupted run resumable without saving any generator state. Zeros at the end of a path do not
    count: ("a",) and ("a", 0) are one stream, so that a name and its numbered parts must not both be drawn from.
    """
    if seed < 0:
        raise ValueError(f"seed must be >= 0, got {seed}")
    words = [zlib.crc32(p.encode()) if isinstance(p, str) else int(p) for p in path]
    return np.random.default_rng([seed, *words])

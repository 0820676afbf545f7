"""Reading arrays out of a pickle without running anything that the pickle asks for."""

from __future__ import annotations

import gzip
import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core.multiarray import _reconstruct
from numpy._core.numeric import _frombuffer  # type: ignore[attr-defined]

from r2u_rec.errors import DataError

_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,  # numpy 1
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,  # numpy 2
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,  # protocol 5
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): lambda text, encoding: text.encode(_latin(encoding)),  # how protocol 2 writes bytes
}


class _ArraysOnly(pickle.Unpickler):
    """Knows numpy arrays and nothing else; a subclass because that is how `pickle` lets globals be restricted."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise DataError(
                f"the pickle asks for {module}.{name}, and only numpy arrays are read from pickles: it is refused, nothing was run"
            )
        return _ALLOWED[module, name]


def read_pickle(path: Path) -> Any:
    """Returns the tuples, lists and dicts of numpy arrays that a pickle holds, packed with gzip or not.

    Raises:
        DataError: the pickle asks for anything but numpy arrays, or is broken.
    """
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as content:
            found = _ArraysOnly(content, encoding="latin1").load()
            content.read()  # to the end, where gzip keeps its checksum
            return found
    except DataError as error:
        raise DataError(f"{path.name}: {error}") from error
    except (pickle.UnpicklingError, EOFError, OSError, zlib.error, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise DataError(f"{path.name} is no pickle of numpy arrays ({error}): the file is broken or of another kind") from error


def _latin(encoding: str) -> str:
    if encoding != "latin1":
        raise DataError(f"the pickle asks for the encoding {encoding!r}, and bytes are written as latin1: it is refused")
    return encoding

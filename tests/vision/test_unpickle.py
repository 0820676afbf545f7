"""A pickle gives arrays or nothing: what it asks for beside them is neither imported nor run."""

from __future__ import annotations

import gzip
import os
import pickle

import numpy as np
import pytest

from r2u_rec.errors import DataError
from r2u_rec.vision.unpickle import read_pickle


class Asks:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_in_tuples_lists_and_dicts_are_read_in_every_protocol(tmp_path, protocol):
    held = {"a": (np.arange(6).reshape(2, 3), [np.array([0.5], np.float32)]), "b": np.array([True, False])}
    for name, pack in (("plain", bytes), ("packed", gzip.compress)):
        (tmp_path / name).write_bytes(pack(pickle.dumps(held, protocol)))
        found = read_pickle(tmp_path / name)
        assert np.array_equal(found["a"][0], held["a"][0])
        assert found["a"][1][0].dtype == np.float32
        assert found["b"].tolist() == [True, False]


@pytest.mark.parametrize("protocol", [0, 2, pickle.HIGHEST_PROTOCOL])
def test_a_pickle_that_would_run_a_command_is_refused_and_runs_nothing(tmp_path, protocol):
    mark = tmp_path / "ran"
    for asks in (Asks(os.mkdir, str(mark)), Asks(eval, f"open({str(mark)!r}, 'w')"), Asks(os.system, f"touch {mark}")):
        (tmp_path / "evil").write_bytes(pickle.dumps((np.zeros(2), asks), protocol))
        with pytest.raises(DataError, match=r"evil: the pickle asks for \w+\.\w+, and only numpy arrays are read .* nothing was run"):
            read_pickle(tmp_path / "evil")
        assert not mark.exists()


def test_harmless_objects_are_refused_too(tmp_path):
    (tmp_path / "path").write_bytes(pickle.dumps(tmp_path))
    with pytest.raises(DataError, match=r"the pickle asks for pathlib\.PosixPath"):
        read_pickle(tmp_path / "path")


def test_an_attribute_of_numpy_that_is_no_array_is_refused(tmp_path):
    (tmp_path / "load").write_bytes(b"cnumpy\nload\n(S'x'\ntR.")
    with pytest.raises(DataError, match=r"the pickle asks for numpy\.load"):
        read_pickle(tmp_path / "load")
    (tmp_path / "codec").write_bytes(b"c_codecs\nencode\n(S'x'\nS'zip'\ntR.")
    with pytest.raises(DataError, match="the pickle asks for the encoding 'zip'"):
        read_pickle(tmp_path / "codec")


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", pickle.dumps(np.arange(9))[:-4], gzip.compress(pickle.dumps(np.arange(9)), mtime=0)[:-9]],
    ids=["nothing", "a page", "cut short", "a packed file cut short"],
)
def test_a_broken_pickle_is_named(tmp_path, content):
    (tmp_path / "broken").write_bytes(content)
    with pytest.raises(DataError, match=r"broken is no pickle of numpy arrays \("):
        read_pickle(tmp_path / "broken")

"""An image set keeps its ids, refuses what is not there, and says what is wrong with arrays that do not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r2u_rec.errors import DataError, UnknownRecordError
from r2u_rec.vision import ImageSet


def numbered(n: int) -> ImageSet:
    """Each image's pixels and label can be told from its id."""
    ids = 7 + 2 * np.arange(n, dtype=np.int64)
    return ImageSet(ids, np.broadcast_to(ids.astype(np.uint8)[:, None, None, None], (n, 1, 4, 4)).copy(), ids % 3, 3)


@settings(deadline=None, max_examples=30)
@given(st.sets(st.integers(0, 29)))
def test_kept_and_dropped_images_are_complementary_and_each_stays_itself(chosen):
    images = numbered(30)
    ids = images.ids[sorted(chosen)]
    kept, dropped = images.keep(ids), images.drop(ids)
    assert kept.ids.tolist() == ids.tolist()
    assert np.union1d(kept.ids, dropped.ids).tolist() == images.ids.tolist()
    assert len(kept) + len(dropped) == 30
    for part in (kept, dropped):
        assert (part.pixels[:, 0, 0, 0] == part.ids).all()
        assert (part.labels == part.ids % 3).all()
        assert part.n_classes == 3


def test_ids_that_are_not_there_are_refused():
    images = numbered(5)
    for act in (images.keep, images.drop, images.positions):
        with pytest.raises(UnknownRecordError, match="never existed or are already forgotten"):
            act(np.array([8]))
    with pytest.raises(UnknownRecordError):
        images.drop(images.ids[:1]).keep(images.ids[:1])


def test_positions_follow_the_order_asked_for_and_ids_come_back_ascending():
    images = numbered(5)
    assert images.positions(images.ids[[3, 0]]).tolist() == [3, 0]
    assert images.keep(images.ids[[3, 0]]).ids.tolist() == images.ids[[0, 3]].tolist()


def test_the_ids_of_classes_are_those_of_their_labels():
    images = numbered(9)
    assert images.ids_of_classes([0, 2]).tolist() == [i for i in images.ids.tolist() if i % 3 in (0, 2)]
    assert images.ids_of_classes([]).tolist() == []
    with pytest.raises(DataError, match=r"classes must lie in 0\.\.2, got \[3, -1\]"):
        images.ids_of_classes([3, 0, -1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pixels": np.zeros((4, 4, 4), np.uint8)}, r"pixels must be \(4, channels, height, width\) of uint8, got \(4, 4, 4\) of uint8"),
        ({"pixels": np.zeros((4, 1, 4, 4))}, r"got \(4, 1, 4, 4\) of float64: see from_arrays"),
        ({"labels": np.zeros(3, np.int64)}, r"labels must be \(4,\) of int64, got \(3,\)"),
        ({"labels": np.array([0, 1, 2, 3])}, r"labels must lie in 0\.\.2, got 0 to 3"),
        ({"ids": np.array([1, 2, 2, 3])}, "ids must be int64, unique and ascending"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, said):
    with pytest.raises(DataError, match=said):
        replace(numbered(4), **change)

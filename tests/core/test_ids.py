"""Record numbers: what is left of many rows when some are gone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2u_rec import ids
from r2u_rec.errors import UnknownRecordError


@pytest.mark.parametrize("many", [0, 10_000], ids=["one mask", "stretches"])
@given(n=st.integers(1, 40), data=st.data())
def test_stretches_select_in_order_whatever_is_not_gone(many, n, data):
    gone = np.array(sorted(data.draw(st.sets(st.integers(0, n - 1)))), dtype=np.int64)
    values = np.arange(n) * 10
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "MANY_STRETCHES", many)
        found = np.concatenate([values[s] for s in ids.stretches_between(gone, n)])
    assert found.tolist() == np.delete(values, gone).tolist()


def test_rows_side_by_side_are_passed_over_in_one_step():
    assert ids.stretches_between(np.array([0, 1, 5, 6, 9]), 10) == [slice(2, 5), slice(7, 9)]


@given(
    numbers=st.sets(st.integers(-40, 40), min_size=1),
    sought=st.lists(st.integers(-60, 60), min_size=1, max_size=40),
    far=st.sampled_from([0, 10**12]),
)
def test_positions_are_those_of_a_search_whether_a_table_is_made_or_not(numbers, sought, far):
    rows = np.sort(np.array([*numbers], dtype=np.int64) + far)
    if far:
        rows = np.append(rows, far * 2)  # too wide for a table
    wanted = np.array(sought, dtype=np.int64) + far
    if set(wanted.tolist()) <= set(rows.tolist()):
        np.testing.assert_array_equal(ids.positions_of(rows, wanted), np.searchsorted(rows, wanted))
    else:
        with pytest.raises(UnknownRecordError, match="are not among"):
            ids.positions_of(rows, wanted)
    among = np.intersect1d(wanted, rows)
    np.testing.assert_array_equal(rows[ids.positions_of(rows, among)], among)

"""Repeated pairs of user and item: which record stays, and what its rating becomes, against a loop over rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from r2u_rec.data import append, read_interactions
from r2u_rec.errors import DataError

PURCHASES = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 4), st.integers(-3, 3)), min_size=1, max_size=25)


def naive(rows: list[tuple[int, int, int, int]], duplicates: str, *, timed: bool) -> list[tuple[int, int, int, int, float]]:
    """(row, user, item, time, rating) of the records that stay, by one look at each pair."""
    out = []
    for pair in {row[:2] for row in rows}:
        of_pair = [(time if timed else 0, row, rating) for row, (*key, time, rating) in enumerate(rows) if tuple(key) == pair]
        of_pair.sort(key=lambda record: record[:2])  # oldest first, then by row
        _, row, rating = of_pair[0] if duplicates == "first" else of_pair[-1]
        rating = {"count": len(of_pair), "sum": sum(record[2] for record in of_pair)}.get(duplicates, rating)
        out.append((row, *pair, rows[row][2], float(rating)))
    return sorted(out)


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("duplicates", ["first", "last", "count", "sum"])
@settings(max_examples=10)
@given(rows=PURCHASES)
def test_one_record_a_pair_stays_as_a_loop_over_rows_finds_it(duplicates: str, timed: bool, rows: list[tuple[int, int, int, int]]) -> None:
    frame = pd.DataFrame(rows, columns=["user", "item", "time", "rating"])
    log = read_interactions(frame, time="time" if timed else None, duplicates=duplicates)
    expected = naive(rows, duplicates, timed=timed)
    found = zip(log.ids.tolist(), log.user_keys.keys[log.user], log.item_keys.keys[log.item], log.rating.tolist(), strict=True)
    assert list(found) == [(row, user, item, rating) for row, user, item, _, rating in expected]
    assert log.rating.dtype == np.float32
    if timed:
        assert log.time.tolist() == [time for _, _, _, time, _ in expected]


def test_the_first_and_the_last_are_told_by_time_and_not_by_row(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item,bought_on\na,x,2026-03-02\na,x,2026-03-01\n")
    first, last = (read_interactions(tmp_path / "log.csv", time="bought_on", duplicates=kind) for kind in ("first", "last"))
    assert (first.ids.tolist(), last.ids.tolist()) == ([1], [0])


def test_counts_need_no_rating_column_and_are_one_where_nothing_repeats() -> None:
    log = read_interactions(pd.DataFrame({"user": [1, 2], "item": [1, 2]}), duplicates="count")
    assert log.rating.tolist() == [1.0, 1.0]


def test_a_sum_without_ratings_is_refused_whether_or_not_a_pair_repeats(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item\n1,1\n2,2\n")
    with pytest.raises(DataError, match=r'log\.csv has no ratings to sum: name the rating column .*--data\.rating.*, or pass "count"'):
        read_interactions(tmp_path / "log.csv", duplicates="sum")


def test_a_sum_that_no_float_of_32_bits_holds_is_refused() -> None:
    frame = pd.DataFrame({"user": [1, 1], "item": [7, 7], "rating": [3e38, 3e38]})
    with pytest.raises(DataError, match="the ratings of user 1 and item 7 sum to more than a 32-bit float holds"):
        read_interactions(frame, duplicates="sum")


def test_entries_that_a_matrix_stores_twice_can_be_counted_and_summed() -> None:
    matrix = sparse.coo_array((np.array([1.0, 2.0, 1.0]), ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    assert read_interactions(matrix, duplicates="sum").rating.tolist() == [3.0, 1.0]
    assert read_interactions(matrix, duplicates="count").rating.tolist() == [2.0, 1.0]
    with pytest.raises(DataError, match=r"stores 1 entries twice, the first \(0, 1\)"):
        read_interactions(matrix)


def test_a_way_that_there_is_not_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="duplicates must be error, first, last, count or sum, got 'mean'"):
        read_interactions(tmp_path / "nowhere.csv", duplicates="mean")
    log = read_interactions(pd.DataFrame({"user": [1], "item": [1]}))
    with pytest.raises(ValueError, match="duplicates must be error, first or last, got 'count'"):
        append(log, log, duplicates="count")

"""The log: filters keep ids, forgetting a user takes key and side information along, columns cannot be written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from r2u_rec.data import InteractionLog, Vocabulary, read_log
from r2u_rec.errors import UnknownRecordError


def log() -> InteractionLog:
    frame = pd.DataFrame({"user": ["ann", "ann", "bob", "cat"], "item": [1, 2, 1, 3], "rating": [5.0, 4, 3, 2], "time": [1, 2, 3, 4]})
    users = pd.DataFrame(
        {"user": ["ann", "bob", "cat"], "age": [30, 40, 50], "town": ["x", "y", "z"], "since": pd.to_datetime(["2020-01-01"] * 3)}
    )
    return read_log(frame, user_info=users)


def test_dropping_the_last_record_of_a_user_forgets_key_and_side_information() -> None:
    left = log().drop([2])
    assert len(left) == 3
    assert left.n_users == 3  # the slot stays
    assert left.user_keys.code("bob") is None
    assert "bob" not in set(left.user_keys.keys)
    assert left.user_info.iloc[1].isna().all()
    assert left.user_info.loc[[0, 2], "age"].tolist() == [30, 50]


def test_dropping_one_of_two_records_keeps_the_user() -> None:
    left = log().drop([0])
    assert left.user_keys.code("ann") == 0
    assert left.ids.tolist() == [1, 2, 3]


def test_the_old_log_is_not_touched_by_drop() -> None:
    whole = log()
    whole.drop([2])
    assert whole.user_keys.code("bob") == 1
    assert whole.user_info["town"].tolist() == ["x", "y", "z"]


def test_keep_is_a_plain_filter() -> None:
    kept = log().keep([3, 0])
    assert kept.ids.tolist() == [0, 3]
    assert kept.user_keys.code("bob") == 1
    with pytest.raises(UnknownRecordError, match=r"1 of 2 record ids are not among the 2 records, the first \[1\]"):
        kept.keep([0, 1])


def test_forgotten_ids_are_unknown_and_never_used_again() -> None:
    left = log().drop([3])
    with pytest.raises(UnknownRecordError):
        left.drop([3])
    assert left.next_id == 4


def test_columns_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        log().user[0] = 2


def test_columns_of_unequal_length_and_side_information_of_the_wrong_length_are_refused() -> None:
    keys = Vocabulary.of([1]), Vocabulary.of([1])
    one = np.zeros(1, dtype=np.int32)
    with pytest.raises(ValueError, match=r"column item has shape \(2,\), ids have \(1,\)"):
        InteractionLog(np.arange(1), one, np.zeros(2, dtype=np.int32), None, None, *keys)
    with pytest.raises(ValueError, match=r"user_info has 2 rows for 1 keys: give one row per code"):
        InteractionLog(np.arange(1), one.copy(), one.copy(), None, None, *keys, user_info=pd.DataFrame({"a": [1, 2]}))


def test_the_matrix_and_the_pairs_hold_exactly_the_records() -> None:
    whole = log()
    assert whole.matrix().toarray().tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert whole.pairs.tolist() == [0, 1, 3, 8]
    assert whole.ids_of_users([0, 2]).tolist() == [0, 1, 3]
    assert whole.users_of([0, 1, 3]).tolist() == [0, 2]

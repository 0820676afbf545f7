"""The vocabulary: codes never move, a forgotten key leaves no trace, new keys come behind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from r2u_rec.data import Vocabulary
from r2u_rec.errors import DataError

KEYS = st.one_of(
    st.lists(st.integers(-(2**40), 2**40), unique=True, min_size=1, max_size=20),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1), unique=True, min_size=1, max_size=20),
)


@given(KEYS)
def test_codes_and_keys_are_inverse(keys: list) -> None:
    vocabulary = Vocabulary.of(keys)
    assert [vocabulary.key(code) for code in range(len(keys))] == keys
    assert list(vocabulary.codes(keys)) == list(range(len(keys)))
    assert all(key in vocabulary for key in keys)


@given(KEYS, st.data())
def test_a_forgotten_key_is_unknown_and_its_slot_stays(keys: list, data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.integers(0, len(keys) - 1)))
    left = Vocabulary.of(keys).without(gone)
    assert len(left) == len(keys)
    for code, key in enumerate(keys):
        assert left.code(key) == (None if code in gone else code)
    assert not {keys[code] for code in gone} & set(left.keys)
    assert left.empty == gone
    assert {int(code) for code in np.flatnonzero(left.codes(left.keys) < 0)} == gone  # what stands in an empty slot is no key


@given(KEYS, st.data())
def test_new_keys_come_behind_in_ascending_order_and_old_codes_stay(keys: list, data: st.DataObject) -> None:
    n_old = data.draw(st.integers(0, len(keys)))
    grown = Vocabulary.of(keys[:n_old]).extended(keys)
    assert list(grown.codes(keys[:n_old])) == list(range(n_old))
    assert list(grown.keys[n_old:]) == sorted(keys[n_old:])


def test_a_forgotten_key_comes_back_under_a_new_code() -> None:
    for keys in ([7, 8, 9], ["a", "b", "c"]):
        back = Vocabulary.of(keys).without([1]).extended([keys[1]])
        assert back.code(keys[1]) == 3
        assert back.empty == {1}
        with pytest.raises(KeyError, match="the key of code 1 was forgotten"):
            back.key(1)


def test_an_integer_key_is_an_integer_or_its_canonical_spelling() -> None:
    numbers = Vocabulary.of([3, 7, 10, -2])
    assert list(numbers.codes([7, "7", np.int32(10), "-2"])) == [1, 1, 2, 3]
    assert list(numbers.codes(np.array([10, 30, 3]))) == [2, -1, 0]


@pytest.mark.parametrize("key", ["1_0", "007", "+7", " 7", "7 ", "٣", "7.0", "", "x", "9" * 30, 7.0, 7.9, True, b"7", float("inf"), None])
def test_what_only_resembles_an_integer_key_is_unknown(key: object) -> None:
    assert Vocabulary.of([1, 3, 7, 10]).code(key) is None


@pytest.mark.parametrize("key", ["a", "a ", " b", "A", 1, True, b"a", None, float("nan")])
def test_a_text_key_is_compared_as_it_is(key: object) -> None:
    assert Vocabulary.of([" a", "b", "1", "nan", "None", "True"]).code(key) is None


def test_arrays_of_floats_and_booleans_name_nobody() -> None:
    for keys in (np.array([1.0, 3.0]), np.array([True, False]), pd.Series([1.0, np.nan])):
        assert list(Vocabulary.of([0, 1, 3]).codes(keys)) == [-1, -1]


def test_a_single_text_is_no_list_of_keys() -> None:
    with pytest.raises(TypeError, match=r"keys must be a list of keys, got 'ab': write \['ab'\]"):
        Vocabulary.of(["a", "b"]).codes("ab")


def test_keys_that_must_be_known_are_counted_and_listed_when_they_are_not() -> None:
    numbers = Vocabulary.of([1, 3, 7])
    assert list(numbers.known_codes(["7", 1])) == [2, 0]
    with pytest.raises(DataError, match=r"2 of 3 user keys are not in the data, the first '07', 8: give keys as they stand"):
        numbers.known_codes([1, "07", 8])
    with pytest.raises(DataError, match=r"7 and '7' are one item in two spellings: name each item in one"):
        numbers.known_codes([7, "7"], "item")


def test_a_code_that_is_not_there_is_named() -> None:
    with pytest.raises(IndexError, match=r"code must lie in 0..1, got 2"):
        Vocabulary.of([1, 2]).key(2)
    with pytest.raises(IndexError, match=r"codes must lie in 0..1, got 5..5"):
        Vocabulary.of([1, 2]).without([5])


def test_keys_that_repeat_or_mix_types_are_refused() -> None:
    with pytest.raises(DataError, match=r"must be unique, got 1 repeats, the first 3"):
        Vocabulary.of([3, 4, 3])
    with pytest.raises(DataError, match=r"must be all integers or all text, got int, str, for example 1"):
        Vocabulary.of([1, "1"])
    with pytest.raises(DataError, match=r"known keys are integers, new keys are text, for example 'a': convert them to integers"):
        Vocabulary.of([1]).extended(["a"])


@pytest.mark.parametrize(
    "key", ["1_0", "010", "+10", " 10", "10 ", "10.0", "1e1", "\u0661\u0660", 10.0, 10.9, True, b"10", float("inf"), None]
)
def test_a_key_is_compared_as_it_was_given(key: object) -> None:
    assert Vocabulary.of([1, 10]).code(key) is None
    assert Vocabulary.of(["1", "10", "a"]).code(key) is None


def test_text_keys_are_not_stripped() -> None:
    assert Vocabulary.of(["a", " a"]).codes(["a", " a", "a "]).tolist() == [0, 1, -1]

"""What cannot be used is refused once, with the first offending rows, how many there are, and what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from r2u_rec.data import TextFormat, append, read_adjacency, read_log
from r2u_rec.errors import DataError

HEAD = "user,item,rating,time\n"


def refusal(tmp_path: Path, content: str | bytes, name: str = "log.csv", **options: object) -> str:
    """Writes the file, and returns the message that reading it gives, the path cut off."""
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        read_log(path, **options)
    return str(caught.value).replace(str(path), name)


def test_every_kind_of_bad_row_is_listed_with_its_line(tmp_path: Path) -> None:
    rows = ["1,1,3,5", "2,3", "3,1,x,9", "4,1,2,7,8", ",1,2,3", "6,1,nan,3", "7,1,2,-5", "8,1,inf,3", "9,1,2,99999999999"]
    assert refusal(tmp_path, HEAD + "\n".join(rows) + "\n") == (
        "log.csv: 8 of 9 rows cannot be used, the first:\n"
        "  line 3: 2 fields where 4 are expected\n"
        "  line 4: rating 'x' is not a number\n"
        "  line 5: 5 fields where 4 are expected\n"
        "  line 6: user is missing\n"
        "  line 7: rating is NaN\n"
        "  and 3 more\n"
        "Correct or remove them."
    )


@pytest.mark.parametrize(
    ("row", "finding"),
    [
        ("1,,3,5", "item is missing"),
        ("1,NaN,3,5", "item is NaN"),
        ("nan,1,3,5", "user is NaN"),
        ("1,1,,5", "rating is missing"),
        ("1,1,3,", "time is missing"),
        ("1,1,three,5", "rating 'three' is not a number"),
        ("1,1,1_000,5", "rating '1_000' is not a number"),
        ("1,1,-inf,5", "rating is infinite"),
        ("1,1,1e300,5", "rating '1e300' is out of range"),
        ("1,1,3,yesterday", "time 'yesterday' is neither a number of seconds since 1970 nor an ISO date such as 2026-03-01 12:00:00"),
        ("1,1,3,nan", "time is NaN"),
        ("1,1,3,-1", "time '-1' is out of range (1970 to 2099, in s; time_unit= (--data.time_unit) names another unit)"),
        ("1,1,3,4102444800", "time '4102444800' is out of range (1970 to 2099, in s; time_unit= (--data.time_unit) names another unit)"),
        (
            "1,1,3,978300760000",
            "time '978300760000' is out of range (1970 to 2099, in s; time_unit= (--data.time_unit) names another unit)",
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_shown(tmp_path: Path, row: str, finding: str) -> None:
    assert (
        refusal(tmp_path, f"{HEAD}8,8,1,1\n{row}\n")
        == f"log.csv: 1 of 2 rows cannot be used, the first:\n  line 3: {finding}\nCorrect or remove them."
    )


def test_bytes_that_are_not_utf8_are_listed_with_their_line(tmp_path: Path) -> None:
    assert "1 of 2 rows cannot be used, the first:\n  line 3: not UTF-8" in refusal(tmp_path, b"user,item\n1,a\n2,caf\xe9\n")
    assert "line 1: the header is not utf-8" in refusal(tmp_path, b"user,it\xe9m\n1,a\n")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_another_encoding_can_be_named(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "log.csv").write_bytes("user,item\n2,café\n".encode(encoding))
    assert read_log(tmp_path / "log.csv", text=TextFormat(encoding=encoding)).item_keys.key(0) == "café"


def test_a_quote_that_is_never_closed_and_a_line_without_end_are_listed(tmp_path: Path) -> None:
    assert "line 3: unquoted value" in refusal(tmp_path, 'user,item\n1,1\n"2,2\n3,3\n')
    assert "line 2: line size over maximum" in refusal(tmp_path, f"user,item\n1,{'a' * 3_000_000}\n2,2\n")


def test_a_key_with_a_nul_character_is_refused(tmp_path: Path) -> None:
    assert "line 2: item holds a NUL character" in refusal(tmp_path, b"user,item\n1,\x00a\n2,b\n")


def test_blank_lines_and_quoted_line_ends_make_row_numbers_of_line_numbers(tmp_path: Path) -> None:
    assert "row 1: rating 'x'" in refusal(tmp_path, HEAD + "1,1,2,3\n\n2,1,x,3\n")
    assert "row 1: rating 'x'" in refusal(tmp_path, HEAD + '1,"a\nb",2,3\n2,1,x,3\n')


def test_a_missing_column_is_named_beside_those_that_are_there(tmp_path: Path) -> None:
    message = refusal(tmp_path, "uid,film,stars\n1,2,3\n")
    assert message.startswith(
        "log.csv has none of user_id, user, userId, userID, user_idx for the user; its columns are 'uid', 'film', 'stars': pass user=NAME"
    )
    message = refusal(tmp_path, HEAD + "1,2,3,4\n", rating="stars")
    assert message.startswith(
        "log.csv has no column 'stars' for the rating; its columns are 'user', 'item', 'rating', 'time': pass rating=NAME"
    )


def test_a_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "user,item,item\n1,2,3\n") == "log.csv has the column 'item' 2 times: rename all but one"


def test_empty_sources_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "") == "log.csv is empty: there is nothing to read"
    assert refusal(tmp_path, HEAD) == "log.csv has no rows: there is nothing to read"
    with pytest.raises(DataError, match="the frame has no rows: there is nothing to read"):
        read_log(pd.DataFrame({"user": [], "item": []}, dtype="int64"))
    with pytest.raises(DataError, match="the matrix has no stored values"):
        read_log(sparse.csr_array((3, 4)))


def test_a_pair_that_stands_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    assert refusal(tmp_path, "user,item\na,x\nb,x\na,x\na,y\na,x\n") == (
        "log.csv: 2 rows repeat a pair of user and item, the first:\n"
        "  line 4: user 'a' and item 'x' again, first in line 2\n"
        "  line 6: user 'a' and item 'x' again, first in line 2\n"
        'Remove them, or pass duplicates="first" or "last" to keep one of each, "count" or "sum" to make one of them '
        "(--data.duplicates on the command line)."
    )


def test_one_of_each_repeated_pair_can_be_kept() -> None:
    frame = pd.DataFrame({"user": [1, 2, 1, 1], "item": [1, 1, 2, 1], "rating": [1.0, 2.0, 3.0, 4.0]})
    first, last = read_log(frame, duplicates="first"), read_log(frame, duplicates="last")
    assert (first.ids.tolist(), first.rating.tolist()) == ([0, 1, 2], [1.0, 2.0, 3.0])
    assert (last.ids.tolist(), last.rating.tolist()) == ([1, 2, 3], [2.0, 3.0, 4.0])
    with pytest.raises(ValueError, match="duplicates must be error, first, last, count or sum, got 'mean'"):
        read_log(frame, duplicates="mean")


def test_an_id_that_is_both_a_number_and_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_log(pd.DataFrame({"user": pd.Series([1, 2, "1"], dtype=object), "item": [1, 2, 3]}))
    assert str(caught.value) == (
        "column 'user' of the frame mixes int and str (1 rows differ from the others), the first of each: "
        "row 0: 1 (int); row 2: '1' (str): convert the column to one type"
    )
    assert refusal(tmp_path, "user,item\n1,1\n2,b\n01,c\n1.0,d\n", item="item") == (
        "log.csv: 3 user keys are one number in several spellings, an integer and text at once, the first:\n"
        "  line 2: user '1'\n  line 4: user '01'\n  line 5: user '1.0'\nWrite each key in one way."
    )


@pytest.mark.parametrize(
    ("column", "finding"),
    [
        ([1.0, np.nan], "row 1: user is (NaN|missing)"),
        ([1.0, 2.5], "row 1: user '2.5' is not a whole number"),
        (pd.array([1, None], dtype="Int64"), "row 1: user is missing"),
        (["a", None], "row 1: user is missing"),
        (np.array([1, 2**63 + 1], dtype=np.uint64), "row 1: user '9223372036854775809' does not fit 64 bits"),
    ],
)
def test_keys_of_a_frame_that_cannot_be_used_are_listed(column: object, finding: str) -> None:
    with pytest.raises(DataError, match=finding):
        read_log(pd.DataFrame({"user": column, "item": [1, 2]}))


def test_keys_of_a_strange_type_are_refused() -> None:
    with pytest.raises(DataError, match="the user keys are of type BOOLEAN, they must be integers or text: convert the column"):
        read_log(pd.DataFrame({"user": [True, False], "item": [1, 2]}))


def test_a_date_that_is_missing_unreadable_or_out_of_range_is_listed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 1: time is missing"):
        read_log(pd.DataFrame({"user": [1, 2], "item": [1, 2], "time": pd.to_datetime(["2020-01-01", None])}))
    with pytest.raises(DataError, match=r"row 0: time '1969-12-31 00:00:00' is out of range \(1970 to 2099\)"):
        read_log(pd.DataFrame({"user": [1], "item": [1], "time": pd.to_datetime(["1969-12-31"])}))
    assert "line 2: time 'soon' is no date" in refusal(tmp_path, "user,item,time\n1,1,soon\n", time_unit="iso")
    with pytest.raises(ValueError, match="time_unit must be one of auto, s, ms, us, ns or iso, got 'h'"):
        read_log(pd.DataFrame({"user": [1], "item": [1], "time": [1]}), time_unit="h")


def test_a_matrix_with_values_that_are_not_finite_or_stored_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"holds 1 values that are not finite, the first \(user, item\): \(0, 1\): nan"):
        read_log(sparse.csr_array(np.array([[1.0, np.nan]])))
    with pytest.raises(DataError, match=r"stores 1 entries twice, the first \(0, 1\): call sum_duplicates"):
        read_log(sparse.coo_array((np.ones(2), ([0, 0], [1, 1])), shape=(2, 2)))


def test_files_that_are_not_what_their_name_says_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "no parquet", "log.parquet").startswith("log.parquet cannot be read as Parquet")
    assert "does not end in one of :token, :token_seq, :float, :float_seq" in refusal(tmp_path, "user_id\titem_id\n1\t2\n", "log.inter")
    assert "the separator of log.xyz does not follow from its name: end the name in one of .csv, .tsv" in refusal(tmp_path, "a", "log.xyz")
    for path in (tmp_path / "nowhere.csv", tmp_path / "nowhere.parquet"):
        with pytest.raises(DataError, match=r"nowhere\.\w+ is not a file: check the path"):
            read_log(path)
    with pytest.raises(DataError, match="is a folder: name a file in it, or use read_interactions"):
        read_log(tmp_path)
    with pytest.raises(TypeError, match="source must be a path, a pandas frame or a scipy sparse matrix, got list"):
        read_log([1, 2])


def test_side_information_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    log = pd.DataFrame({"user": [1, 2], "item": [1, 2]})
    with pytest.raises(DataError, match=r"has no column of user keys; its columns are 'age': name the key column 'user_id'"):
        read_log(log, user_info=pd.DataFrame({"age": [3]}))
    with pytest.raises(DataError, match=r"1 rows repeat a key in 'user', the first: row 1: give each user one row"):
        read_log(log, user_info=pd.DataFrame({"user": [1, 1], "age": [3, 4]}))
    (tmp_path / "items.csv").write_text("item,title\n1,a\n,b\n")
    with pytest.raises(DataError, match=r"1 rows have no key in 'item', the first: line 3"):
        read_log(log, item_info=tmp_path / "items.csv")
    (tmp_path / "items.csv").write_text("item,title\n1,a\n2,b,c\n")
    with pytest.raises(DataError, match=r"1 lines cannot be used, the first: line 3: 3 fields where 2 are expected"):
        read_log(log, item_info=tmp_path / "items.csv")


def test_adjacency_files_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("0 1 1\n")
    with pytest.raises(DataError, match="row 1: user 0 and item 1 again, first in row 0"):
        read_adjacency(tmp_path / "train.txt")
    (tmp_path / "train.txt").write_bytes(b"0 1 \xe9\n")
    with pytest.raises(DataError, match="cannot be read as lines of text"):
        read_adjacency(tmp_path / "train.txt")
    with pytest.raises(DataError, match="is not a file: check the path"):
        read_adjacency(tmp_path / "other.txt")


def test_new_records_that_do_not_fit_the_log_are_refused() -> None:
    log = read_log(pd.DataFrame({"user": [1], "item": [1], "rating": [1.0]}))
    with pytest.raises(DataError, match="the log has a rating column and the new records have none: read both with it, or both without"):
        append(log, read_log(pd.DataFrame({"user": [2], "item": [1]})))
    with pytest.raises(DataError, match="known keys are integers, new keys are text, for example 'x'"):
        append(log, read_log(pd.DataFrame({"user": ["x"], "item": [1], "rating": [1.0]})))

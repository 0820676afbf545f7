"""Readers: every kind of source gives the same log."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from r2u_rec.data import InteractionLog, TextFormat, read_adjacency, read_given, read_log
from r2u_rec.errors import DataError

FRAME = pd.DataFrame(
    {
        "user_id": [30, 10, 10, 20, 30],
        "item_id": ["b", "a", "c", "a", "a"],
        "rating": [4.5, 3.0, 1.0, 5.0, 2.5],
        "timestamp": [978300760, 0, 4102444799, 1000000000, 978300761],
    }
)


def assert_is_frame(log: InteractionLog) -> None:
    assert log.ids.tolist() == [0, 1, 2, 3, 4]
    assert [log.user_keys.key(code) for code in log.user] == FRAME["user_id"].tolist()
    assert [log.item_keys.key(code) for code in log.item] == FRAME["item_id"].tolist()
    assert log.rating.tolist() == FRAME["rating"].tolist()
    assert log.time.tolist() == FRAME["timestamp"].tolist()
    assert log.user_keys.keys.tolist() == [10, 20, 30]
    assert (log.user.dtype, log.item.dtype, log.time.dtype, log.rating.dtype) == (np.int32, np.int32, np.int64, np.float32)


def test_a_frame_is_read() -> None:
    assert_is_frame(read_log(FRAME))
    assert_is_frame(read_log(FRAME.astype({"item_id": "category", "user_id": "float64"}).set_axis([9] * 5)))
    assert_is_frame(read_log(FRAME.astype({"item_id": object, "user_id": object})))


@pytest.mark.parametrize(("name", "separator"), [("log.csv", ","), ("log.tsv", "\t"), ("log.csv.gz", ",")])
def test_a_text_file_is_read_by_the_ending_of_its_name(tmp_path: Path, name: str, separator: str) -> None:
    FRAME.to_csv(tmp_path / name, sep=separator, index=False)
    assert_is_frame(read_log(tmp_path / name))
    assert_is_frame(read_log(str(tmp_path / name)))


@pytest.mark.parametrize("separator", [";", "|", "::", " "])
def test_any_separator_and_any_names_can_be_given(tmp_path: Path, separator: str) -> None:
    lines = [separator.join(map(str, row)) for row in FRAME.itertuples(index=False)]
    (tmp_path / "ratings.dat").write_text("\n".join(lines))
    text = TextFormat(separator=separator, names=("who", "what", "stars", "when"))
    assert_is_frame(read_log(tmp_path / "ratings.dat", user="who", item="what", rating="stars", time="when", text=text))


def test_quoted_fields_may_hold_separators_quotes_and_line_ends(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text('user,"item"\n1,"a, ""b""\nc"\n2,d\n')
    log = read_log(tmp_path / "log.csv")
    assert log.item_keys.keys.tolist() == ['a, "b"\nc', "d"]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(b"\xef\xbb\xbfuser,item\r\n1,2\r\n3,4\r\n")
    log = read_log(tmp_path / "log.csv")
    assert (log.user_keys.keys.tolist(), log.item_keys.keys.tolist()) == ([1, 3], [2, 4])


def test_parquet_is_read_with_its_types(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "log.parquet")
    assert_is_frame(read_log(tmp_path / "log.parquet"))
    FRAME.assign(timestamp=pd.to_datetime(FRAME["timestamp"], unit="s")).to_parquet(tmp_path / "dates.parquet")
    assert_is_frame(read_log(tmp_path / "dates.parquet"))
    FRAME.assign(timestamp=pd.to_datetime(FRAME["timestamp"], unit="s", utc=True)).to_parquet(tmp_path / "zone.parquet")
    assert_is_frame(read_log(tmp_path / "zone.parquet"))


def test_atomic_files_are_read_with_the_side_information_beside_them(tmp_path: Path) -> None:
    FRAME.set_axis(["user_id:token", "item_id:token", "rating:float", "timestamp:float"], axis=1).to_csv(
        tmp_path / "x.inter", sep="\t", index=False
    )
    (tmp_path / "x.user").write_text("user_id:token\tage:float\tzip:token\n20\t41\t02139\n10\t\t55414\n99\t7\t1\n")
    (tmp_path / "x.item").write_text('item_id:token\ttitle:token_seq\na\tThe "A"\nb\tB\nc\tC\n')
    log = read_log(tmp_path / "x.inter")
    assert_is_frame(log)
    assert log.user_info["age"].isna().tolist() == [True, False, True]
    assert log.user_info.loc[1].tolist() == [41.0, "02139"]
    assert log.item_info["title"].tolist() == ['The "A"', "B", "C"]


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_times_are_read_in_the_unit_given(unit: str, factor: int) -> None:
    seconds = np.array([978300760, 1574327703])
    log = read_log(pd.DataFrame({"user": [1, 2], "item": [1, 2], "time": seconds * factor}), time_unit=unit)
    assert log.time.tolist() == seconds.tolist()


def test_dates_as_text_are_read_as_utc(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item,time\n1,1,2001-01-01 00:00:10\n1,2,2001-01-01T00:00:11Z\n")
    assert read_log(tmp_path / "log.csv", time_unit="iso").time.tolist() == [978307210, 978307211]


def test_an_offset_from_utc_in_a_date_counts(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item,time\n1,1,2001-01-01T02:00:10+02:00\n1,2,2000-12-31 19:00:11-05\n")
    assert read_log(tmp_path / "log.csv", time_unit="iso").time.tolist() == [978307210, 978307211]


def test_time_and_rating_may_be_absent_or_left_out() -> None:
    assert read_log(FRAME[["user_id", "item_id"]]).time is None
    left_out = read_log(FRAME, time=None, rating=None)
    assert left_out.time is None
    assert left_out.rating is None


def test_a_sparse_matrix_keeps_its_shape_and_its_values() -> None:
    matrix = sparse.csr_array(np.array([[0, 2.0, 0], [0, 0, 0], [1.5, 0, 0]]))
    log = read_log(matrix)
    assert (log.n_users, log.n_items) == (3, 3)
    assert list(zip(log.user, log.item, log.rating, strict=True)) == [(0, 1, 2.0), (2, 0, 1.5)]
    assert read_log(sparse.coo_matrix(matrix > 0)).rating is None


@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), min_size=1), st.integers(0, 10**17)),
        unique=True,
        min_size=1,
    )
)
def test_keys_survive_a_round_trip_through_a_file(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, int]]) -> None:
    frame = pd.DataFrame({"user": ["u" + user for user, _ in pairs], "item": [item for _, item in pairs]})
    path = tmp_path_factory.mktemp("round") / "log.csv"
    frame.to_csv(path, index=False)
    log = read_log(path)
    assert [log.user_keys.key(code) for code in log.user] == frame["user"].tolist()
    assert [log.item_keys.key(code) for code in log.item] == frame["item"].tolist()


def test_numbers_in_several_spellings_stay_text_while_they_are_different_numbers(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user,item\n1,007\n2,8\n")
    assert read_log(tmp_path / "log.csv").item_keys.keys.tolist() == ["007", "8"]


def test_a_given_split_shares_one_vocabulary(tmp_path: Path) -> None:
    FRAME.iloc[:3].to_csv(tmp_path / "train.csv", index=False)
    FRAME.iloc[3:4].to_csv(tmp_path / "validation.csv", index=False)
    FRAME.iloc[4:].to_parquet(tmp_path / "test.parquet")
    parts = read_given(tmp_path / "train.csv", tmp_path / "test.parquet", tmp_path / "validation.csv")
    assert [part.ids.tolist() for part in (parts.train, parts.validation, parts.test)] == [[0, 1, 2], [3], [4]]
    assert parts.test.user_keys is parts.train.user_keys
    assert parts.test.user_keys.key(int(parts.test.user[0])) == 30
    assert len(read_given(FRAME.iloc[:3], FRAME.iloc[3:]).validation) == 0


def test_a_pair_in_two_parts_of_a_given_split_is_a_leak() -> None:
    with pytest.raises(DataError, match=r"1 of 3 new records repeat a pair of the log, the first: user 10, item 'c'"):
        read_given(FRAME.iloc[:3], FRAME.iloc[2:])


def test_adjacency_lines_are_read_and_users_without_items_left_out(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("0 5 2 9\n1\n2 5 \n10 2\n")
    log = read_adjacency(tmp_path / "train.txt")
    assert [(log.user_keys.key(u), log.item_keys.key(i)) for u, i in zip(log.user, log.item, strict=True)] == [
        (0, 5),
        (0, 2),
        (0, 9),
        (2, 5),
        (10, 2),
    ]


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pairs = rng.permutation(400 * 300)[:20_000]
    with gzip.open(tmp_path / "log.csv.gz", "wt") as file:
        file.write("user,item\n" + "".join(f"{pair // 300},{pair % 300}\n" for pair in pairs))
    once, again = read_log(tmp_path / "log.csv.gz"), read_log(tmp_path / "log.csv.gz")
    assert once.user.tobytes() == again.user.tobytes()
    assert np.array_equal(once.user_keys.keys[once.user].to_numpy() * 300 + once.item_keys.keys[once.item].to_numpy(), pairs)

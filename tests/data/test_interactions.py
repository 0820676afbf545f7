"""The one reader: files, folders, frames and matrices, filters, and files whose names or bytes are out of the ordinary."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from r2u_rec.data import load_parts, read_interactions, read_log
from r2u_rec.errors import DataError, SettingsError

FRAME = pd.DataFrame({"customer": [1, 1, 2, 2, 3], "sku": [1, 2, 1, 2, 3], "stars": [5, 1, 4, 4, 2]})
COLUMNS = {"user": "customer", "item": "sku", "rating": "stars"}


def test_every_kind_of_source_gives_the_same_log(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "log.csv", index=False, sep=";")
    (tmp_path / "folder").mkdir()
    FRAME.to_parquet(tmp_path / "folder" / "interactions.parquet")
    logs = [
        read_interactions(FRAME, **COLUMNS),
        read_interactions(tmp_path / "log.csv", separator=";", **COLUMNS),
        read_interactions(str(tmp_path / "folder"), **COLUMNS),
    ]
    matrix = sparse.csr_array((FRAME["stars"], (FRAME["customer"] - 1, FRAME["sku"] - 1)))
    assert [log.rating.tolist() for log in [*logs, read_interactions(matrix)]] == [[5.0, 1.0, 4.0, 4.0, 2.0]] * 4
    assert [log.user_keys.keys.tolist() for log in logs] == [[1, 2, 3]] * 3


def test_a_folder_honours_the_columns_that_are_named_in_every_file(tmp_path: Path) -> None:
    for name, rows in (("train", FRAME[:3]), ("validation", FRAME[3:4]), ("test", FRAME[4:])):
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
    pd.DataFrame({"customer": [1, 2], "age": [31, 42]}).to_csv(tmp_path / "users.csv", index=False)
    pd.DataFrame({"item": [1], "price": [9.5]}).to_csv(tmp_path / "items.csv", index=False)
    log = read_interactions(tmp_path, **COLUMNS)
    assert len(log) == 5
    assert log.user_info["age"].tolist()[:2] == [31.0, 42.0]
    assert log.item_info["price"].tolist()[0] == 9.5
    assert [len(part) for part in load_parts("folder", path=tmp_path, **COLUMNS)] == [3, 1, 1]
    with pytest.raises(SettingsError, match="ml-100k is read as its card says, user is for files of your own"):
        load_parts("ml-100k", user="customer")


def test_side_information_that_is_named_comes_before_that_of_the_folder(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "interactions.csv", index=False)
    pd.DataFrame({"customer": [1], "age": [31]}).to_csv(tmp_path / "users.csv", index=False)
    log = read_interactions(tmp_path, **COLUMNS, user_info=pd.DataFrame({"customer": [1], "age": [99]}))
    assert log.user_info["age"].tolist()[0] == 99


def test_one_separator_holds_for_all_files_of_a_folder(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "interactions.csv", index=False, sep=";")
    (tmp_path / "users.csv").write_text("customer;age\n1;31\n")
    assert read_interactions(tmp_path, **COLUMNS, separator=";").user_info["age"].tolist()[0] == 31.0


def test_filters_give_new_codes_and_keep_ids() -> None:
    log = read_interactions(FRAME, **COLUMNS, min_rating=4)
    assert (log.ids.tolist(), log.user_keys.keys.tolist()) == ([0, 2, 3], [1, 2])
    assert read_interactions(FRAME, **COLUMNS, min_user_records=2).user_keys.keys.tolist() == [1, 2]
    with pytest.raises(DataError, match=r"nothing of the source is left by min_rating=6 and 1 / 1 records: ask for less"):
        read_interactions(FRAME, **COLUMNS, min_rating=6)
    for broken in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="min_rating must be a finite number, got"):
            read_interactions(FRAME, **COLUMNS, min_rating=broken)


def test_without_a_filter_a_matrix_keeps_its_empty_rows() -> None:
    matrix = sparse.csr_array(np.array([[0, 2.0], [0, 0]]))
    assert read_interactions(matrix).n_users == 2
    assert read_interactions(matrix, min_user_records=1, min_rating=1).n_users == 1


@pytest.mark.parametrize("name", ["log.CSV", "log.Csv.GZ", "log.PARQUET", "log.TSV"])
def test_endings_are_read_in_any_case(tmp_path: Path, name: str) -> None:
    if name.endswith("PARQUET"):
        FRAME.to_parquet(tmp_path / name)
    else:
        FRAME.to_csv(tmp_path / name, index=False, sep="\t" if "TSV" in name else ",", compression="gzip" if "GZ" in name else None)
    assert len(read_interactions(tmp_path / name, **COLUMNS)) == 5
    (tmp_path / "folder").mkdir()
    (tmp_path / name).rename(tmp_path / "folder" / name.replace("log", "interactions"))
    assert len(read_interactions(tmp_path / "folder", **COLUMNS)) == 5


@pytest.mark.parametrize(("asked", "other"), [("log[1]", "log1"), ("log?", "logA"), ("l*g", "log"), ("[!a]", "b")])
def test_a_name_with_characters_of_a_pattern_is_that_one_file(tmp_path: Path, asked: str, other: str) -> None:
    for ending in ("csv", "parquet"):
        for name, frame in ((asked, FRAME[:2]), (other, FRAME[2:])):
            path = tmp_path / f"{name}.{ending}"
            frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
        info = tmp_path / f"{asked}.{ending}"
        log = read_interactions(tmp_path / f"{asked}.{ending}", **COLUMNS, item_info=info)
        assert log.user_keys.keys.tolist() == [1]
        assert log.item_info["stars"].tolist() == [5, 1]


@pytest.mark.parametrize(
    "lines",
    [b"user,item\r1,2\r3,4\r", b"user,item\r1,2\r3,4", b"user,item\n1,2\r\n3,4\n", b"user,item\r\n1,2\n3,4\r", b"user,item\n1,2\r3,4"],
)
def test_lines_may_end_in_any_way_and_in_several(tmp_path: Path, lines: bytes) -> None:
    (tmp_path / "log.csv").write_bytes(lines)
    with gzip.open(tmp_path / "log.csv.gz", "wb") as file:
        file.write(lines)
    for name in ("log.csv", "log.csv.gz"):
        log = read_interactions(tmp_path / name)
        assert (log.user_keys.keys.tolist(), log.item_keys.keys.tolist()) == ([1, 3], [2, 4])


def test_faults_are_found_where_lines_end_in_several_ways(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(b"user,item\n1,2\r\n3\n4,5,6\r\n7,8\n")
    with pytest.raises(DataError, match=r"2 of 4 rows cannot be used, the first:\n  line 3: 1 fields .*\n  line 4: 3 fields"):
        read_interactions(tmp_path / "log.csv")


def test_line_ends_in_quotes_stay_where_lines_end_in_several_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b'user,item\r\n1,"a\r\nb"\n2,"c\rd ""e"""\r3,f\r\n'
    (tmp_path / "log.csv").write_bytes(content)
    for block in (1 << 22, *range(1, 9)):
        monkeypatch.setattr("r2u_rec.data.reading.files._BLOCK", block)
        assert read_interactions(tmp_path / "log.csv").item_keys.keys.tolist() == ["a\r\nb", 'c\rd "e"', "f"]


def test_a_packed_file_that_is_damaged_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    text = "user,item\n" + "".join(f"{row},{rng.integers(10**9)}\n" for row in range(2000))
    whole = gzip.compress(text.encode())
    flipped = bytearray(whole)
    flipped[len(flipped) // 2] ^= 255
    for broken in (whole[: len(whole) // 2], bytes(flipped), whole[:-8] + b"\0\0\0\0" + whole[-4:], b"no gzip"):
        (tmp_path / "log.csv.gz").write_bytes(broken)
        with pytest.raises(DataError, match=r"log\.csv\.gz is damaged \(.*\): copy or pack it anew"):
            read_interactions(tmp_path / "log.csv.gz")
        with pytest.raises(DataError, match="is damaged"):
            read_log(FRAME, **COLUMNS, user_info=tmp_path / "log.csv.gz")


def test_a_parquet_file_that_is_damaged_inside_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pd.DataFrame({"user": np.arange(5000), "item": np.arange(5000) * 7919 % 5003}).to_parquet(path)
    content = bytearray(path.read_bytes())
    content[200:4000] = bytes(3800)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"log\.parquet cannot be read .*: it is damaged, write or copy it anew"):
        read_interactions(path)


def test_nan_in_parquet_is_found_although_its_statistics_hide_it(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    for column, finding in (("rating", "row 1: rating is NaN"), ("user", "row 1: user is NaN"), ("time", "row 1: time is NaN")):
        table = {"user": [1.0, 2.0, 3.0], "item": [1, 2, 3], "rating": [1.0, 2.0, 3.0], "time": [1.0, 2.0, 3.0]}
        table[column][1] = float("nan")
        parquet.write_table(pa.table(table), tmp_path / "log.parquet")
        with pytest.raises(DataError, match=finding):
            read_interactions(tmp_path / "log.parquet")


def test_keys_of_nineteen_digits_are_told_apart(tmp_path: Path) -> None:
    keys = [1234567890123456789, 1234567890123456790, 1234567890123456791]
    (tmp_path / "log.csv").write_text("user,item\n" + "".join(f"{key},x{key}\n9{key},y\n" for key in keys))
    log = read_interactions(tmp_path / "log.csv")
    assert log.user_keys.keys.tolist() == sorted([*map(str, keys), *(f"9{key}" for key in keys)])  # one is beyond 64 bits: text
    (tmp_path / "log.csv").write_text("user,item\n" + "".join(f"{key},1\n" for key in keys))
    assert read_interactions(tmp_path / "log.csv").user_keys.keys.tolist() == keys

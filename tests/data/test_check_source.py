"""The check before anything heavy: what reading would refuse at once is refused without reading, and without heavy imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from r2u_rec.data import check_source, read_interactions
from r2u_rec.errors import DataError

FRAME = pd.DataFrame({"customer": [1, 2], "sku": [1, 2]})


def refused(path: Path, **options: Any) -> str:
    """Returns the message of the check; reading refuses the source too."""
    with pytest.raises(DataError) as caught:
        check_source(path, **options)
    with pytest.raises(DataError):
        read_interactions(path, **options)
    return str(caught.value)


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz", "log.parquet", "folder"])
def test_columns_are_looked_for_and_the_nearest_suggested(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
        FRAME.to_csv(path / "interactions.tsv", sep="\t", index=False)
    else:
        FRAME.to_parquet(path) if name.endswith("parquet") else FRAME.to_csv(path, index=False)
    check_source(path, user="customer", item="sku")
    message = refused(path, user="custmer", item="sku")
    assert "has no column 'custmer', did you mean 'customer'? for the user; its columns are 'customer', 'sku': pass user=NAME" in message
    assert "--data.user NAME on the command line" in message
    assert "has none of item_id, item," in refused(path, user="customer")


def test_a_path_that_is_not_there_names_its_nearest_neighbour(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "purchases.csv", index=False)
    assert refused(tmp_path / "purchase.csv").endswith("does not exist; did you mean 'purchases.csv'?: check the path")
    assert refused(tmp_path / "none" / "x.csv").endswith("does not exist: check the path")


def test_endings_headers_and_folders_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    (tmp_path / "log.xyz").write_text("user,item\n1,2\n")
    assert "end the name in one of .csv, .tsv" in refused(tmp_path / "log.xyz")
    check_source(tmp_path / "log.xyz", separator=",")
    (tmp_path / "log.csv").write_text("")
    assert "is empty: there is nothing to read" in refused(tmp_path / "log.csv")
    (tmp_path / "log.parquet").write_text("no parquet")
    assert "cannot be read as Parquet" in refused(tmp_path / "log.parquet")
    (tmp_path / "folder").mkdir()
    assert "it holds none of them" in refused(tmp_path / "folder")


def test_side_information_is_checked_for_its_column_of_keys(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "log.csv", index=False)
    (tmp_path / "people.csv").write_text("who,age\n1,31\n")
    options = {"user": "customer", "item": "sku", "user_info": tmp_path / "people.csv"}
    assert "people.csv has no column of user keys; its columns are 'who', 'age'" in refused(tmp_path / "log.csv", **options)
    with pytest.raises(DataError, match=r"people2\.csv is not a file"):
        check_source(tmp_path / "log.csv", **options | {"user_info": tmp_path / "people2.csv"})


@pytest.mark.parametrize(("name", "allowed"), [("log.csv", set()), ("log.csv.gz", set()), ("log.parquet", {"numpy", "pyarrow"})])
def test_nothing_heavy_is_imported_for_it(tmp_path: Path, name: str, allowed: set[str]) -> None:
    FRAME.to_parquet(tmp_path / name) if name.endswith("parquet") else FRAME.to_csv(tmp_path / name, index=False)
    code = (
        "import sys; from r2u_rec.data import check_source; "
        f"check_source({str(tmp_path / name)!r}, user='customer', item='sku'); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"torch", "pandas", "numpy", "scipy", "duckdb", "pyarrow"} & set(done.stdout.split()) <= allowed
    assert "r2u_rec.data.reading.files" in done.stdout.split()

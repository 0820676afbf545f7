"""Side information: keys match as they do in the log, numbers and ISO dates get their types, the rest stays text."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from r2u_rec.data import read_interactions
from r2u_rec.errors import DataError

LOG = pd.DataFrame({"user": [1, 2, 10], "item": [10, 11, 12]})


def test_a_key_that_the_log_spells_in_another_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user,age\n1.0,31\n10,5\n2.0,42\n007,1\n")
    with pytest.raises(DataError) as caught:
        read_interactions(LOG, user_info=tmp_path / "users.csv")
    assert str(caught.value).replace(str(tmp_path), "") == (
        "/users.csv: 2 user keys do not match those of the log, which spells them in another way, the first:\n"
        "  line 2: user '1.0' here, 1 in the log\n  line 4: user '2.0' here, 2 in the log\n"
        "Write each key as it stands in the log."
    )
    text = LOG.assign(user=["007", "x", "y"])
    with pytest.raises(DataError, match="row 0: user '7' here, '007' in the log"):
        read_interactions(text, user_info=pd.DataFrame({"user": [7], "age": [31]}))


def test_text_that_only_python_takes_for_a_number_matches_nobody(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user,age\n1_0,31\n\u0661,4\n")
    assert read_interactions(LOG, user_info=tmp_path / "users.csv").user_info["age"].isna().all()


def test_keys_that_are_typed_as_floats_match_as_they_do_in_a_log(tmp_path: Path) -> None:
    info = pd.DataFrame({"user": [1.0, 2.0], "age": [31, 42]})
    info.to_parquet(tmp_path / "users.parquet")
    for source in (info, tmp_path / "users.parquet"):
        assert read_interactions(LOG, user_info=source).user_info["age"].tolist()[:2] == [31, 42]
    with pytest.raises(DataError, match=r"1 keys cannot be used, the first:\n  row 1: user .*2\.5.* is not a whole number"):
        read_interactions(LOG, user_info=pd.DataFrame({"user": [1.0, 2.5], "age": [31, 42]}))


def test_only_iso_dates_become_dates_and_the_rest_stays_text(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(
        "item,since,seen,other,price\n10,2026-03-01T14:00:00+02:00,01/02/2026,2026-03-01,1.5\n11,2026-03-02,03-Jan-1997,soon,2\n12,,,,\n"
    )
    info = read_interactions(LOG, item_info=tmp_path / "items.csv").item_info
    assert info["since"].tolist()[:2] == [pd.Timestamp("2026-03-01 12:00"), pd.Timestamp("2026-03-02")]
    assert pd.isna(info["since"][2])
    assert info["seen"].tolist()[:2] == ["01/02/2026", "03-Jan-1997"]
    assert info["other"].tolist()[:2] == ["2026-03-01", "soon"]
    assert info["price"].tolist()[:2] == [1.5, 2.0]

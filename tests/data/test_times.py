"""Times: numbers are seconds, ISO text is recognised, and what may be read in two ways is refused."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from r2u_rec.data import read_interactions
from r2u_rec.errors import DataError
from r2u_rec.revocability.learned.erasures import read_erasures

NOON = 1772366400  # 2026-03-01 12:00:00 UTC


def times(column: Any, **options: Any) -> list[int]:
    n = len(column)
    log = read_interactions(pd.DataFrame({"user": range(n), "item": range(n), "time": column}), **options)
    return log.time.tolist()


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01 12:00:00",
        "2026-03-01T12:00:00",
        "2026-03-01T12:00Z",
        "2026-03-01 12:00",
        "2026-03-01T12:00:00.9",
        "2026-03-01T14:00:00+02:00",
        "2026-03-01T07:00:00-0500",
        "2026-03-01 07:00:00-05",
        " 2026-03-01T12:00:00Z ",
    ],
)
def test_iso_text_is_recognised_in_every_form(text: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(f"user,item,time\n1,1,{text}\n1,2,2026-03-01\n")
    assert read_interactions(tmp_path / "log.csv").time.tolist() == [NOON, NOON - 43_200]
    assert times([text]) == times([text], time_unit="iso") == [NOON]


def test_numbers_are_seconds_whatever_their_type() -> None:
    assert times([5, 1_500_000_000]) == times(["5", "1500000000"]) == times([5.9, 1_500_000_000.0]) == [5, 1_500_000_000]


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_date_types_need_no_unit(zone: str | None, tmp_path: Path) -> None:
    frame = pd.DataFrame({"user": [1], "item": [1], "time": pd.to_datetime(["2026-03-01 12:00"]).tz_localize("UTC").tz_convert(zone)})
    frame.to_parquet(tmp_path / "log.parquet")
    assert read_interactions(frame).time.tolist() == read_interactions(tmp_path / "log.parquet").time.tolist() == [NOON]
    assert times([datetime.date(2026, 3, 1)]) == [NOON - 43_200]


def test_a_column_that_mixes_numbers_and_dates_is_refused_with_the_first_of_each() -> None:
    with pytest.raises(DataError) as caught:
        times(["2026-03-01", "5", "6", "2026-03-02", "7"])
    assert str(caught.value) == (
        "the frame: the time column mixes 3 numbers and 2 ISO dates, the first:\n"
        "  row 0: time '2026-03-01' is a date\n  row 1: time '5' is a number\n"
        "  row 2: time '6' is a number\n  row 3: time '2026-03-02' is a date\n  and 1 more\n"
        'Write all times in one form (time_unit= (--data.time_unit) names it: "s", "ms", "us", "ns", "iso").'
    )


def test_a_date_far_behind_the_rows_that_are_guessed_by_is_noticed() -> None:
    with pytest.raises(DataError, match="the time column mixes 3000 numbers and 1 ISO dates"):
        times([*map(str, range(3000)), "2026-03-01"])


def test_junk_before_the_dates_does_not_turn_them_into_numbers() -> None:
    with pytest.raises(DataError, match=r"1500 of 1501 rows cannot be used, the first:\n  row 0: time 'junk' is no date"):
        times([*["junk"] * 1500, "2026-03-01"])


@pytest.mark.parametrize("text", ["03/04/2026", "31.12.2026", "3-4-2026", "03/04/2026 12:00", "2026/03/04"])
def test_a_date_in_another_order_is_refused_with_the_remedy(text: str) -> None:
    for unit in ("auto", "iso"):
        with pytest.raises(DataError, match=f"row 0: time '{text}' may have its day or its month first: write it as YYYY-MM-DD"):
            times([text], time_unit=unit)


@pytest.mark.parametrize("column", [[20260301, 20260402], ["20260301", "20260402"], [20260301.0, 20260402.0]])
def test_eight_digits_that_may_be_dates_are_refused_unless_a_unit_is_named(column: list[Any]) -> None:
    with pytest.raises(DataError, match=r"has 2 numbers of eight digits(.|\n)*Write dates as 2026-03-01; if they are seconds, .*\"s\""):
        times(column)
    assert times(column, time_unit="s") == [20260301, 20260402]
    assert times([20260301, 20260431]) == [20260301, 20260431]  # there is no 31 April


def test_a_named_unit_reads_only_its_own_form() -> None:
    with pytest.raises(DataError, match="time '5' is no date"):
        times(["5"], time_unit="iso")
    with pytest.raises(DataError, match="time '2026-03-01' is not a number"):
        times(["2026-03-01"], time_unit="s")
    with pytest.raises(DataError, match="time '5' is no date"):
        times([5], time_unit="iso")


def test_past_erasures_read_times_in_the_same_forms(tmp_path: Path) -> None:
    (tmp_path / "gone.csv").write_text("user,received\n1,2026-03-01T14:00:00+02:00\n")
    assert read_erasures(tmp_path / "gone.csv").time.tolist() == [NOON]
    assert read_erasures(pd.DataFrame({"user": [1], "time": [5_000]}), time_unit="ms").time.tolist() == [5]
    for column, message in ((["5", "2026-03-01"], "mixes 1 numbers and 1 ISO dates"), (["03/04/2026"], "may have its day")):
        with pytest.raises(DataError, match=message):
            read_erasures(pd.DataFrame({"user": range(len(column)), "time": column}))

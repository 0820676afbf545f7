"""Real requests are read from a file as they stand there, or refused with the row, the value and the remedy."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from stream_toys import at, log_of

from r2u_rec.data import InteractionLog, TextFormat
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.simulation import Request, read_requests

NOON = at("2026-03-01T12:00:00")


@pytest.fixture
def log() -> InteractionLog:
    """Users 10, 20 and 30, items "a" and "b"."""
    return log_of([(0, 0, 5), (1, 1, 6), (2, 0, 7)], users=[10, 20, 30], items=["a", "b"])


def written(folder: Path, *lines: str) -> Path:
    path = folder / "requests.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def refusal(path: Path, log: InteractionLog, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read_requests(path, log, **options)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_every_kind_of_request_is_read_and_numbered_in_order_of_receipt(tmp_path: Path, log: InteractionLog) -> None:
    path = written(
        tmp_path,
        "time,kind,user,item,category,since,until",
        "900,user,20,,,,",
        "100,interaction,10,b,,,",
        "500,item,,a,,,",
        "500,category,,,Drama,,",
        "500,window,30,,,5,9",
        "600,window,,,,7,",
    )
    assert read_requests(path, log) == (
        Request(0, 100, "interaction", user=10, item="b"),
        Request(1, 500, "item", item="a"),
        Request(2, 500, "category", category="Drama"),
        Request(3, 500, "window", user=30, since=5, until=9),
        Request(4, 600, "window", since=7),
        Request(5, 900, "user", user=20),
    )


def test_a_file_of_users_and_times_under_other_names_is_enough(tmp_path: Path, log: InteractionLog) -> None:
    path = written(tmp_path, "customer;when;comment", "20;1500;please", "10;1499.9;")
    found = read_requests(path, log, time="when", user="customer", time_unit="ms", text=TextFormat(separator=";"))
    assert found == (Request(0, 1, "user", user=20), Request(1, 1, "user", user=10))  # the same second: in the order of the file


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock on the wall is not UTC."""
    monkeypatch.setenv("TZ", "America/New_York")
    clock.tzset()
    yield
    monkeypatch.undo()
    clock.tzset()


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-03-01 12:00:00", NOON),
        ("2026-03-01T12:00:00Z", NOON),
        ("2026-03-01T12:00:00+02:00", NOON - 7200),
        ("2026-03-01T12:00:00.9", NOON),
        ("2026-03-01", NOON - 43_200),
    ],
)
def test_dates_are_read_with_their_offset_from_utc(tmp_path: Path, log: InteractionLog, text: str, seconds: int) -> None:
    path = written(tmp_path, "time,kind,until", f"{text},window,{text}")
    assert read_requests(path, log, time_unit="iso") == (Request(0, seconds, "window", until=seconds),)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_parquet_needs_no_unit_and_may_have_gaps(tmp_path: Path, log: InteractionLog, zone: str | None) -> None:
    times = pd.to_datetime(["2026-03-01 13:00", "2026-03-01 12:00"]).tz_localize("UTC").tz_convert(zone)
    frame = pd.DataFrame({"time": times, "kind": ["item", "user"], "user": [None, 10], "item": ["a", None]})
    frame.to_parquet(tmp_path / "r.parquet")
    assert read_requests(tmp_path / "r.parquet", log) == (Request(0, NOON, "user", user=10), Request(1, NOON + 3600, "item", item="a"))


def test_keys_take_the_type_that_the_log_has(tmp_path: Path) -> None:
    log = log_of([(0, 0, 0)], users=["007"], items=["i"])
    assert read_requests(written(tmp_path, "time,user", "5,007"), log) == (Request(0, 5, "user", user="007"),)
    assert type(read_requests(written(tmp_path, "time,user", "5,7"), log_of([(0, 0, 0)], users=[7]))[0].user) is int


def test_every_bad_row_is_listed_with_its_line_and_value(tmp_path: Path, log: InteractionLog) -> None:
    rows = ["5,user,10,", ",user,10,", "x,user,10,", "5,usr,10,", "-5,user,10,", "5,item,,", "5,user,10,b", "5,,10,", "nan,user,10,"]
    assert refusal(written(tmp_path, "time,kind,user,item", *rows), log) == (
        "requests.csv: 8 of 9 requests cannot be used, the first:\n"
        "  line 3: time is missing\n"
        "  line 4: time 'x' is neither a number of seconds since 1970 nor an ISO date such as 2026-03-01 12:00:00\n"
        "  line 5: kind must be one of user, interaction, item, category, window, got 'usr'; did you mean 'user'?\n"
        "  line 6: time '-5' is out of range (1970 to 2099, in s; time_unit= (--simulate.requests_time_unit) names another unit)\n"
        "  line 7: item is missing: a request of kind 'item' needs it\n"
        "  and 3 more\n"
        "Correct or remove them."
    )


@pytest.mark.parametrize(
    ("row", "options", "finding"),
    [
        ("5,user,10,b,,", {}, "item is 'b', and a request of kind 'user' has no item: leave it empty, or change the kind"),
        ("5,,10,,,", {}, "kind must be one of user, interaction, item, category, window, got None"),
        ("nan,user,10,,,", {}, "time is NaN"),
        ("1_0,user,10,,,", {}, "time '1_0' is neither a number of seconds since 1970 nor an ISO date"),
        ("1e99,user,10,,,", {}, "time '1e99' is out of range"),
        (
            "1767225600000,user,10,,,",
            {},
            "time '1767225600000' is out of range (1970 to 2099, in s; time_unit= (--simulate.requests_time_unit) names another unit)",
        ),
        ("5,window,,,9,9", {}, "since must be earlier than until, got 9 and 9"),
        ("5,window,,,soon,9", {}, "since 'soon' is neither a number of seconds since 1970 nor an ISO date"),
        ("2026-02-30,user,10,,,", {"time_unit": "iso"}, "time '2026-02-30' is no date"),
        ("1969-12-31,user,10,,,", {"time_unit": "iso"}, "time '1969-12-31' is out of range"),
    ],
)
def test_a_value_that_cannot_be_used_is_shown(tmp_path: Path, log: InteractionLog, row: str, options: dict[str, str], finding: str) -> None:
    path = written(tmp_path, "time,kind,user,item,since,until", row)
    assert f"requests.csv: 1 of 1 requests cannot be used, the first:\n  line 2: {finding}" in refusal(path, log, **options)


def test_unknown_keys_are_counted_and_the_first_five_listed(tmp_path: Path, log: InteractionLog) -> None:
    rows = [f"{time},interaction,{user},a" for time, user in enumerate([10, 11, 12, 13, "x", 14, 15])]
    path = written(tmp_path, "time,kind,user,item", *rows, "9,item,,c", "9,user,30,")
    assert refusal(path, log) == (
        "requests.csv: 7 of 9 requests name a user or an item that is not in the data, the first:\n"
        "  line 3: user '11'\n  line 4: user '12'\n  line 5: user '13'\n  line 6: user 'x'\n  line 7: user '14'\n"
        "  and 2 more\n"
        'Give keys as they stand in the data, or pass unknown="skip" to leave these requests out.'
    )
    notes: list[str] = []
    found = read_requests(path, log, unknown="skip", note=notes.append)
    assert found == (Request(0, 0, "interaction", user=10, item="a"), Request(1, 9, "user", user=30))
    assert len(notes) == 1
    assert "requests.csv: 7 of 9 requests name a user or an item that is not in the data and are left out, the first: line 3" in notes[0]
    assert notes[0].endswith("line 7: user '14'")


def test_nothing_is_noted_when_nothing_is_skipped(tmp_path: Path, log: InteractionLog) -> None:
    assert len(read_requests(written(tmp_path, "time,user", "5,10"), log, unknown="skip", note=pytest.fail)) == 1


def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, log: InteractionLog) -> None:
    assert refusal(tmp_path / "none.csv", log) == "none.csv is not a file: check the path"
    path = written(tmp_path, "when,user", "5,10")
    assert refusal(path, log) == (
        "requests.csv has no column that says the time of receipt; its columns are 'when', 'user': pass time=NAME"
    )
    path = written(tmp_path, "time,customer", "5,10")
    assert refusal(path, log) == "requests.csv has no column that says what to erase; its columns are 'time', 'customer': pass user=NAME"
    path = written(tmp_path, "time,user", "5,10", "6")
    assert refusal(path, log) == (
        "requests.csv: 1 lines cannot be used, the first: line 3: 1 fields where 2 are expected: correct or remove them"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unknown": "ignore"}, "unknown must be error or skip, got 'ignore'"),
        ({"time_unit": "days"}, "time_unit must be one of auto, s, ms, us, ns or iso, got 'days'"),
    ],
)
def test_an_option_that_there_is_not_is_refused(tmp_path: Path, log: InteractionLog, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_requests(written(tmp_path, "time,user", "5,10"), log, **options)

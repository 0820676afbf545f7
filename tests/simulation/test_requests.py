"""A request is due a calendar month after receipt, and concerns the records that a naive search finds."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_toys import at, log_of, random_log

from r2u_rec.data import InteractionLog
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.simulation import KINDS, Request, ids_of

GENRES = ["Action Comedy", "Reaction", "Comedy", None, "Drama Action"]


@pytest.fixture
def log() -> InteractionLog:
    """Three users, five items with genres; record ids are 10, 20, ..."""
    rows = [(0, 0, 100), (0, 1, 200), (1, 0, 200), (1, 4, 300), (2, 3, 400), (2, 2, 500)]
    return log_of(rows, genres=GENRES)


def request(kind: str, **fields: Any) -> Request:
    return Request(7, 0, kind, **fields)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-01-31T12:34:56", "2026-02-28T12:34:56"),
        ("2028-01-31T00:00:00", "2028-02-29T00:00:00"),
        ("2028-01-30T23:59:59", "2028-02-29T23:59:59"),
        ("2026-08-31T01:00:00", "2026-09-30T01:00:00"),
        ("2026-02-28T08:00:00", "2026-03-28T08:00:00"),
        ("2026-12-15T18:30:00", "2027-01-15T18:30:00"),
    ],
)
def test_a_request_is_due_on_the_same_day_of_the_next_month_or_its_last(received: str, due: str) -> None:
    assert Request(0, at(received), "user", user=1).due == at(due)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, at("2099-01-01")))
def test_the_due_date_is_that_of_a_calendar_on_the_wall(received: int) -> None:
    there = datetime.fromtimestamp(received, UTC)
    year, month = (there.year, there.month + 1) if there.month < 12 else (there.year + 1, 1)
    expected = there.replace(year=year, month=month, day=min(there.day, calendar.monthrange(year, month)[1]))
    assert Request(0, received, "user", user=1).due == int(expected.timestamp())


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("user", {"user": "u1"}, [30, 40]),
        ("interaction", {"user": "u0", "item": "i1"}, [20]),
        ("interaction", {"user": "u2", "item": "i1"}, []),
        ("item", {"item": "i0"}, [10, 30]),
        ("category", {"category": "Action"}, [10, 30, 40]),
        ("category", {"category": "Comedy"}, [10, 30, 60]),
        ("category", {"category": "Reaction"}, [20]),
        ("window", {"since": 200, "until": 400}, [20, 30, 40]),
        ("window", {"user": "u1", "since": 201}, [40]),
        ("window", {"user": "u2", "until": 500}, [50]),
    ],
)
def test_a_request_concerns_exactly_these_records(log: InteractionLog, kind: str, fields: dict[str, Any], expected: list[int]) -> None:
    assert ids_of(request(kind, **fields), log, categories="genres").tolist() == expected


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(KINDS),
    st.integers(0, 5),
    st.integers(0, 7),
    st.integers(0, 4),
    st.tuples(st.integers(1, 900), st.integers(1, 900)),
    st.booleans(),
)
def test_any_request_finds_what_a_loop_over_all_records_finds(
    kind: str, user: int, item: int, genre: int, days: tuple[int, int], own: bool
) -> None:
    log = random_log(6, 8, 9, genres=True)
    since, until = at("2026-01-01") - 86_400 * (max(days) + 1), at("2026-01-01") - 86_400 * min(days)
    fields = {
        "user": {"user": f"u{user}"},
        "interaction": {"user": f"u{user}", "item": f"i{item}"},
        "item": {"item": f"i{item}"},
        "category": {"category": f"g{genre}"},
        "window": {"user": f"u{user}" if own else None, "since": since, "until": until},
    }[kind]
    found = []
    for row in range(len(log)):
        wrong_user = fields.get("user") is not None and log.user_keys.key(log.user[row]) != fields["user"]
        wrong_item = "item" in fields and log.item_keys.key(log.item[row]) != fields["item"]
        wrong_genre = "category" in fields and fields["category"] not in log.item_info["genres"][log.item[row]].split(" ")
        wrong_time = kind == "window" and not since <= log.time[row] < until
        if not (wrong_user or wrong_item or wrong_genre or wrong_time):
            found.append(int(log.ids[row]))
    assert ids_of(request(kind, **fields), log, categories="genres").tolist() == found


def test_entries_are_told_apart_by_the_separator_or_taken_whole() -> None:
    log = log_of([(0, code, 0) for code in range(3)], genres=["Sci Fi|Action", "Sci Fi", "Fi"])
    assert ids_of(request("category", category="Sci Fi"), log, categories="genres", separator="|").tolist() == [10, 20]
    assert ids_of(request("category", category="Sci Fi"), log, categories="genres", separator="").tolist() == [20]


def test_records_that_are_gone_are_not_named_again(log: InteractionLog) -> None:
    left = log.drop(np.array([10, 30]))
    assert ids_of(request("item", item="i0"), left).tolist() == []
    assert ids_of(request("user", user="u0"), left).tolist() == [20]
    assert ids_of(request("category", category="Action"), left, categories="genres").tolist() == [40]


def test_an_unknown_user_is_an_error_and_a_forgotten_one_has_no_records(log: InteractionLog) -> None:
    with pytest.raises(
        DataError, match=r"request 7 names the user 'u9', who is not in the data: give the key as it stands in the user column"
    ):
        ids_of(request("user", user="u9"), log)
    forgotten = log.drop(log.ids_of_users([1]))
    assert ids_of(request("user", user="u1"), forgotten).tolist() == []
    assert ids_of(request("interaction", user="u1", item="i0"), forgotten).tolist() == []


def test_an_unknown_item_is_an_error_even_when_users_were_forgotten(log: InteractionLog) -> None:
    with pytest.raises(DataError, match=r"request 7 names the item 'i9', which is not in the data"):
        ids_of(request("item", item="i9"), log.drop(log.ids_of_users([1])))


@pytest.mark.parametrize(
    ("category", "options", "error", "message"),
    [
        ("Action", {}, SettingsError, "needs the column that holds the categories of the items: pass categories=NAME"),
        (
            "Action",
            {"categories": "genre"},
            SettingsError,
            "categories='genre' is not a column of the item information; did you mean 'genres'?",
        ),
        ("Action", {"categories": "year"}, SettingsError, "is not a column of the item information; there are genres"),
        ("Comedi", {"categories": "genres"}, DataError, "no item has the category 'Comedi' in the column 'genres'; did you mean 'Comedy'?"),
        ("x", {"categories": "genres"}, DataError, "in the column 'genres'; there are Action, Comedy, Drama, Reaction"),
        (
            "Action Comedy",
            {"categories": "genres"},
            SettingsError,
            "holds ' ', which separates the entries of 'genres': pass another separator",
        ),
    ],
)
def test_a_category_that_cannot_be_found_is_refused(
    log: InteractionLog, category: str, options: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        ids_of(request("category", category=category), log, **options)
    assert message in str(caught.value)


def test_what_the_log_lacks_is_named() -> None:
    bare = log_of([(0, 0, 0)], timed=False)
    with pytest.raises(DataError, match="request 7 is for a window of time, and the log has no time: read it with a time column"):
        ids_of(request("window", since=5), bare)
    with pytest.raises(SettingsError, match="categories='genres' needs item information, and the log has none: read the item file too"):
        ids_of(request("category", category="Action"), bare, categories="genres")


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("usr", {}, "kind must be one of user, interaction, item, category, window, got 'usr'; did you mean 'user'?"),
        (None, {}, "kind must be one of user, interaction, item, category, window, got None"),
        ("user", {}, "user is missing: a request of kind 'user' needs it"),
        ("interaction", {"user": 1}, "item is missing: a request of kind 'interaction' needs it"),
        ("user", {"user": 1, "item": 2}, "item is 2, and a request of kind 'user' has no item: leave it empty, or change the kind"),
        ("item", {"item": 2, "until": 5}, "until is 5, and a request of kind 'item' has no until: leave it empty, or change the kind"),
        ("user", {"user": 1.5}, "user is 1.5 (float), it must be an integer or text"),
        ("user", {"user": True}, "user is True (bool), it must be an integer or text"),
        ("category", {"category": 3}, "category is 3 (int), it must be text"),
        ("window", {"since": "3"}, "since is '3' (str), it must be an integer"),
        ("window", {"user": 1}, "a window needs at least one of them; to erase a whole user, use kind 'user'"),
        ("window", {"since": 5, "until": 5}, "since must be earlier than until, got 5 and 5"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(kind: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        request(kind, **fields)
    assert str(caught.value).startswith("request 7: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("field", ["number", "received"])
def test_number_and_time_of_receipt_are_integers(field: str) -> None:
    with pytest.raises(ValueError, match=rf"{field} must be an integer >= 0, got 1.5"):
        Request(**{"number": 0, "received": 0, field: 1.5}, kind="user", user=1)  # type: ignore[arg-type]


def test_keys_of_numpy_are_plain_integers() -> None:
    assert type(request("user", user=np.int32(5)).user) is int
    assert request("user", user=np.int32(5)) == request("user", user=5)

"""A stream is in order and within its bounds, knows what is known when, and comes back from its file as it was."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from stream_toys import log_of

from r2u_rec.errors import DataError, UnknownRecordError
from r2u_rec.simulation import Request, Return, Stream, read_stream, write_stream


def stream_of(**changed: Any) -> Stream:
    """A stream from 100 until 200 with two requests, three arrivals and a return, but for what is `changed`."""
    requests = (Request(0, 100, "user", user="a"), Request(4, 150, "interaction", user="b", item=3))
    content: dict[str, Any] = {
        "start": 100,
        "end": 200,
        "requests": requests,
        "arrival_times": np.array([110, 110, 199]),
        "arrival_ids": np.array([30, 10, 20]),
        "returns": (Return(160, "a", "a (returned 1)", 0.5),),
    }
    return Stream(**(content | changed))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"end": 100}, "a stream must start before it ends, got start 100 and end 100"),
        (
            {"requests": (Request(0, 200, "user", user="a"),)},
            "request 0 has the time 200, not in [100, 200): leave it out, or move the end",
        ),
        ({"start": 101}, "request 0 has the time 100, not in [101, 200)"),
        ({"arrival_times": [110, 111, 200]}, "arrival 2 has the time 200, not in [100, 200)"),
        ({"arrival_times": [110, 112, 111]}, "arrival 2 has the time 111, after one of 112: sort them by time"),
        ({"arrival_times": [110]}, "arrival_times and arrival_ids have shapes (1,) and (3,): give one time a record"),
        ({"arrival_ids": [10, 20, 10]}, "the record 10 arrives more than once: name each record once"),
        ({"returns": (Return(99, "a", "b", 1.0),)}, "return 0 has the time 99, not in [100, 200)"),
        (
            {"returns": (Return(150, "a", "c", 1.0), Return(150, "b", "c", 1.0))},
            "the new key 'c' is given more than once: give each return a key of its own",
        ),
        (
            {"requests": (Request(2, 150, "user", user="a"), Request(2, 150, "user", user="b"))},
            "numbers of requests must ascend, got 2 after 2: number them in order of receipt",
        ),
        ({"returns": (Return(150, "a", 7, 1.0),)}, "user keys must be all integers or all text, got 'a' and 7: convert them to one type"),
        (
            {"requests": (Request(1, 150, "item", item=3), Request(2, 150, "item", item="i"))},
            "item keys must be all integers or all text, got 3 and 'i': convert them to one type",
        ),
    ],
)
def test_what_cannot_have_happened_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        stream_of(**changed)
    assert message in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 1.1, float("nan")])
def test_a_return_takes_up_some_of_the_former_items(share: float) -> None:
    with pytest.raises(ValueError, match=r"share of former items must lie in \(0, 1\], got"):
        Return(0, "a", "b", share)


@pytest.mark.parametrize(("time", "known"), [(0, [40]), (109, [40]), (110, [10, 30, 40]), (198, [10, 30, 40]), (199, [10, 20, 30, 40])])
def test_a_record_is_known_from_the_second_it_arrives(time: int, known: list[int]) -> None:
    log = log_of([(0, item, 0) for item in range(4)])
    assert stream_of().known(log, time).tolist() == known


def test_a_log_that_lacks_what_is_to_arrive_is_refused() -> None:
    log = log_of([(0, item, 0) for item in range(4)]).drop(np.array([20]))
    assert stream_of().known(log, 199).tolist() == [10, 30, 40]
    with pytest.raises(UnknownRecordError, match="1 of 1 record ids are not among the 3 records"):
        stream_of().known(log, 110)


def test_what_the_stream_holds_cannot_be_changed_from_outside() -> None:
    times = np.array([110, 110, 199])
    stream = stream_of(arrival_times=times)
    times[0] = 0
    assert stream.arrival_times.tolist() == [110, 110, 199]
    with pytest.raises(ValueError, match="read-only"):
        stream.arrival_ids[0] = 1


def test_the_digest_is_that_of_the_content() -> None:
    same = stream_of(arrival_times=np.array([110, 110, 199], dtype=np.int32))
    others = [
        {"end": 201},
        {"requests": (Request(0, 100, "user", user="a"),)},
        {"arrival_ids": [10, 30, 20]},
        {"returns": (Return(160, "a", "a (returned 1)", 0.4),)},
    ]
    assert same.digest == stream_of().digest
    assert len({stream_of(**changed).digest for changed in [{}, *others]}) == 5


text_keys = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=4)
int_keys = st.integers(-(2**62), 2**63 - 1)


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Any stream: keys of either type, events in one second, fields that are empty, nothing of a sort at all."""
    start = draw(st.integers(0, 10**9))
    end = start + draw(st.integers(1, 50))
    user, item = (draw(st.sampled_from([text_keys, int_keys])) for _ in range(2))
    moment = st.integers(start, end - 1)
    kinds = st.one_of(
        st.fixed_dictionaries({"kind": st.just("user"), "user": user}),
        st.fixed_dictionaries({"kind": st.just("interaction"), "user": user, "item": item}),
        st.fixed_dictionaries({"kind": st.just("item"), "item": item}),
        st.fixed_dictionaries({"kind": st.just("category"), "category": text_keys}),
        st.fixed_dictionaries({"kind": st.just("window"), "user": st.none() | user, "since": st.integers(0, 9)}),
    )
    times = sorted(draw(st.lists(moment, max_size=6)))
    numbers = sorted(draw(st.sets(st.integers(0, 10**6), min_size=len(times), max_size=len(times))))
    requests = [Request(number, time, **draw(kinds)) for number, time in zip(numbers, times, strict=True)]
    ids = draw(st.lists(st.integers(0, 2**62), unique=True, max_size=6))
    arrivals = sorted(draw(st.lists(moment, min_size=len(ids), max_size=len(ids))))
    new_keys = draw(st.lists(user, unique=True, max_size=3))
    back = sorted(draw(st.lists(moment, min_size=len(new_keys), max_size=len(new_keys))))
    returns = [Return(time, draw(user), key, draw(st.floats(1e-9, 1))) for time, key in zip(back, new_keys, strict=True)]
    return Stream(start, end, tuple(requests), np.array(arrivals, np.int64), np.array(ids, np.int64), tuple(returns))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(streams())
def test_any_stream_comes_back_from_its_file_as_it_was(tmp_path: Path, stream: Stream) -> None:
    write_stream(stream, tmp_path / "stream.parquet")
    back = read_stream(tmp_path / "stream.parquet")
    assert (back.start, back.end, back.requests, back.returns) == (stream.start, stream.end, stream.requests, stream.returns)
    assert back.arrival_times.tolist() == stream.arrival_times.tolist()
    assert back.arrival_ids.tolist() == stream.arrival_ids.tolist()
    keys = [key for one in (*back.requests, *back.returns) for key in (one.user, getattr(one, "item", None)) if key is not None]
    assert {type(key) for key in keys} <= {int, str}
    assert back.digest == stream.digest


def test_the_file_tells_what_happened_in_order_of_time(tmp_path: Path) -> None:
    write_stream(stream_of(), tmp_path / "stream.parquet")
    frame = pd.read_parquet(tmp_path / "stream.parquet")
    assert frame["event"].tolist() == ["start", "request", "arrival", "arrival", "request", "return", "arrival", "end"]
    assert frame["time"].tolist() == [100, 100, 110, 110, 150, 160, 199, 200]
    assert frame["user"].dropna().tolist() == ["a", "b", "a"]
    assert [path.name for path in tmp_path.iterdir()] == ["stream.parquet"]


def test_equal_streams_are_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_stream(stream_of(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_stream_of_many_records_takes_little_memory_to_write_and_read(tmp_path: Path) -> None:
    n = 200_000
    stream = Stream(0, n, (), np.arange(n), np.arange(n)[::-1])
    tracemalloc.start()
    write_stream(stream, tmp_path / "stream.parquet")
    back = read_stream(tmp_path / "stream.parquet")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert back.digest == stream.digest
    assert peak < 100 * n  # bytes; a Python object for each number would take more


def changed_file(path: Path, change: Any) -> Path:
    """The file of a stream after `change` of its table."""
    write_stream(stream_of(), path)
    parquet.write_table(change(parquet.read_table(path)), path)
    return path


def test_a_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    path = changed_file(tmp_path / "stream.parquet", lambda table: table.filter(pa.array([True, False] + [True] * 6)))
    with pytest.raises(DataError, match="is not what was written, its digest differs: restore it, or draw it anew"):
        read_stream(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop_columns(["record", "share"]), "is no stream: it has no column record, share; read requests of your own"),
        (lambda table: table.slice(1), "is no stream: it must have one start and one end, it has 0 and 1"),
        (lambda table: table.set_column(1, "time", pa.array([100] * 7 + [99])), "is no stream: a stream must start before it ends"),
    ],
)
def test_a_file_that_holds_no_stream_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    path = changed_file(tmp_path / "stream.parquet", change)
    with pytest.raises(DataError) as caught:
        read_stream(path)
    assert message in str(caught.value)


def test_a_file_that_is_not_there_or_not_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("time,user\n")
    for name in ("nothing", "text"):
        with pytest.raises(DataError, match=f"{name} cannot be read as a stream .*: check the path, or draw it anew"):
            read_stream(tmp_path / name)

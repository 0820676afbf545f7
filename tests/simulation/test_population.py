"""Newcomers, later records and returns: how many, who, when, and in which order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stream_toys import DAY, END, START, log_of, random_log

from r2u_rec.data import InteractionLog, Vocabulary
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.simulation import (
    Arrivals,
    Request,
    Stream,
    draw_arrivals,
    draw_later,
    draw_newcomers,
    draw_requests,
    draw_returns,
    merged,
)

YEAR: dict[str, int] = {"start": START, "end": END}


@pytest.fixture(scope="module")
def log() -> InteractionLog:
    """1,000 users with 12 records each."""
    return random_log(1000, 60, 12)


def of_user(log: InteractionLog, arrivals: Arrivals, user: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and times of the records of `user` that arrive, in the order of the stream."""
    rows = log.positions(arrivals.ids)
    mine = log.user[rows] == user
    return rows[mine], arrivals.times[mine]


def test_the_share_of_newcomers_joins_evenly_with_all_records(log: InteractionLog) -> None:
    new = draw_newcomers(log, **YEAR, share=0.4, seed=1)
    users = log.users_of(new.ids)
    assert len(users) == 400
    assert sorted(new.ids.tolist()) == log.ids_of_users(users).tolist()
    joins = np.array([of_user(log, new, user)[1][0] for user in users])
    assert abs(joins.mean() - (START + END) / 2) < 5 * (END - START) / np.sqrt(12 * 400)


def test_records_of_a_newcomer_follow_in_their_own_order_and_pressed_together() -> None:
    """The user's history takes 100 days; within ten days each gap is a tenth of what it was."""
    times = [5 * DAY, 0, 100 * DAY, 40 * DAY]
    log = log_of([(0, item, START - 900 * DAY + time) for item, time in enumerate(times)])
    new = draw_newcomers(log, **YEAR, share=1.0, over_days=10, seed=0)
    rows, arrived = of_user(log, new, 0)
    assert log.item[rows].tolist() == [1, 0, 3, 2]
    assert np.abs(arrived - arrived[0] - np.array([0, 0.5, 4, 10]) * DAY).max() <= 1


def test_a_history_that_is_short_keeps_its_gaps() -> None:
    log = log_of([(0, item, 1000 + 60 * item) for item in range(4)])
    arrived = draw_newcomers(log, **YEAR, share=1.0, over_days=10, seed=0).times
    assert np.diff(arrived).tolist() == [60, 60, 60]


def test_all_records_may_arrive_at_once(log: InteractionLog) -> None:
    new = draw_newcomers(log, **YEAR, share=0.1, over_days=0, seed=0)
    for user in log.users_of(new.ids):
        assert len(set(of_user(log, new, user)[1])) == 1


def test_without_time_records_are_spread_evenly() -> None:
    log = log_of([(0, item, 0) for item in range(5)], timed=False)
    new = draw_newcomers(log, **YEAR, share=1.0, over_days=8, seed=0)
    assert new.ids.tolist() == log.ids.tolist()
    assert np.abs(np.diff(new.times) - 2 * DAY).max() <= 1


def test_who_must_be_there_is_no_newcomer(log: InteractionLog) -> None:
    present = np.arange(0, 1000, 2)
    users = log.users_of(draw_newcomers(log, **YEAR, share=0.5, present=present, seed=0).ids)
    assert sorted(users.tolist()) == list(range(1, 1000, 2))


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 99), st.integers(1, 300), st.booleans(), st.floats(0, 400))
def test_whatever_arrives_makes_a_stream(newcomers: float, later: float, seed: int, length: int, timed: bool, days: float) -> None:
    log = random_log(12, 9, 5, timed=timed)
    options: dict[str, Any] = {"newcomer_share": newcomers, "over_days": days, "seed": seed}
    arrivals = draw_arrivals(log, start=START, end=START + length, later_share=later, **options)
    stream = Stream(START, START + length, (), arrivals.times, arrivals.ids)
    new = log.users_of(draw_newcomers(log, start=START, end=START + length, share=newcomers, over_days=days, seed=seed).ids)
    counts = np.bincount(log.user[log.positions(stream.arrival_ids)], minlength=12)
    assert len(new) == round(newcomers * 12)
    assert (counts[new] == log.user_counts[new]).all()
    assert (np.delete(counts, new) < np.delete(log.user_counts, new)).all()
    for user in range(12):
        rows, times = of_user(log, arrivals, user)
        own = rows if log.time is None else log.time[rows]
        assert (np.diff(own) >= 0).all()
        assert (np.diff(times) >= 0).all()


def test_later_records_are_the_last_ones_and_as_many_as_their_share(log: InteractionLog) -> None:
    later = draw_later(log, **YEAR, share=0.3, seed=0)
    counts = np.bincount(log.user[log.positions(later.ids)], minlength=1000)
    assert set(counts) == {3, 4}  # 0.3 * 12 = 3.6
    assert abs(counts.mean() - 3.6) < 5 * np.sqrt(0.24 / 1000)
    for user in range(0, 1000, 100):
        own = np.sort(log.time[log.user == user])
        assert log.time[of_user(log, later, user)[0]].tolist() == own[-counts[user] :].tolist()
    assert abs(later.times.mean() - (START + END) / 2) < 5 * (END - START) / np.sqrt(12 * len(later))


def test_one_record_at_least_is_there_at_the_start(log: InteractionLog) -> None:
    later = draw_later(log, **YEAR, share=1.0, seed=0)
    assert np.bincount(log.user[log.positions(later.ids)]).tolist() == [11] * 1000


def test_later_records_are_those_of_the_users_named(log: InteractionLog) -> None:
    later = draw_later(log, **YEAR, share=0.5, users=[3, 5], seed=0)
    assert log.users_of(later.ids).tolist() == [3, 5]
    everybody = draw_later(log, **YEAR, share=0.5, seed=0)
    assert of_user(log, later, 5)[1].tolist() == of_user(log, everybody, 5)[1].tolist()


def test_the_same_seed_gives_the_same_arrivals_and_another_one_others(log: InteractionLog) -> None:
    one, same, other = (draw_arrivals(log, **YEAR, newcomer_share=0.1, later_share=0.1, seed=seed) for seed in (1, 1, 2))
    assert (one.times.tobytes(), one.ids.tobytes()) == (same.times.tobytes(), same.ids.tobytes())
    assert set(one.ids) != set(other.ids)
    assert draw_arrivals(log, **YEAR, seed=1).ids.tolist() == []


def test_two_sets_of_arrivals_come_in_one_order() -> None:
    both = merged(Arrivals(np.array([1, 5]), np.array([10, 20])), Arrivals(np.array([1, 3]), np.array([30, 40])))
    assert (both.times.tolist(), both.ids.tolist()) == ([1, 1, 3, 5], [10, 30, 40, 20])


def user_requests(log: InteractionLog, codes: range) -> tuple[Request, ...]:
    return tuple(Request(at, START + at, "user", user=log.user_keys.key(code)) for at, code in enumerate(codes))


def test_as_many_come_back_as_the_probability_says_after_the_mean_delay(log: InteractionLog) -> None:
    back = draw_returns(user_requests(log, range(1000)), log, end=START + 10**10, probability=0.3, mean_days=60, share=0.7, seed=0)
    delays = np.array([one.time - START - int(one.user[1:]) for one in back])
    assert abs(len(back) - 300) < 5 * np.sqrt(1000 * 0.3 * 0.7)
    assert abs(delays.mean() - 60 * DAY) < 5 * 60 * DAY / np.sqrt(len(back))
    assert [one.time for one in back] == sorted(one.time for one in back)
    assert {one.share for one in back} == {0.7}
    assert all(one.new_key == f"{one.user} (returned 1)" for one in back)


def test_who_would_be_back_after_the_end_is_left_out_and_nobody_else_changes(log: InteractionLog) -> None:
    requests = user_requests(log, range(1000))
    all_back = draw_returns(requests, log, end=END, probability=1.0, seed=0)
    early = draw_returns(requests, log, end=START + 30 * DAY, probability=1.0, seed=0)
    assert 0 < len(early) < len(all_back) < 1000
    assert early == all_back[: len(early)]
    fewer = draw_returns(requests[::3], log, end=END, probability=0.5, seed=0)
    assert set(fewer) <= set(draw_returns(requests, log, end=END, probability=0.5, seed=0)) != set()


def test_only_who_asked_for_everything_comes_back_and_only_once(log: InteractionLog) -> None:
    requests = (
        Request(0, START, "interaction", user="u1", item="i0"),
        Request(1, START, "user", user="u2"),
        Request(2, START + 5, "user", user="u2"),
        Request(3, START + 9, "window", user="u3", since=0),
    )
    back = draw_returns(requests, log, end=START + 10**10, probability=1.0, seed=0)
    assert [one.user for one in back] == ["u2"]
    assert back == draw_returns(requests[:2], log, end=START + 10**10, probability=1.0, seed=0)


def test_a_new_key_is_nobody_elses() -> None:
    log = log_of([(user, 0, 0) for user in range(4)], users=["a", "a (returned 1)", "a (returned 2)", "b"])
    back = draw_returns(user_requests(log, range(4)), log, end=END + 10**10, probability=1.0, seed=0)
    assert {one.user: one.new_key for one in back} == {
        "a": "a (returned 3)",
        "a (returned 1)": "a (returned 1) (returned 1)",
        "a (returned 2)": "a (returned 2) (returned 1)",
        "b": "b (returned 1)",
    }
    numbered = log_of([(user, 0, 0) for user in range(3)], users=[7, 100, -3])
    back = draw_returns(user_requests(numbered, range(3)), numbered, end=END + 10**10, probability=1.0, seed=0)
    assert [one.new_key for one in back] == [101, 102, 103]
    assert isinstance(numbered.user_keys.extended([one.new_key for one in back]), Vocabulary)


def test_everything_together_makes_a_stream(log: InteractionLog) -> None:
    arrivals = draw_arrivals(log, **YEAR, newcomer_share=0.2, later_share=0.1, seed=5)
    requests = draw_requests(log, **YEAR, rate_per_month=30, kinds={"user": 4, "interaction": 1}, arrivals=arrivals, seed=5)
    stream = Stream(**YEAR, requests=requests, arrival_times=arrivals.times, arrival_ids=arrivals.ids,
                    returns=draw_returns(requests, log, end=END, probability=0.3, seed=5))  # fmt: skip
    assert (len(stream.requests) > 300, len(stream.returns) > 20) == (True, True)
    for request in requests:
        assert (log.user[log.positions(stream.known(log, request.received))] == log.user_keys.code(request.user)).any()


@pytest.mark.parametrize(
    ("draw", "options", "message"),
    [
        (draw_newcomers, {"share": 1.1}, "share of newcomers must lie in [0, 1], got 1.1"),
        (draw_newcomers, {"share": 0.5, "over_days": -1}, "over_days must be >= 0 and finite, got -1"),
        (draw_newcomers, {"share": 0.5, "end": START}, f"a stream must start before it ends, got start {START} and end {START}"),
        (draw_newcomers, {"share": 0.5, "present": [1000]}, "user codes must lie in 0..999, got [1000]: pass codes, not keys"),
        (
            draw_newcomers,
            {"share": 0.5, "present": np.arange(501)},
            "500 newcomers are asked for (0.5 of 1000 users), and 499 need not be there at the start: ask for fewer, or name fewer",
        ),
        (draw_later, {"share": -0.1}, "share of later records must lie in [0, 1], got -0.1"),
        (draw_later, {"share": 0.5, "users": [-1]}, "user codes must lie in 0..999, got [-1]"),
    ],
)
def test_arrivals_out_of_range_are_refused(log: InteractionLog, draw: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        draw(log, **(YEAR | {"seed": 0} | options))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probability": 1.1}, "probability of a return must lie in [0, 1], got 1.1"),
        ({"mean_days": 0}, "mean_days until a return must be > 0 and finite, got 0"),
        ({"share": 0}, "share of former items must lie in (0, 1], got 0"),
    ],
)
def test_returns_out_of_range_are_refused(log: InteractionLog, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        draw_returns((), log, **({"end": END, "probability": 0.5, "seed": 0} | options))
    assert message in str(caught.value)


def test_a_return_of_somebody_unknown_is_refused(log: InteractionLog) -> None:
    with pytest.raises(DataError, match=r"1 users of 1 requests are not in the log, the first \['x'\]: pass the full log"):
        draw_returns((Request(0, START, "user", user="x"),), log, end=END, probability=0.5, seed=0)

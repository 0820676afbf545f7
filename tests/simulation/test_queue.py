"""Requests are carried out at the times, and in the batches, of a naive loop that looks at the clock every hour."""

from __future__ import annotations

import numpy as np
import pytest
from simulation_toys import HOUR, START, requests_to_leave, run, small_log, stream_of

from r2u_rec.simulation.policies import DAY, Policy
from r2u_rec.simulation.queue import Queue
from r2u_rec.simulation.requests import Request

POLICIES = [
    Policy("at once", "edit"),
    Policy("batches of 4", "edit", batch=4),
    Policy("batches of 50", "edit", batch=50),
    Policy("weekly", "edit", every_days=7),
    Policy("every 40 days", "edit", every_days=40),
    Policy("every 10 days, 4 users", "edit", every_days=10, batch=4, margin_days=1),
    Policy("by deadline", "edit", by_deadline=True),
    Policy("without margin", "edit", batch=50, margin_days=0),
]


def naive(requests, policy, *, start, end, seconds):
    """Times and request numbers of the batches, found by looking every hour."""
    waiting, batches, free, round_open = [], [], start, False
    due = {r.number: r.due for r in requests}
    for now in range(start, end, HOUR):
        waiting += [r for r in requests if r.received == now]
        if policy.every_days and now > start and (now - start) % int(policy.every_days * DAY) == 0:
            round_open = bool(waiting)
        if not waiting or now < free:
            continue
        full = len({r.user for r in waiting}) >= policy.batch
        ruled = full and not policy.by_deadline and (round_open or not policy.every_days)
        round_open = False
        if ruled or now >= min(due[r.number] for r in waiting) - policy.margin_days * DAY:
            batches.append((now, [r.number for r in waiting]))
            waiting, free = [], now + seconds
    return batches


def random_stream(seed, rate_per_day):
    rng = np.random.default_rng(seed)
    hours = np.sort(rng.integers(0, 120 * 24, rng.poisson(rate_per_day * 120)))
    users = 100 + rng.permutation(len(hours))
    requests = [Request(i, START + int(h) * HOUR, "user", user=int(u)) for i, (h, u) in enumerate(zip(hours, users, strict=True))]
    return stream_of(requests, days=120)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
@pytest.mark.parametrize("hours", [0, 5, 4 * 24], ids=lambda hours: f"a batch takes {hours} hours")
def test_batches_are_those_of_a_naive_loop(policy, hours):
    stream = random_stream(7, 0.3)
    found = run(stream, policy, small_log(n_users=120, each=2), seconds=hours * HOUR)
    members = found.requests.dropna(subset=["batch"]).groupby("batch")["number"].apply(list).tolist()
    expected = naive(stream.requests, policy, start=stream.start, end=stream.end, seconds=hours * HOUR)
    assert list(zip(found.batches["time"].tolist(), members, strict=True)) == expected
    assert len(expected) > 1 or "40" in policy.name
    finished = found.batches["time"].to_numpy() + hours * HOUR
    done = found.requests["batch"].notna()
    assert (found.requests.loc[done, "finished"] == finished[found.requests.loc[done, "batch"].astype(int)]).all()
    assert done.sum() == sum(map(len, members))
    assert found.requests.loc[~done, "finished"].isna().all()


def test_a_request_of_no_single_user_counts_as_one_user_and_a_user_counts_once():
    queue = Queue(Policy("three", batch=3), START)
    for number, fields in enumerate(
        [{"kind": "user", "user": 1}, {"kind": "user", "user": 1}, {"kind": "item", "item": 1}, {"kind": "item", "item": 1}]
    ):
        assert queue.n_users == [0, 1, 1, 2][number]
        queue.receive(Request(number, START, **fields))
    assert queue.n_users == 3
    assert queue.why(START) == ("requests of 3 users wait", False)


def test_the_first_due_request_need_not_be_the_first_received():
    leap = 1_706_659_200  # 31 January 2024, 00:00
    queue = Queue(Policy("many", batch=9), leap - DAY)
    queue.receive(Request(0, leap - HOUR, "user", user=1))  # 30 January 23:00, due on 29 February 23:00
    queue.receive(Request(1, leap + HOUR, "user", user=2))  # 31 January 01:00, due on 29 February 01:00
    assert queue.due[1] < queue.due[0]
    assert queue.moment(queue.due[1], 0) == queue.due[1]


def test_a_forced_batch_says_so():
    found = run(requests_to_leave((100, 0), (101, 1), days=40), Policy("five", "edit", batch=5), small_log())
    row = found.batches.iloc[0]
    assert found.batches["forced"].tolist() == [True]
    assert row["why"].startswith("requests of 2 users wait, fewer than 5, and the first is 3.0 days from its due time: carried out early; ")
    assert found.requests["warned"].tolist() == [True, True]
    assert not found.requests["late"].any()


def test_a_regular_time_that_finds_too_few_is_passed_over():
    stream = requests_to_leave((100, 1), (101, 8), days=30)
    found = run(stream, Policy("weekly two", "edit", every_days=7, batch=2), small_log())
    assert ((found.batches["time"] - START) / DAY).tolist() == [14.0]
    assert found.batches["why"].tolist() == ["requests of 2 users wait at the regular time; the policy names edit"]
    assert not found.batches["forced"].any()


def test_by_deadline_everything_waits_for_the_first():
    stream = requests_to_leave((100, 0), (101, 20), (102, 27), (103, 50), days=60)
    found = run(stream, Policy("late", "edit", by_deadline=True, margin_days=2), small_log())
    due = stream.requests[0].due
    assert found.batches["time"].tolist() == [due - 2 * DAY]
    assert found.requests["batch"].isna().tolist() == [False, False, False, True]
    assert not found.batches["forced"].any()
    assert "the first is 2.0 days from its due time" in found.batches["why"][0]

"""What enters the model and what leaves it along a stream: late records, people who come back, trainings, drift."""

from __future__ import annotations

import numpy as np
import pytest
from simulation_toys import START, Edits, Exact, requests_to_leave, run, small_log, stream_of

from r2u_rec.simulation.cost_model import OperatorCost
from r2u_rec.simulation.policies import DAY, Policy
from r2u_rec.simulation.requests import Request
from r2u_rec.simulation.stream import Return

ONCE = Policy("at once", "edit")


def request(number, day, kind, **fields):
    return Request(number, START + round(day * DAY), kind, **fields)


def test_a_policy_that_never_erases_changes_nothing_and_is_late_once_due():
    method, seen = Edits(), []
    stream = requests_to_leave((100, 1), (101, 50), (102, 99), days=100)
    found = run(
        stream, Policy("never", "none"), small_log(), method=method, checkpoints=[stream.end], observe=lambda m: seen.append(m) or {}
    )
    assert method.fits == method.forgets == []
    assert len(found.batches) == 0
    assert len(seen[0].fitted.records) == 150
    assert found.requests["late"].tolist() == [True, True, False]
    assert found.requests["warned"].tolist() == [True, True, False]
    assert found.requests["finished"].isna().all()
    assert found.requests["hours"].isna().all()
    assert found.checkpoints[["n_received", "n_erased", "n_waiting"]].values.tolist() == [[3, 0, 3]]


def test_a_policy_that_never_erases_still_trains_again_on_everything():
    method = Edits()
    run(
        stream_of([request(0, 1, "user", user=100)], [(5, 149)]), Policy("never", "none", retrain_every_days=30), small_log(), method=method
    )
    assert method.fits == [list(range(150))] * 3


def test_every_kind_of_request_takes_exactly_its_records():
    log = small_log()
    method = Edits()
    item = log.item_keys.key(log.item[7])  # of user 101
    asks = [
        request(0, 1, "interaction", user=101, item=item),
        request(1, 2, "item", item=item),
        request(2, 3, "window", user=102, since=int(log.time[12]), until=int(log.time[14])),
        request(3, 4, "window", since=int(log.time[148])),
        request(4, 5, "user", user=100),
        request(5, 6, "user", user=100),
    ]
    found = run(stream_of(asks), ONCE, log, method=method)
    of_item = set(log.ids[log.item == log.item[7]].tolist()) - {7}
    in_window = {12, 13} - of_item
    assert [set(ids) for ids in method.forgets] == [{7}, of_item, in_window, {148, 149} - of_item, set(range(5)) - of_item]
    assert found.requests["n_records"].tolist() == [*map(len, method.forgets), 0]
    assert found.requests["operator"].tolist() == ["edit"] * 5 + ["unneeded"]
    assert found.batches["why"].tolist()[5] == "requests of 1 user wait; none of it is in the model"
    assert found.batches["n_left"].tolist() == (150 - np.cumsum([*map(len, method.forgets), 0])).tolist()


def test_requests_of_one_batch_that_overlap_count_a_record_once():
    asks = [request(0, 1, "window", user=101, since=START - 10_000), request(1, 1, "user", user=101)]
    found = run(stream_of(asks), ONCE, small_log())
    assert found.requests["n_records"].tolist() == [5, 0]
    assert found.batches[["n_requests", "n_users", "n_records", "n_in_model"]].values.tolist() == [[2, 1, 5, 5]]


def test_records_that_arrive_enter_at_the_next_training_and_never_before():
    method = Edits()
    late = [(3, 149), (4, 148), (20, 147)]
    stream = stream_of([request(0, 5, "user", user=100)], late, days=29)
    found = run(stream, Policy("edit", "edit", retrain_every_days=10), small_log(), method=method)
    assert method.forgets == [[0, 1, 2, 3, 4]]
    assert method.fits == [[*range(5, 147), 148, 149], [*range(5, 150)]]
    assert found.batches["retrained"].tolist() == [False, True, True]
    assert found.batches["why"].tolist()[1] == "regular training every 10 days"
    assert found.batches["n_left"].tolist() == [142, 144, 145]


def test_a_request_for_records_that_the_model_has_never_seen_only_takes_them_from_what_waits():
    method = Edits()
    stream = stream_of([request(0, 5, "user", user=129)], [(3, i) for i in range(145, 150)], days=15)
    found = run(stream, Policy("edit", "edit", retrain_every_days=10), small_log(), method=method)
    assert method.forgets == []
    assert method.fits == [list(range(145))]
    assert found.batches["operator"].tolist() == ["unneeded", "retrain"]
    assert found.batches[["n_records", "n_in_model"]].values.tolist() == [[5, 0], [0, 0]]
    assert found.requests[["operator", "n_records"]].values.tolist() == [["unneeded", 5]]


def test_records_of_an_erased_user_that_arrive_afterwards_stay_out():
    method = Edits()
    stream = stream_of([request(0, 2, "user", user=129), request(1, 8, "user", user=129)], [(3, 148), (4, 149), (6, 3)], days=15)
    found = run(stream, Policy("edit", "edit", retrain_every_days=10), small_log(), method=method)
    assert method.forgets == [[145, 146, 147]]
    assert method.fits == [list(range(145))]
    assert found.requests["n_records"].tolist() == [3, 0]


def test_a_regular_training_carries_out_all_that_waits():
    method = Edits()
    found = run(
        requests_to_leave((100, 8), (101, 9), days=15), Policy("many", "edit", batch=5, retrain_every_days=10), small_log(), method=method
    )
    assert method.forgets == []
    assert method.fits == [list(range(10, 150))]
    assert found.requests["operator"].tolist() == ["retrain", "retrain"]
    assert found.requests["hours"].tolist() == [48.0, 24.0]
    assert found.batches["n_in_model"].tolist() == [10]


def test_what_is_received_while_a_batch_is_carried_out_waits_for_its_end():
    found = run(requests_to_leave((100, 1), (101, 2), (102, 3), days=20), ONCE, small_log(), seconds=4.5 * DAY)
    assert ((found.batches["time"] - START) / DAY).tolist() == [1.0, 5.5]
    assert found.requests["batch"].tolist() == [0, 1, 1]
    assert found.requests["hours"].tolist() == [4.5 * 24, 8 * 24, 7 * 24]


def test_a_request_is_late_when_the_work_ends_after_its_due_time():
    found = run(requests_to_leave((100, 0), (101, 10), days=60), Policy("late", "edit", by_deadline=True), small_log(), seconds=3.5 * DAY)
    assert found.requests["late"].tolist() == [True, False]
    assert found.requests["warned"].tolist() == [True, False]


def test_the_drift_budget_lets_a_training_take_the_place_of_an_edit():
    method = Edits()
    stream = requests_to_leave(*((100 + i, i + 1) for i in range(5)))
    found = run(stream, Policy("drift", "edit", drift_budget=0.08), small_log(), method=method)
    assert found.batches["operator"].tolist() == ["edit", "edit", "retrain", "edit", "edit"]
    assert found.batches["drift_spent"].tolist() == pytest.approx([5 / 150, 10 / 150, 0, 5 / 135, 10 / 135])
    assert method.fits == [list(range(15, 150))]
    assert "the drift budget of 8.00% would be overdrawn: 6.67% is spent, 3.33% would be added" in found.batches["why"][2]
    exact = run(stream, Policy("drift", "edit", drift_budget=0.0), small_log(), method=Exact())
    assert exact.batches["operator"].tolist() == ["edit"] * 5


def test_preparing_again_has_its_own_method_and_period_and_spares_a_training_at_the_same_time():
    plain, prepared = Edits(), Edits()
    cost = OperatorCost(1, 0, 0, exact=False)
    found = run(
        requests_to_leave((100, 35), days=70),
        Policy("prepared", "edit", reprepare_every_days=20, retrain_every_days=30),
        small_log(),
        methods={"retrain": plain, "edit": plain, "reprepare": prepared},
        costs={"retrain": cost, "edit": cost, "reprepare": OperatorCost(7, 0, 0, exact=True)},
    )
    assert ((found.batches["time"] - START) / DAY).tolist() == [20, 30, 35, 40, 60]
    assert found.batches["operator"].tolist() == ["reprepare", "retrain", "edit", "reprepare", "reprepare"]
    assert found.batches["modelled_seconds"].tolist() == [7, 1, 1, 7, 7]
    assert (len(plain.fits), len(prepared.fits)) == (1, 3)


def test_whoever_comes_back_enters_under_the_new_key_and_the_old_records_stay_gone():
    log, method, moments = small_log(), Edits(), []
    stream = stream_of([request(0, 2, "user", user=100)], [(1, 149)], [Return(START + 5 * DAY, 100, 500, 0.5)], days=20)
    policy = Policy("edit", "edit", retrain_every_days=10)
    run(stream, policy, log, method=method, checkpoints=[START + 9 * DAY, stream.end], observe=lambda m: moments.append(m) or {})
    before, after = moments
    assert before.fitted.records.user_keys.code(500) is None
    assert before.available.tolist() == [*range(5, 150), 150, 151]
    records = after.fitted.records
    assert records.ids.tolist() == [*range(5, 150), 150, 151]
    code = records.user_keys.code(500)
    assert (code, records.user_keys.code(100)) == (30, None)
    back = records.user == code
    assert set(records.item[back]) < set(log.item[:5])
    assert back.sum() == 2  # half of 5, rounded to even
    assert (records.time[back] == START + 5 * DAY).all()
    assert list(after.log.user_keys.keys[:30]) == list(log.user_keys.keys)
    assert after.erased.tolist() == [0, 1, 2, 3, 4]
    assert after.erased_users.tolist() == [0]


def test_whoever_came_back_may_leave_again():
    method = Edits()
    stream = stream_of(
        [request(0, 2, "user", user=100), request(1, 7, "user", user=500), request(2, 12, "user", user=501)],
        returns=[Return(START + 5 * DAY, 100, 500, 1.0), Return(START + 6 * DAY, 100, 501, 1.0)],
        days=20,
    )
    found = run(stream, Policy("edit", "edit", retrain_every_days=10), small_log(), method=method)
    assert found.requests["n_records"].tolist() == [5, 5, 5]
    assert method.forgets == [[0, 1, 2, 3, 4], [155, 156, 157, 158, 159]]
    assert method.fits == [[*range(5, 150), 155, 156, 157, 158, 159]]


def test_only_items_known_by_then_are_taken_up_again():
    moments = []
    stream = stream_of([request(0, 2, "user", user=100)], [(1, 3), (9, 4)], [Return(START + 5 * DAY, 100, 500, 1.0)], days=20)
    log = small_log()
    run(stream, Policy("edit", "edit"), log, checkpoints=[stream.end], observe=lambda m: moments.append(m) or {})
    back = moments[0].log.user == 30
    assert moments[0].log.item[back].tolist() == log.item[:4].tolist()

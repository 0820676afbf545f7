"""The operator is chosen by the stated rules, from modelled seconds alone; calibration finds the line it was given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from simulation_toys import Edits, Exact, at_start, requests_to_leave, run, small_log

from r2u_rec.core.protocols import Fitted
from r2u_rec.errors import SettingsError
from r2u_rec.evaluate.cost import Cost
from r2u_rec.simulation import calibration
from r2u_rec.simulation.calibration import calibrated_cost, calibrated_training, line
from r2u_rec.simulation.cost_model import Batch, ErasedShare, OperatorCost, choose
from r2u_rec.simulation.policies import Policy

AGAIN = OperatorCost(0, 0, 0.01, exact=True)  # 10 s for 1,000 records
CLOSED = OperatorCost(1, 0.5, 0, exact=True)
SHARDS = OperatorCost(1, 0, 0.012, exact=True)
EDIT = OperatorCost(0.1, 0, 0.01, exact=False)
SLOW_EDIT = OperatorCost(0.3, 0, 0.01, exact=False)


def batch(n_users=1, n_records=5, touched=None):
    return Batch(n_users, n_records, 1000, 1000, touched or {})


def chosen(costs, batch, drift=None, added=0.0):
    plan = choose({"retrain": AGAIN} | costs, batch, drift or ErasedShare(), added)
    return plan.operator, plan.seconds, plan.why


def test_a_closed_form_is_taken_before_everything_else():
    costs = {"edit": EDIT, "shards": SHARDS, "closed": CLOSED}
    assert chosen(costs, batch(touched={"shards": 0.1})) == ("closed", 1.5, "closed erases exactly in 1.5 s, training again takes 10 s")


def test_a_request_so_large_that_fitting_again_is_cheaper_is_fitted_again():
    assert chosen({"closed": CLOSED}, batch(18))[0] == "closed"
    assert chosen({"closed": CLOSED}, batch(19)) == (
        "retrain",
        10.0,
        "so much leaves that training again (10 s) is cheaper than closed (10.5 s)",
    )


@pytest.mark.parametrize(("share", "operator"), [(0.1, "shards"), (0.75, "shards"), (0.76, "retrain"), (1.0, "retrain")])
def test_shards_are_trained_while_few_enough_are_touched(share, operator):
    plan = chosen({"shards": SHARDS, "edit": EDIT}, batch(touched={"shards": share}))
    assert plan[0] == operator
    assert plan[1] == pytest.approx(10 if operator == "retrain" else 1 + 12 * share)
    assert f"{share:.1%} of the records again" in plan[2]


def test_the_cheapest_edit_is_taken_while_small():
    costs = {"slow": SLOW_EDIT, "edit": EDIT}
    assert chosen(costs, batch(n_records=200))[:2] == ("edit", pytest.approx(2.1))
    operator, seconds, why = chosen(costs, batch(n_records=201))
    assert (operator, seconds) == ("retrain", 10.0)
    assert why == "20.1% of the records leave, too many for edit, which may edit 20.0% at once"


def test_an_edit_that_is_dearer_than_training_is_not_made():
    dear = OperatorCost(11, 0, 0, exact=False)
    assert chosen({"edit": dear}, batch())[0::2] == ("retrain", "training again (10 s) is cheaper than edit (11 s)")


def test_the_drift_budget_is_spent_to_the_last_and_not_overdrawn():
    assert chosen({"edit": EDIT}, batch(), ErasedShare(0.03, 0.05), 0.02)[0] == "edit"
    operator, _, why = chosen({"edit": EDIT}, batch(), ErasedShare(0.03, 0.05), 0.021)
    assert operator == "retrain"
    assert why == "the drift budget of 5.00% would be overdrawn: 3.00% is spent, 2.10% would be added"
    assert chosen({"edit": EDIT}, batch(), ErasedShare(0.9, None), 0.9)[0] == "edit"


def test_without_another_operator_the_model_is_trained_again():
    assert chosen({}, batch()) == ("retrain", 10.0, "there is no other operator")


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_cost_that_is_no_number_of_seconds_is_refused(value):
    with pytest.raises(SettingsError, match=f"seconds_per_user of an operator must be finite and >= 0, got {value}"):
        OperatorCost(0, value, 0, exact=True)


def test_a_missing_cost_is_named():
    with pytest.raises(SettingsError, match="the cost of 'retrain' is not given: there are costs of edit; add it, or measure it"):
        choose({"edit": EDIT}, batch(), ErasedShare(), 0.0)


@dataclass(frozen=True)
class Shards(Exact):
    """Says that two users make a tenth of the records each."""

    exact: ClassVar[bool] = True

    def touched_share(self, fitted: Fitted, ids: Any) -> float:
        return min(1.0, 0.1 * len(fitted.records.users_of(ids)))


def test_a_sharded_method_is_asked_how_much_it_would_train_again():
    costs = {"retrain": OperatorCost(0, 0, 1, exact=True), "shards": OperatorCost(0, 0, 2, exact=True)}
    stream = requests_to_leave(*((user, 1) for user in range(100, 104)), *((user, 2) for user in range(110, 117)))
    found = run(stream, Policy("auto"), small_log(), methods={"retrain": Exact(), "shards": Shards()}, costs=costs)
    assert found.batches["operator"].tolist() == ["shards", "retrain"]  # 40 % and 70 % of the records, at twice the price
    assert found.batches["modelled_seconds"].tolist() == [2 * 0.4 * 150, 150 - 11 * 5]
    among = {"retrain": Exact(), "shards": Shards(), "closed": Exact()}
    free = {**costs, "closed": OperatorCost(0, 0, 0, exact=True)}
    told = run(stream, Policy("auto", among="shards"), small_log(), methods=among, costs=free)
    assert told.batches["operator"].tolist() == ["shards", "retrain"]
    assert run(stream, Policy("auto"), small_log(), methods=among, costs=free).batches["operator"].tolist() == ["closed", "closed"]
    named = run(stream, Policy("shards", "shards"), small_log(), methods={"retrain": Exact(), "shards": Shards()}, costs=costs)
    assert named.batches["modelled_seconds"].tolist() == pytest.approx([2 * 0.4 * 150, 2 * 0.7 * 130])


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (((3.0, 10.0), (5.0, 20.0)), (1.0, 0.2)),
        (((3.0, 10.0), (2.0, 20.0)), (3.0, 0.0)),
        (((1.0, 10.0), (9.0, 20.0)), (0.0, 0.45)),
        (((1.0, 10.0), (2.0, 10.0)), (2.0, 0.0)),
    ],
    ids=["rising", "falling", "steep", "equal amounts"],
)
def test_the_line_through_two_points_is_never_negative(points, expected):
    assert line(*points) == pytest.approx(expected)


def numbers(cost):
    return cost.fixed_seconds, cost.seconds_per_user, cost.seconds_per_record, cost.exact


@pytest.fixture
def clock(monkeypatch):
    """Lets every action take what the toy says, instead of what it takes."""
    taken = {"seconds": lambda method: 0.0}

    def measured(action):
        outcome = action()
        return outcome, Cost(taken["seconds"](), 0.0, 0, None)

    monkeypatch.setattr(calibration, "measured", measured)
    return taken


def test_calibration_finds_what_an_operator_takes_and_leaves_the_model_alone(clock):
    log, method = small_log(), Edits()
    fitted = at_start(requests_to_leave(), log)
    clock["seconds"] = lambda: 2.0 + 0.1 * len(method.forgets[-1])
    cost = calibrated_cost(method, None, fitted, seed=0, n_users=(1, 4))
    assert numbers(cost) == pytest.approx((2.0, 0.0, 0.1, False))
    assert [len(ids) for ids in method.forgets] == [5, 5, 5, 20, 20, 20]
    assert len(fitted.records) == len(log)
    by_user = calibrated_cost(Exact(method.fits, method.forgets), None, fitted, seed=0, n_users=(1, 4), by="user")
    assert numbers(by_user) == pytest.approx((2.0, 0.5, 0.0, True))


def test_calibration_of_shards_counts_the_records_trained_on_again(clock):
    method = Shards()
    clock["seconds"] = lambda: 1.0 + 0.02 * 150 * min(1.0, 0.1 * len(method.forgets[-1]) / 5)
    cost = calibrated_cost(method, None, at_start(requests_to_leave(), small_log()), seed=0, n_users=(1, 4), by="user")
    assert numbers(cost) == pytest.approx((1.0, 0.0, 0.02, True))


def test_training_is_calibrated_on_two_shares_of_the_users(clock):
    method = Edits()
    clock["seconds"] = lambda: 3.0 + 0.5 * len(method.fits[-1])
    cost = calibrated_training(method, None, small_log(), seed=0, shares=(0.1, 0.5))
    assert [len(ids) for ids in method.fits] == [15, 75]
    assert numbers(cost) == pytest.approx((3.0, 0.0, 0.5, True))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_users": (3, 3)}, r"n_users must be two sizes that ascend from 1, got \(3, 3\)"),
        ({"n_users": (1, 30)}, r"n_users=\(1, 30\) needs more than 30 users with records, there are 30: ask for fewer"),
        ({"repeats": 0}, "repeats must be >= 1, got 0"),
        ({"by": "item"}, "by must be 'user' or 'record', got 'item'"),
    ],
    ids=["sizes", "too few users", "repeats", "by"],
)
def test_calibration_refuses_what_cannot_be_measured(settings, message):
    with pytest.raises(SettingsError, match=message):
        calibrated_cost(Edits(), None, at_start(requests_to_leave(), small_log()), seed=0, **settings)


@pytest.mark.parametrize(
    ("shares", "message"),
    [((0.5, 0.2), "shares must be two that ascend within"), ((0.01, 0.2), "are 0 and 6 users: ask for larger shares")],
    ids=["falling", "too few users"],
)
def test_training_is_not_calibrated_on_shares_that_do_not_ascend(shares, message):
    with pytest.raises(SettingsError, match=message):
        calibrated_training(Edits(), None, small_log(), seed=0, shares=shares)

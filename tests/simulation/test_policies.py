"""Policies say what they are, and refuse what cannot be meant."""

from __future__ import annotations

import pytest

from r2u_rec.errors import SettingsError
from r2u_rec.simulation.policies import READY, Policy, ready


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (Policy("now"), "now: starts from standard training; erases by whatever the cost model finds best, at once."),
        (
            Policy("some", "newton", "prepared", batch=20, margin_days=1),
            "some: starts from prepared training; erases by newton, when those of 20 users wait, but nothing is left waiting later "
            "than 1 day before it is due.",
        ),
        (
            Policy("shards", among="sharded"),
            "shards: starts from standard training; erases by sharded or by training again, as the cost model finds best, at once.",
        ),
        (
            Policy("weekly", "retrain", every_days=7, batch=3),
            "weekly: starts from standard training; erases by training again, every 7 days if those of 3 users wait, but nothing is "
            "left waiting later than 3 days before it is due.",
        ),
        (
            Policy("late", by_deadline=True, drift_budget=0.05),
            "late: starts from standard training; erases by whatever the cost model finds best, all together when the first is 3 days "
            "from its due time; trains again before more than 0.05 of the trained records was erased approximately.",
        ),
        (
            Policy("never", "none", retrain_every_days=30, reprepare_every_days=14),
            "never: starts from standard training; never erases anything; trains again every 30 days; prepares again every 14 days.",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Policy) else "",
)
def test_a_policy_describes_itself_in_one_sentence(policy, sentence):
    assert policy.describe() == sentence


def test_every_ready_policy_is_found_under_its_name_and_describes_itself():
    assert list(READY) == ["at once", "batches", "weekly", "by deadline", "never", "always retrain", "auto"]
    for name, policy in READY.items():
        assert ready(name) == policy
        assert policy.describe().startswith(f"{name}: ")
        assert policy.describe().count(".") == policy.describe().rstrip(".").count(".") + 1


def test_a_ready_policy_takes_changes():
    assert ready("batches", batch=5, name="fives") == Policy("fives", batch=5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": " "}, "name of a policy must be text, got ' ': give it a name"),
        ({"operator": "edit", "among": "edit"}, "among names the operator that operator=.auto. may choose .* leave it out"),
        ({"among": "retrain"}, "got among='retrain' with operator='auto'"),
        ({"operator": 3}, "operator of a policy must be text, got 3"),
        ({"batch": 0}, "batch must be a whole number >= 1, got 0: 1 carries out every request at once"),
        ({"batch": 2.5}, "batch must be a whole number >= 1, got 2.5"),
        ({"batch": True}, "batch must be a whole number >= 1, got True"),
        ({"every_days": 0}, "every_days must be a number of days, at least one second, or None, got 0: 7 is weekly"),
        ({"retrain_every_days": float("nan")}, "retrain_every_days must be a number of days, at least one second, or None, got nan"),
        ({"reprepare_every_days": -1}, "reprepare_every_days must be a number of days, at least one second, or None, got -1"),
        ({"margin_days": 28}, r"margin_days must lie in \[0, 28\), got 28: a request is due one month after receipt"),
        ({"warn_days": -1}, r"warn_days must lie in \[0, 28\), got -1"),
        ({"drift_budget": 1.5}, r"drift_budget must be a share in \[0, 1\] or None for no limit, got 1.5"),
        ({"by_deadline": True, "batch": 2}, "by_deadline=True waits for the due time alone, got batch=2 beside it: leave one of them out"),
        ({"by_deadline": True, "every_days": 7}, "by_deadline=True waits for the due time alone, got every_days=7 beside it"),
        ({"operator": "none", "batch": 2}, 'operator="none" never erases, so that batch, every_days and by_deadline have no use'),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_value_out_of_bounds_is_refused_with_its_remedy(fields, message):
    with pytest.raises(SettingsError, match=message):
        Policy(**({"name": "x"} | fields))


def test_an_unknown_ready_policy_or_field_suggests_the_nearest():
    with pytest.raises(SettingsError, match="unknown ready policy 'weekli'; did you mean 'weekly'"):
        ready("weekli")
    with pytest.raises(SettingsError, match="unknown ready policy 'xyz'; there are at once, batches,"):
        ready("xyz")
    with pytest.raises(SettingsError, match="unknown field of a policy 'margindays'; did you mean 'margin_days'"):
        ready("weekly", margindays=2)

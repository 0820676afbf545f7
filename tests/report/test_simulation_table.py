"""Every figure of the table to choose by equals a naive count over the rows."""

from __future__ import annotations

import io
import statistics
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from report_toys import END, POLICIES, SEEDS, START, at_end, make_simulation

from r2u_rec.errors import EvidenceError
from r2u_rec.report.columns import column
from r2u_rec.report.simulation.table import (
    COSTS,
    KEPT,
    LEFT,
    TIMES,
    always_retraining,
    choose_table,
    erased_by,
    hours_until,
    line_of,
    print_choose_table,
    seed_rows,
)


@pytest.fixture(scope="module")
def sim():
    return make_simulation()


@pytest.fixture(scope="module")
def table(sim):
    return choose_table(sim)


@pytest.fixture(scope="module")
def records(sim):
    return {name: getattr(sim, name).to_dict("records") for name in ("requests", "batches", "checkpoints")}


def over_seeds(rows, policy, count):
    """Mean and standard deviation over seeds of what `count` says of the rows of each, as dictionaries."""
    found = [count([row for row in rows if row["policy"] == policy and row["seed"] == seed]) for seed in SEEDS]
    return statistics.fmean(found), statistics.stdev(found)


def last(name):
    return lambda rows: max(rows, key=lambda row: row["time"])[name]


def total(name):
    return lambda rows: sum(row[name] for row in rows)


NAIVE = {
    "NDCG@20": ("checkpoints", last("ndcg")),
    "ndcg_share": ("checkpoints", last("ndcg_share")),
    "imprint_end": ("checkpoints", last("auc")),
    "imprint_worst": ("checkpoints", lambda rows: max(row["auc"] for row in rows)),
    "adaptive_end": ("checkpoints", last("adaptive_auc")),
    "overlap": ("checkpoints", last("overlap")),
    "overlap_floor": ("checkpoints", last("overlap_floor")),
    "waiting_end": ("checkpoints", last("n_waiting")),
    "snapshot_mean": ("batches", lambda rows: statistics.fmean(row["snapshot_auc"] for row in rows)),
    "snapshot_worst": ("batches", lambda rows: max(row["snapshot_auc"] for row in rows)),
    "misses": ("requests", total("late")),
    "misses_share": ("requests", lambda rows: sum(row["late"] for row in rows) / len(rows)),
    "warnings": ("requests", total("warned")),
    "cpu_per_month": ("batches", lambda rows: sum(row["cpu_seconds"] for row in rows) / ((END - START) / (365.25 / 12 * 86_400))),
    "trainings": ("batches", total("retrained")),
}


@pytest.mark.parametrize("name", NAIVE)
def test_a_figure_equals_the_naive_count(records, table, name):
    frame, count = NAIVE[name]
    for policy in ("at once", "weekly batches", "by deadline", "auto", "retrain"):
        found = line_of(table, policy).figures[name]
        assert (found.mean, found.sd) == pytest.approx(over_seeds(records[frame], policy, count))


def test_cost_relative_to_always_retraining_is_taken_seed_by_seed(sim, table):
    def spent(policy, seed):
        return sum(row["cpu_seconds"] for row in sim.part("batches", policy, seed).to_dict("records"))

    shares = [spent("auto", seed) / spent("retrain", seed) for seed in SEEDS]
    found = line_of(table, "auto").figures["cpu_share"]
    assert (found.mean, found.sd) == pytest.approx((statistics.fmean(shares), statistics.stdev(shares)))
    assert line_of(table, "retrain").figures["cpu_share"].mean == 1.0


def test_peak_memory_is_the_largest_of_batches_and_checkpoints(sim, table):
    peaks = [max(*sim.part("batches", "auto", s)["rss_bytes"], *sim.part("checkpoints", "auto", s)["rss_bytes"]) / 1e9 for s in SEEDS]
    assert line_of(table, "auto").figures["peak_gb"].mean == pytest.approx(statistics.fmean(peaks))
    assert line_of(table, "never").figures["peak_gb"].mean == pytest.approx(0.95)  # a policy without batches has checkpoints


def naive_kaplan_meier(hours, waited, share):
    """First time at which the product of what survives each finish falls to 1 - share."""
    surviving = 1.0
    for t in sorted(set(hours)):
        at_risk = sum(h >= t for h in hours) + sum(w >= t for w in waited)
        surviving *= 1 - sum(h == t for h in hours) / at_risk
        if 1 - surviving >= share - 1e-9:
            return t
    return None


@pytest.mark.parametrize("share", [0.5, 0.95])
@pytest.mark.parametrize("policy", ["at once", "by deadline", "auto"])
def test_hours_to_erase_count_those_who_wait_as_taking_longer(sim, policy, share):
    for seed in SEEDS:
        rows = sim.part("requests", policy, seed).to_dict("records")
        hours = [row["hours"] for row in rows if row["hours"] == row["hours"]]
        waited = [(END - row["received"]) / 3600 for row in rows if row["hours"] != row["hours"]]
        assert hours_until(pd.DataFrame(rows), END, share) == pytest.approx(naive_kaplan_meier(hours, waited, share))


def test_without_anybody_waiting_hours_are_the_plain_percentile():
    hours = np.random.default_rng(3).exponential(10.0, 83)
    requests = pd.DataFrame({"hours": hours, "received": START})
    for share in (0.5, 0.95):
        assert hours_until(requests, END, share) == pytest.approx(np.percentile(hours, 100 * share, method="inverted_cdf"))


def test_hours_are_not_given_where_too_few_were_carried_out():
    requests = pd.DataFrame({"hours": [1.0, 2.0, None, None, None], "received": START})
    assert hours_until(requests, END, 0.4) == 2.0
    assert hours_until(requests, END, 0.5) is None
    assert [len(part) for part in erased_by(requests.iloc[2:], END)] == [0, 0]


def test_there_is_a_line_a_policy_in_their_order_and_the_end_that_never_erases_reaches_nothing(table):
    assert [line.names["policy"] for line in table.lines] == list(POLICIES)
    never = line_of(table, "never").figures
    assert (never["hours_p50"], never["hours_p95"], never["snapshot_mean"]) == (None, None, None)
    assert (never["cpu_per_month"].mean, never["trainings"].mean) == (0.0, 0.0)
    assert never["misses"].mean > 300


def test_a_figure_that_is_missing_in_one_seed_is_left_out_for_the_policy():
    table = choose_table(make_simulation(edit=at_end("auto", auc=[0.52, np.nan])))
    assert line_of(table, "auto").figures["imprint_end"] is None
    assert line_of(table, "retrain").figures["imprint_end"].n == 2


def test_one_seed_has_means_and_no_spread():
    figures = line_of(choose_table(make_simulation(seeds=(1,))), "auto").figures
    assert figures["imprint_end"].sd is None
    assert figures["imprint_end"].n == 1


def test_of_several_policies_that_retrain_the_one_that_does_most_often_is_the_end():
    monthly = {**POLICIES, "auto": {"operator": "retrain", "every_days": 30}}
    assert always_retraining(make_simulation(policies=monthly)) == "retrain"


@pytest.mark.parametrize(("end", "operator", "what"), [("never", "none", "never erases"), ("retrain", "retrain", "always retrains")])
def test_without_one_of_the_two_ends_there_is_no_table(end, operator, what):
    changed = {**POLICIES, end: {"operator": "block Newton"}}
    with pytest.raises(EvidenceError, match=rf"no policy {what}: there are never, at once.*simulate one with operator '{operator}' too"):
        choose_table(make_simulation(policies=changed))


def test_without_the_cost_of_retraining_there_is_no_table():
    def free(frames):
        frames["batches"].loc[frames["batches"]["policy"] == "retrain", "cpu_seconds"] = 0.0
        frames["checkpoints"].loc[frames["checkpoints"]["policy"] == "retrain", "cpu_seconds_so_far"] = 0.0

    with pytest.raises(EvidenceError, match=r"policy 'retrain', seed 1 took 0 CPU seconds: costs relative to always retraining need its"):
        choose_table(make_simulation(edit=free))


def test_the_terminal_holds_the_cells_of_the_table(sim, table):
    out = io.StringIO()
    print_choose_table(sim, file=out)
    for line in table.lines:
        assert all(cell in out.getvalue() for cell in table.cells(line))
    assert max(map(len, out.getvalue().splitlines())) < 140
    assert [text for text in out.getvalue().splitlines() if text and text[0].isupper()] == [
        "What is kept",
        "What is left of the erased",
        "How long they wait",
        "What it costs",
    ]


@pytest.mark.parametrize("name", ["policy", *KEPT, *LEFT, *TIMES, *COSTS])
def test_every_column_has_a_label_and_a_definition(name):
    assert len(column(name).definition) > 30
    assert column(name).label != name or name in ("policy", "overlap", "trainings")


def test_a_row_a_policy_and_seed_goes_into_the_table(sim):
    assert [(row["policy"], row["seed"]) for row in seed_rows(sim)] == [(policy, seed) for policy in POLICIES for seed in SEEDS]

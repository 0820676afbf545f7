"""Promises of a simulation: the same for the same seed, nothing left behind, a closed form stays exact, faults named at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from simulation_toys import START, Edits, Exact, Model, at_start, requests_to_leave, run, small_log, stream_of

from r2u_rec.core.protocols import Fitted
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.simulation.cost_model import OperatorCost
from r2u_rec.simulation.outcome import MEASURED, joined_outcomes
from r2u_rec.simulation.policies import DAY, READY, Policy
from r2u_rec.simulation.requests import Request
from r2u_rec.simulation.simulator import simulate_stream
from r2u_rec.simulation.stream import Return
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.retrain import Retrain

COST = {"retrain": OperatorCost(0, 0, 0.01, True), "ease": OperatorCost(0.1, 0.01, 0, True), "ascent": OperatorCost(0.1, 0, 0.001, False)}


def busy_stream(days=60):
    """Requests of every kind, late records, and people who come back."""
    log = small_log()
    asks = [Request(i, START + (i * 3 + 1) * DAY, "user", user=100 + 2 * i) for i in range(12)]
    asks.append(Request(12, START + 38 * DAY, "item", item="item 3"))
    asks.append(Request(13, START + 39 * DAY, "interaction", user=101, item=log.item_keys.key(log.item[5])))
    asks.append(Request(14, START + 41 * DAY, "window", since=int(log.time[140]), until=int(log.time[144])))
    late = [(day, 149 - day) for day in range(1, 30)]
    returns = [Return(START + 9 * DAY, 100, 900, 0.6), Return(START + 30 * DAY, 104, 901, 1.0)]
    return stream_of(asks, late, returns, days=days)


@pytest.mark.parametrize("policy", READY.values(), ids=lambda policy: policy.name)
def test_a_closed_form_equals_one_fitted_on_what_remains(policy):
    log, stream, seen = small_log(), busy_stream(), []
    ease = Ease(reg=3.0)
    initial = ease.fit(None, log.keep(stream.known(log, stream.start)), seed=0)
    methods = {"ease": ease, "retrain": ease}
    simulate_stream(
        stream, policy, log, None, methods, initial, costs=COST, seed=0, checkpoints=[stream.end], observe=lambda m: seen.append(m) or {}
    )
    model, records = seen[0].fitted.model, seen[0].fitted.records
    assert np.allclose(model.weights, ease.fit(None, records, seed=1).model.weights, rtol=0, atol=1e-8)
    assert (policy.name == "never") == (len(records) == len(initial.records))


@pytest.mark.parametrize("retrain_every_days", [None, 7.0], ids=["never trained again", "trained every week"])
@pytest.mark.parametrize("policy", ["at once", "batches", "weekly", "by deadline", "always retrain", "auto"])
def test_nothing_erased_is_ever_in_the_model_again(policy, retrain_every_days):
    log, stream = small_log(), busy_stream()
    gone: set[int] = set()
    keys_gone: set[int] = set()

    def on_batch(event):
        gone.update(event.ids.tolist())
        assert gone.isdisjoint(event.after.records.ids.tolist())
        assert set(event.ids.tolist()) <= set(event.before.records.ids.tolist())
        keys_gone.update(code for code in event.users.tolist() if event.after.records.user_counts[code] == 0)
        assert all(code in event.after.records.user_keys.empty for code in keys_gone)
        return {}

    found = run(
        stream, Policy(policy, **fields(policy), retrain_every_days=retrain_every_days), log, on_batch=on_batch, checkpoints=[stream.end],
        observe=lambda m: gone.update(m.erased.tolist()) or {"residue": len(gone & set(m.fitted.records.ids.tolist()))},
    )  # fmt: skip
    assert found.checkpoints["residue"].tolist() == [0]
    assert len(gone) > 20


def fields(name):
    return {f: getattr(READY[name], f) for f in ("operator", "batch", "every_days", "by_deadline", "drift_budget")}


def trained_outcome(seed):
    log, stream = small_log(), busy_stream()
    task = RankingTask(matrix_factorization(4))
    trainer = GradientTrainer(Training(epochs=1, batch_size=64), progress=False)
    ascent = PostHoc(trainer, GradientAscent(steps=2, lr=0.1))
    initial = ascent.fit(task, log.keep(stream.known(log, stream.start)), seed=0)
    return simulate_stream(
        stream,
        Policy("mixed", "ascent", batch=2, retrain_every_days=20, drift_budget=0.5),
        log,
        task,
        {"ascent": ascent, "retrain": Retrain(trainer)},
        initial,
        costs=COST,
        seed=seed,
        checkpoints=[START + 30 * DAY, stream.end],
        observe=lambda m: {"norm": float(m.fitted.model.item_embedding.weight.detach().norm()), "n": len(m.available)},
        on_batch=lambda event: {"moved": float((event.after.model.tables()[1] - event.before.model.tables()[1]).detach().norm())},
    )


def reproducible(outcome):
    """The tables without the columns that differ from run to run."""
    frames = (outcome.requests, outcome.batches, outcome.checkpoints)
    return [frame.drop(columns=[name for name in MEASURED if name in frame]) for frame in frames]


def test_the_same_seed_gives_the_same_tables_but_for_what_is_measured_and_another_seed_other_ones():
    first, again, other = trained_outcome(3), trained_outcome(3), trained_outcome(4)
    for one, two, three in zip(*map(reproducible, (first, again, other)), strict=True):
        pd.testing.assert_frame_equal(one, two)
        assert not one.drop(columns="seed").equals(three.drop(columns="seed")) or "received" in one
    assert first.checkpoints["norm"].tolist() != other.checkpoints["norm"].tolist()
    assert first.batches["moved"].tolist() != other.batches["moved"].tolist()
    assert first.requests.drop(columns="seed").equals(other.requests.drop(columns="seed"))  # who asks does not hang on this seed


def test_tables_of_several_simulations_are_joined_and_keep_their_types():
    both = joined_outcomes([trained_outcome(3), run(requests_to_leave((100, 1)), Policy("never", "none"), small_log())])
    assert both.requests["policy"].unique().tolist() == ["mixed", "never"]
    assert both.requests["finished"].dtype == "Int64"
    assert both.requests["finished"].isna().sum() == 2
    with pytest.raises(ValueError, match="there are 0 outcomes to join"):
        joined_outcomes([])


def refused(message, error=SettingsError):
    return pytest.raises(error, match=message)


def test_faults_of_the_call_are_named_before_anything_begins():
    log, stream, method = small_log(), requests_to_leave((100, 1)), Edits()
    cost = OperatorCost(0, 0, 0, exact=False)
    with refused("policy 'x' needs a method called 'newtom'; did you mean 'newton'"):
        run(stream, Policy("x", "newtom"), log, methods={"newton": method, "retrain": method})
    with refused("policy 'x' needs a method called 'retrain'; there are edit"):
        run(stream, Policy("x", "edit"), log, methods={"edit": method})
    with refused("costs lack the operator 'edit', there are costs of retrain: measure it"):
        run(stream, Policy("x"), log, costs={"retrain": cost})
    with refused("the cost of 'edit' says it is exact, the method is approximate: set exact=False"):
        run(stream, Policy("x", "edit"), log, costs={"retrain": cost, "edit": OperatorCost(0, 0, 0, exact=True)})
    with refused("policy 'x' prepares again every 9 days, and no method is called 'reprepare'"):
        run(stream, Policy("x", "edit", reprepare_every_days=9), log)
    with refused(f"checkpoints must lie within the stream, {stream.start}..{stream.end}, got 5"):
        run(stream, Policy("x", "edit"), log, checkpoints=[5])
    with refused('a model trained by plain retraining would have none: pass the method that makes this memory under "retrain" too'):
        methods = {"edit": method, "retrain": Retrain(None)}
        initial = Fitted(Model(), log, memory=1)
        simulate_stream(stream, Policy("x"), log, None, methods, initial, costs=dict.fromkeys(methods, cost), seed=0)
    assert method.fits == method.forgets == []


def test_faults_of_the_data_are_named_before_anything_begins():
    log, method = small_log(), Edits()
    with refused("request 1 names the user 99, who is not in the data", DataError):
        run(requests_to_leave((100, 1), (99, 50)), Policy("x", "edit"), log, method=method)
    with refused("a request of a category needs the column that holds the categories", SettingsError):
        run(stream_of([Request(0, START, "category", category="Drama")]), Policy("x", "edit"), log, method=method)
    stream = stream_of(arrivals=[(1, 149)])
    with refused("the first model stands on 150 records, 149 are known at the start of the stream, 149 are in both: fit it on log.keep"):
        simulate_stream(stream, Policy("x", "none"), log, None, {"retrain": method}, at_start(requests_to_leave(), log), costs=COST, seed=0)
    with refused("77 is to come back, but is not in the log: name a user_key of the log"):
        run(stream_of(returns=[Return(START, 77, 900, 0.5)]), Policy("x", "edit"), log, method=method)
    with refused("100 is to come back as 101, a key that the log has already: name a new one"):
        run(stream_of(returns=[Return(START, 100, 101, 0.5)]), Policy("x", "edit"), log, method=method)
    assert method.fits == method.forgets == []


def test_a_figure_may_not_take_the_name_of_a_column():
    with refused("a figure is called 'why', as a column of the table is: give it another name"):
        run(requests_to_leave((100, 1)), Policy("x", "edit"), small_log(), on_batch=lambda event: {"why": 1})


def test_a_prepared_model_is_prepared_again_by_its_own_training():
    method = Exact()
    found = run(requests_to_leave(days=25), Policy("x", "edit", trained="prepared", reprepare_every_days=10), small_log(), method=method)
    assert found.batches["why"].tolist() == ["regular preparation every 10 days"] * 2
    assert len(method.fits) == 2


def test_progress_is_told_as_a_share_of_the_time_and_categories_reach_the_requests():
    log = small_log()
    info = pd.DataFrame({"genre": ["Drama Comedy", "Drama"] + ["War"] * 10})
    log = type(log)(log.ids, log.user, log.item, log.time, log.rating, log.user_keys, log.item_keys, None, info)
    shares: list[float] = []
    method = Edits()
    stream = stream_of([Request(0, START + 25 * DAY, "category", category="Drama")])
    run(stream, Policy("x", "edit"), log, method=method, categories="genre", progress=shares.append, checkpoints=[START + 50 * DAY])
    assert shares == [0.25, 0.5]
    assert method.forgets == [log.ids[log.item < 2].tolist()]

"""Gradient ascent climbs the forget loss as far as its settings say, and reads nothing else."""

from __future__ import annotations

import copy

import pytest
import torch
from unlearn_toys import Regress, Solver, measurements

from r2u_rec.core.protocols import Fitted
from r2u_rec.errors import CapabilityError, DivergenceError, SettingsError, UnknownRecordError
from r2u_rec.testing import LockedRecords
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.retrain import Retrain

TASK, RECORDS = Regress(), measurements()
FORGET = RECORDS.keep(RECORDS.ids[[3, 4, 17, 30, 31, 32, 59]])


def trained():
    return Solver().train(TASK, RECORDS, seed=0)


def losses(model, records=FORGET):
    with torch.no_grad():
        return TASK.losses(model, TASK.batch(records, records.ids, rng=None))


def edited(task=TASK, **settings):
    model = trained()
    GradientAscent(**{"steps": 10, "lr": 0.1, **settings}).edit_(task, model, FORGET, None, seed=0)
    return model


def climbed(model, n_steps, lr, *, optimizer=torch.optim.SGD, reduce=torch.mean):
    """The naive loop, by autograd."""
    moving = optimizer(model.parameters(), lr=lr, maximize=True)
    for _ in range(n_steps):
        moving.zero_grad()
        reduce(TASK.losses(model, TASK.batch(FORGET, FORGET.ids, rng=None))).backward()
        moving.step()
    return model


@pytest.mark.parametrize(("optimizer", "naive"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)])
@pytest.mark.parametrize(("reduction", "reduce"), [("mean", torch.mean), ("sum", torch.sum)])
def test_it_is_the_naive_loop(optimizer, naive, reduction, reduce):
    found = edited(optimizer=optimizer, reduction=reduction, lr=0.01)
    wanted = climbed(trained(), 10, 0.01, optimizer=naive, reduce=reduce)
    torch.testing.assert_close(found.rows, wanted.rows, atol=1e-12, rtol=0)


def test_the_forget_loss_rises_with_every_step_and_no_gradient_is_left():
    means = [float(losses(edited(steps=n)).mean()) for n in (1, 5, 10, 20)]
    assert float(losses(trained()).mean()) < means[0] < means[1] < means[2] < means[3]
    assert all(p.grad is None for p in edited().parameters())


@pytest.mark.parametrize(("bound", "level"), [("cap", 3.0), ("soft", 3.0)])
def test_a_bound_stops_the_climb_however_long_it_runs(bound, level):
    short, long = (float(losses(edited(steps=n, lr=0.2, bound=bound, bound_level=level)).max()) for n in (200, 400))
    assert level < long < short * 1.5
    assert float(losses(edited(steps=200, lr=0.2)).max()) > 100 * long
    with pytest.raises(
        DivergenceError, match=r"the forget loss is (inf|nan) after \d+ ascent steps of lr=2: lower lr, set a bound or a target"
    ):
        edited(steps=2000, lr=2.0)


def test_the_target_stops_before_the_first_step_past_it():
    wanted = next(n for n in range(50) if float(losses(climbed(trained(), n, 0.1)).mean()) >= 2.0)
    assert wanted > 1
    torch.testing.assert_close(edited(steps=50, target=2.0).rows, climbed(trained(), wanted, 0.1).rows, atol=1e-12, rtol=0)


def test_a_target_already_reached_moves_nothing():
    assert torch.equal(edited(target=0.0).rows, trained().rows)


class Knowing(Regress):
    """The same task, which says what a model scores that knows nothing."""

    def chance(self, records):
        assert records.ids.tolist() == FORGET.ids.tolist()
        return 2.0


def test_the_target_chance_is_the_tasks_own_level():
    assert torch.equal(edited(Knowing(), steps=50, target="chance").rows, edited(steps=50, target=2.0).rows)


def test_chance_needs_a_task_that_knows_it_and_says_so_before_training():
    said = r"target='chance' needs a task with chance\(records\), Regress has none: give the target in nats"
    with pytest.raises(CapabilityError, match=said):
        edited(target="chance")
    with pytest.raises(CapabilityError, match=said):
        PostHoc(None, GradientAscent(steps=1, lr=0.1, target="chance")).fit(TASK, RECORDS, seed=0)


def test_a_stop_rule_hears_model_steps_done_and_loss():
    heard = []

    def stop(model, done, mean):
        heard.append((done, mean == pytest.approx(float(losses(model).mean()))))
        return done == 4

    torch.testing.assert_close(edited(stop=stop).rows, climbed(trained(), 4, 0.1).rows, atol=1e-12, rtol=0)
    assert heard == [(n, True) for n in range(5)]


def test_only_the_tables_named_move():
    model = edited(tables=("bias",))
    assert torch.equal(model.rows, trained().rows)
    assert not torch.equal(model.bias, trained().bias)
    with pytest.raises(SettingsError, match=r"tables=\['cols'\] matches no trainable parameter: name some of \['rows', 'bias'\]"):
        edited(tables=("cols",))


def test_batches_hold_so_many_of_the_forgotten_and_repeat_with_the_seed():
    sizes = []

    class Noting(Regress):
        def batch(self, records, ids, *, rng):
            sizes.append(len(set(ids.tolist())))
            return super().batch(records, ids, rng=rng)

    assert torch.equal(edited(Noting(), batch_size=3).rows, edited(batch_size=3).rows)
    assert sizes == [3] * 10
    assert torch.equal(edited(batch_size=99).rows, edited().rows)


def test_the_old_model_stays_and_what_remains_is_never_read():
    method = PostHoc(Solver(), GradientAscent(steps=5, lr=0.1))
    before = method.fit(TASK, RECORDS, seed=0)
    untouched = copy.deepcopy(before.model.state_dict())
    after = method.forget(TASK, Fitted(before.model, LockedRecords(RECORDS), before.memory), FORGET.ids, seed=0)
    assert all(torch.equal(value, untouched[name]) for name, value in before.model.state_dict().items())
    torch.testing.assert_close(after.model.rows, climbed(trained(), 5, 0.1).rows, atol=1e-12, rtol=0)
    assert after.model.attached_to.tolist() == after.records.ids.tolist() == RECORDS.drop(FORGET.ids).ids.tolist()
    assert after.memory is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps must be >= 1, got 0"),
        ({"lr": 0.0}, "lr must be > 0, got 0.0"),
        ({"batch_size": 0}, "batch_size must be >= 1 or None, got 0"),
        ({"optimizer": "lion"}, "optimizer must be one of sgd, adam, got 'lion'"),
        ({"reduction": "max"}, "reduction must be one of mean, sum, got 'max'"),
        ({"bound": "wall"}, "bound must be one of none, cap, chance, soft, got 'wall'"),
        ({"target": "luck"}, "target must be a number of nats, 'chance' or None, got 'luck'"),
        ({"bound": "chance"}, "bound='chance' needs bound_level > 0, got None"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        GradientAscent(**{"steps": 1, "lr": 0.1, **settings})


@pytest.mark.parametrize("method", [Retrain(Solver()), PostHoc(Solver(), GradientAscent(steps=1, lr=0.1))], ids=["retrain", "post hoc"])
def test_forgetting_nothing_returns_what_was_given_and_unknown_ids_raise(method):
    before = method.fit(TASK, RECORDS, seed=0)
    assert method.forget(TASK, before, [], seed=0) is before
    after = method.forget(TASK, before, FORGET.ids, seed=0)
    with pytest.raises(UnknownRecordError, match="already forgotten"):
        method.forget(TASK, after, FORGET.ids[:1], seed=0)
    with pytest.raises(ValueError, match="ids must be unique"):
        method.forget(TASK, before, [1, 1], seed=0)


def test_retraining_is_training_on_what_remains():
    method = Retrain(Solver())
    after = method.forget(TASK, method.fit(TASK, RECORDS, seed=0), FORGET.ids, seed=0)
    assert torch.equal(after.model.rows, Solver().train(TASK, RECORDS.drop(FORGET.ids), seed=0).rows)
    assert (Retrain.exact, PostHoc.exact) == (True, False)

"""Edits that read what remains: going on training, and ascents with a retain term, are what their names say."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from unlearn_toys import Regress, Solver, measurements

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.errors import CapabilityError, DivergenceError, SettingsError
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.preference import NegativePreference, preference_loss
from r2u_rec.unlearn.retain_regularised import RetainRegularised
from r2u_rec.unlearn.tuned import FineTune, Tuned

RECORDS = measurements()
FORGET = RECORDS.ids[[3, 4, 17, 30, 31, 32, 59]]
GONE, LEFT = RECORDS.keep(FORGET), RECORDS.drop(FORGET)
ASCENTS = {"ascent": GradientAscent(steps=6, lr=0.1), "preference": NegativePreference(steps=6, lr=0.1, beta=2.0)}


class Penalised(Regress):
    def objective(self, model, batch):
        return self.losses(model, batch), self.reg / 2 * model.rows[batch[0]].square().sum((1, 2))


TASK = Penalised()


def forgotten(tuner, task=TASK, seed=1):
    method = Tuned(Solver(), tuner)
    return method.forget(task, method.fit(task, RECORDS, seed=0), FORGET, seed=seed).model


def naive(n_steps, weight, forget_term, retain_term):
    """-forget + weight * retained, both means over all their records, by autograd and plain steps of .1."""
    model = Solver().train(TASK, RECORDS, seed=0)
    moving = torch.optim.SGD(model.parameters(), lr=0.1)
    batches = [TASK.batch(r, r.ids, rng=None) for r in (GONE, LEFT)]
    reference = TASK.losses(model, batches[0]).detach()
    for _ in range(n_steps):
        moving.zero_grad()
        value = forget_term(TASK.losses(model, batches[0]), reference) + weight * retain_term(model, batches[1])
        value.backward()
        moving.step()
    return model


def objective_mean(model, batch):
    losses, penalties = TASK.objective(model, batch)
    return (losses + penalties).mean()


FORGET_TERMS = {
    "ascent": lambda losses, reference: -losses.mean(),
    "preference": lambda losses, reference: preference_loss(losses, reference, 2.0).mean(),
}


@pytest.mark.parametrize("name", ASCENTS)
@pytest.mark.parametrize("weight", [0.0, 0.7, 3.0])
def test_the_retain_term_is_the_mean_objective_of_what_remains_times_its_weight(name, weight):
    found = forgotten(RetainRegularised(ASCENTS[name], weight=weight))
    wanted = naive(6, weight, FORGET_TERMS[name], objective_mean)
    torch.testing.assert_close(found.rows, wanted.rows, atol=1e-12, rtol=0)
    torch.testing.assert_close(found.bias, wanted.bias, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ASCENTS)
def test_without_weight_it_is_the_ascent_alone(name):
    alone = PostHoc(Solver(), ASCENTS[name])
    wanted = alone.forget(TASK, alone.fit(TASK, RECORDS, seed=0), FORGET, seed=1).model
    assert torch.equal(forgotten(RetainRegularised(ASCENTS[name], weight=0.0)).rows, wanted.rows)


def test_a_bounded_ascent_stays_bounded_and_its_retain_term_does_not():
    bounded = GradientAscent(steps=200, lr=0.1, bound="cap", bound_level=1.0)
    losses = TASK.losses(forgotten(RetainRegularised(bounded, weight=1.0)), TASK.batch(GONE, FORGET, rng=None))
    assert float(losses.detach().mean()) < 5
    above = GradientAscent(steps=1, lr=0.1, bound="cap", bound_level=1e-9)  # every loss lies above: the ascent alone does not move
    assert torch.equal(forgotten(RetainRegularised(above, weight=0.0)).rows, Solver().train(TASK, RECORDS, seed=0).rows)
    wanted = naive(1, 1.0, lambda losses, reference: 0 * losses.sum(), objective_mean)
    torch.testing.assert_close(forgotten(RetainRegularised(above, weight=1.0)).rows, wanted.rows, atol=1e-12, rtol=0)


def test_each_step_draws_other_retained_records_and_the_same_seed_the_same():
    seen = []

    class Noting(Penalised):
        def objective(self, model, batch):
            seen.append(batch[2])
            return super().objective(model, batch)

    forgotten(RetainRegularised(ASCENTS["ascent"], batch_size=5), Noting())
    assert [len(batch) for batch in seen] == [5] * 6
    assert not torch.equal(seen[0], seen[1])
    first = list(seen)
    forgotten(RetainRegularised(ASCENTS["ascent"], batch_size=5), Noting())
    assert all(torch.equal(a, b) for a, b in zip(first, seen[6:], strict=True))
    forgotten_targets = {float(y) for y in GONE.targets.ravel()}
    assert not forgotten_targets & {float(y) for batch in seen for y in batch.flatten()}


def test_only_the_tables_of_the_ascent_move():
    model = forgotten(RetainRegularised(GradientAscent(steps=3, lr=0.1, tables=("bias",))))
    assert torch.equal(model.rows, Solver().train(TASK, RECORDS, seed=0).rows)
    assert float(model.bias.detach().abs()) > 0


def test_the_stop_rule_hears_the_forget_loss_alone():
    heard = []

    def stop(model, done, mean):
        heard.append(mean)
        return done == 2

    forgotten(RetainRegularised(GradientAscent(steps=6, lr=0.1, stop=stop), weight=50.0))
    assert len(heard) == 3
    with torch.no_grad():
        before = TASK.losses(Solver().train(TASK, RECORDS, seed=0), TASK.batch(GONE, FORGET, rng=None)).mean()
    assert heard[0] == pytest.approx(float(before))


def test_nobody_left_means_no_retain_term():
    method = Tuned(Solver(), RetainRegularised(ASCENTS["ascent"]))
    after = method.forget(TASK, method.fit(TASK, RECORDS, seed=0), RECORDS.ids, seed=1)
    alone = PostHoc(Solver(), ASCENTS["ascent"])
    assert torch.equal(after.model.rows, alone.forget(TASK, alone.fit(TASK, RECORDS, seed=0), RECORDS.ids, seed=1).model.rows)


def test_fine_tuning_is_training_on_what_remains_from_where_the_model_stands():
    trainer = GradientTrainer(Training(epochs=3, batch_size=10, lr=0.01))
    wanted = Solver().train(TASK, RECORDS, seed=0)
    trainer.train_on_(TASK, LEFT, wanted, seed=1)
    found = forgotten(FineTune(trainer))
    assert torch.equal(found.rows, wanted.rows)
    assert not torch.equal(found.rows, Solver().train(TASK, RECORDS, seed=0).rows)


def test_fine_tuning_attaches_before_it_trains_and_reads_no_forgotten_record():
    stood_on, read = [], set()

    class Watched(Penalised):
        def batch(self, records, ids, *, rng):
            read.update(ids.tolist())
            return super().batch(records, ids, rng=rng)

        def objective(self, model, batch):
            stood_on.append(model.attached_to.tolist())
            return super().objective(model, batch)

    forgotten(FineTune(GradientTrainer(Training(epochs=1, batch_size=20, lr=0.01))), Watched())
    assert read == set(LEFT.ids.tolist())
    assert all(ids == LEFT.ids.tolist() for ids in stood_on)


def test_a_trainer_that_cannot_go_on_is_refused():
    with pytest.raises(CapabilityError, match="fine-tuning needs a trainer that can continue from a model, Solver has no train_on_"):
        FineTune(Solver())


@dataclass(frozen=True)
class Keeps:
    """A tuner that keeps a list of ids."""

    def check(self, task):
        if not hasattr(task, "losses"):
            raise CapabilityError("no losses")

    def remember(self, task, model, records, *, seed):
        return records.ids

    def edit_(self, task, model, forget, left, memory, *, seed):
        with torch.no_grad():
            model.rows.add_(len(left))
        return np.setdiff1d(memory, forget.ids)


def test_the_combinator_hands_over_memory_and_checks_before_training():
    method = Tuned(Solver(), Keeps())
    after = method.forget(TASK, method.fit(TASK, RECORDS, seed=0), FORGET, seed=1)
    assert after.memory.tolist() == LEFT.ids.tolist()
    torch.testing.assert_close(after.model.rows, Solver().train(TASK, RECORDS, seed=0).rows + len(LEFT))
    with pytest.raises(CapabilityError, match="no losses"):
        method.fit(SimpleNamespace(), RECORDS, seed=0)
    with pytest.raises(CapabilityError, match="target='chance' needs a task with chance"):
        Tuned(Solver(), RetainRegularised(GradientAscent(steps=1, lr=0.1, target="chance"))).fit(TASK, RECORDS, seed=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": -1.0}, "weight of the retain term must be >= 0, got -1.0"),
        ({"batch_size": 0}, "batch_size must be >= 1 or None, got 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        RetainRegularised(ASCENTS["ascent"], **settings)


def test_a_retain_term_that_is_not_finite_raises():
    class Broken(Penalised):
        def objective(self, model, batch):
            return tuple(part / 0 for part in super().objective(model, batch))

    with pytest.raises(DivergenceError, match=r"the term beside the forget loss is inf after 0 ascent steps of lr=0.1: lower lr"):
        forgotten(RetainRegularised(ASCENTS["ascent"]), Broken())

"""Negative preference optimisation is the published formula, climbs, slows down, and keeps no reference."""

from __future__ import annotations

import copy
import gc
import math
import weakref

import pytest
import torch
from torch.nn.functional import logsigmoid
from unlearn_toys import Regress, Solver, measurements

from r2u_rec.core.protocols import Fitted
from r2u_rec.errors import CapabilityError, DivergenceError, SettingsError
from r2u_rec.testing import LockedRecords
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.preference import NegativePreference, preference_loss

TASK, RECORDS = Regress(), measurements()
FORGET = RECORDS.keep(RECORDS.ids[[3, 4, 17, 30, 31, 32, 59]])


def trained():
    return Solver().train(TASK, RECORDS, seed=0)


def mean(model):
    with torch.no_grad():
        return float(TASK.losses(model, TASK.batch(FORGET, FORGET.ids, rng=None)).mean())


def edited(unlearner=NegativePreference, task=TASK, **settings):
    model = trained()
    unlearner(**{"steps": 10, "lr": 0.1, **settings}).edit_(task, model, FORGET, None, seed=0)
    return model


def naive(n_steps, lr, beta):
    """Equation 3 as it is printed, -(2 / beta) E log sigmoid(-beta log(p / p_ref)), by autograd."""
    model, reference = trained(), trained()
    moving = torch.optim.SGD(model.parameters(), lr=lr)
    batch = TASK.batch(FORGET, FORGET.ids, rng=None)
    for _ in range(n_steps):
        moving.zero_grad()
        log_ratio = -TASK.losses(model, batch) + TASK.losses(reference, batch).detach()
        (-(2 / beta) * logsigmoid(-beta * log_ratio).mean()).backward()
        moving.step()
    return model


@pytest.mark.parametrize("beta", [0.1, 1.0, 5.0])
def test_it_is_equation_3_by_the_naive_loop(beta):
    torch.testing.assert_close(edited(beta=beta).rows, naive(10, 0.1, beta).rows, atol=1e-12, rtol=0)


def test_a_hand_computed_value():
    losses, reference = torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0])
    wanted = [2 / 0.5 * math.log(2), 2 / 0.5 * math.log1p(math.exp(-1.0))]
    assert preference_loss(losses, reference, 0.5).tolist() == pytest.approx(wanted)


def test_its_first_step_and_its_limit_at_small_beta_are_gradient_ascent():
    torch.testing.assert_close(edited(steps=1, beta=3.0).rows, edited(GradientAscent, steps=1).rows, atol=1e-12, rtol=0)
    torch.testing.assert_close(edited(steps=5, beta=1e-9).rows, edited(GradientAscent, steps=5).rows, atol=1e-6, rtol=0)


def test_it_climbs_ever_more_slowly_where_ascent_explodes():
    means = [mean(edited(steps=n, beta=1.0, lr=0.2)) for n in (0 + 1, 40, 80, 120)]
    assert mean(trained()) < means[0] < means[1] < means[2] < means[3]
    assert means[3] - means[2] < means[2] - means[1]
    assert mean(edited(GradientAscent, steps=120, lr=0.2)) > 100 * means[3]


@pytest.mark.parametrize("settings", [{"target": 1.5}, {"stop": lambda model, done, level: level >= 1.5}])
def test_target_and_stop_hear_the_tasks_own_loss(settings):
    wanted = next(n for n in range(60) if mean(naive(n, 0.1, 1.0)) >= 1.5)
    assert wanted > 1
    torch.testing.assert_close(edited(steps=60, beta=1.0, **settings).rows, naive(wanted, 0.1, 1.0).rows, atol=1e-12, rtol=0)


def test_target_chance_is_the_tasks_own_level_and_needs_a_task_that_knows_it():
    class Knowing(Regress):
        def chance(self, records):
            return 1.5

    assert torch.equal(edited(task=Knowing(), steps=60, target="chance").rows, edited(steps=60, target=1.5).rows)
    with pytest.raises(CapabilityError, match="target='chance' needs a task with chance"):
        PostHoc(None, NegativePreference(steps=1, lr=0.1, target="chance")).fit(TASK, RECORDS, seed=0)


def test_reference_and_model_see_the_same_draw_of_a_random_batch():
    class Jittered(Regress):
        def batch(self, records, ids, *, rng):
            rows, features, targets = super().batch(records, ids, rng=rng)
            return rows, features, targets + torch.from_numpy(rng.normal(size=targets.shape))

    seen = []

    class Noting(Jittered):
        def losses(self, model, batch):
            seen.append(batch[2])
            return super().losses(model, batch)

    edited(task=Noting(), steps=2)
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])


def test_the_old_model_stays_what_remains_is_never_read_and_no_reference_is_kept():
    copies = []

    class Watched(Regress):
        def losses(self, model, batch):
            if not any(p.requires_grad for p in model.parameters()):
                copies.append(weakref.ref(model))
            return super().losses(model, batch)

    method = PostHoc(Solver(), NegativePreference(steps=5, lr=0.1, beta=1.0))
    before = method.fit(Watched(), RECORDS, seed=0)
    untouched = copy.deepcopy(before.model.state_dict())
    after = method.forget(Watched(), Fitted(before.model, LockedRecords(RECORDS), before.memory), FORGET.ids, seed=0)
    assert all(torch.equal(value, untouched[name]) for name, value in before.model.state_dict().items())
    torch.testing.assert_close(after.model.rows, naive(5, 0.1, 1.0).rows, atol=1e-12, rtol=0)
    assert after.memory is None
    assert all(p.requires_grad and p.grad is None for p in after.model.parameters())
    gc.collect()
    assert copies
    assert all(one() is None for one in copies)


def test_only_the_tables_named_move_and_batches_and_adam_repeat_with_the_seed():
    model = edited(tables=("bias",))
    assert torch.equal(model.rows, trained().rows)
    assert not torch.equal(model.bias, trained().bias)
    assert torch.equal(edited(batch_size=3, optimizer="adam").rows, edited(batch_size=3, optimizer="adam").rows)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta": 0.0}, "beta must be > 0, got 0.0: for its limit at 0 use GradientAscent"),
        ({"steps": 0}, "steps must be >= 1, got 0"),
        ({"target": "luck"}, "target must be a number of nats, 'chance' or None, got 'luck'"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        NegativePreference(**{"steps": 1, "lr": 0.1, **settings})


def test_a_loss_that_is_not_finite_raises():
    class Broken(Regress):
        def losses(self, model, batch):
            return super().losses(model, batch) * math.inf

    with pytest.raises(DivergenceError, match="the forget loss is inf under negative preference optimisation: lower lr, or raise beta"):
        edited(task=Broken())

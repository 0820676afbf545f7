"""The mean loss that an ascent may stop at."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from unlearn_toys import Regress, Solver, measurements

from r2u_rec.errors import DivergenceError, SettingsError, UnknownRecordError
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.mean_loss import mean_loss

TASK, RECORDS = Regress(), measurements()
TRAINED, RESERVED = RECORDS.ids[:40], RECORDS.ids[40:]


def solved():
    return Solver().train(TASK, RECORDS.keep(TRAINED), seed=0)


def naive(model, ids):
    with torch.no_grad():
        return np.mean([float(TASK.losses(model, TASK.batch(RECORDS, np.array([i]), rng=None))) for i in ids])


@pytest.mark.parametrize("batch_size", [3, 7, 1000])
def test_it_is_the_mean_over_the_records_however_they_are_batched(batch_size):
    assert mean_loss(TASK, solved(), RECORDS, RESERVED, seed=0, batch_size=batch_size) == pytest.approx(naive(solved(), RESERVED))


def test_records_never_trained_on_stand_higher_and_are_a_target_that_ascent_reaches():
    model = solved()
    level = mean_loss(TASK, model, RECORDS, RESERVED, seed=0)
    forget = RECORDS.keep(TRAINED[:5])
    assert mean_loss(TASK, model, RECORDS, forget.ids, seed=0) < level
    GradientAscent(steps=200, lr=0.02, target=level).edit_(TASK, model, forget, None, seed=0)
    assert level <= mean_loss(TASK, model, RECORDS, forget.ids, seed=0) < 1.3 * level


@pytest.mark.parametrize("training", [True, False])
def test_the_model_comes_back_as_it_was(training):
    model = solved().train(training)
    mean_loss(TASK, model, RECORDS, RESERVED, seed=0)
    assert model.training is training
    assert all(p.grad is None for p in model.parameters())


def test_what_a_task_samples_repeats_with_the_seed():
    class Sampling(Regress):
        def losses(self, model, batch):
            return super().losses(model, batch[0]) * batch[1]

        def batch(self, records, ids, *, rng):
            return super().batch(records, ids, rng=rng), torch.from_numpy(rng.random(len(ids)))

    first, again, other = (mean_loss(Sampling(), solved(), RECORDS, RESERVED, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_nothing_unknown_or_infinite_has_a_mean_loss():
    with pytest.raises(SettingsError, match="the mean loss of 0 records is not defined: name some"):
        mean_loss(TASK, solved(), RECORDS, [], seed=0)
    with pytest.raises(UnknownRecordError):
        mean_loss(TASK, solved(), RECORDS.keep(TRAINED), RESERVED, seed=0)
    model = solved()
    with torch.no_grad():
        model.bias.fill_(torch.inf)
    with pytest.raises(DivergenceError, match="the mean loss of 20 records is inf: the model has diverged"):
        mean_loss(TASK, model, RECORDS, RESERVED, seed=0)

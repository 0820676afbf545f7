"""Influence is retraining where the objective is quadratic, its tangent with everything's curvature, and says what it cannot solve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from unlearn_toys import DIM, N_ROWS, Measurements, Regress, Solver, measurements, solved

from r2u_rec.errors import DivergenceError, SettingsError, UnknownRecordError
from r2u_rec.unlearn.curvature.influence import Influence
from r2u_rec.unlearn.curvature.solvers import ConjugateGradient, Neumann
from r2u_rec.unlearn.tuned import Tuned

RECORDS = measurements()
FORGET = RECORDS.ids[[3, 4, 17, 30, 31, 32, 59]]
LEFT = RECORDS.drop(FORGET)


class Penalised(Regress):
    """The regression whose objective has the penalty that the exact solver minimises too."""

    def objective(self, model, batch):
        return self.losses(model, batch), self.reg / 2 * model.rows[batch[0]].square().sum((1, 2))


TASK = Penalised()
EXACT = {"damping": 0.0, "tables": ("rows",), "solver": ConjugateGradient(tolerance=1e-12)}


def forgotten(task=TASK, records=RECORDS, trainer=None, **settings):
    method = Tuned(trainer or Solver(), Influence(**EXACT | settings))
    return method.forget(task, method.fit(task, records, seed=0), FORGET, seed=1).model.rows.detach()


def weighted(weight):
    """The exact minimiser when the request's records weigh `weight`, by row."""
    table = torch.zeros(N_ROWS, DIM, dtype=torch.float64)
    per_record = np.where(np.isin(RECORDS.ids, FORGET), weight, 1.0)
    for row in range(N_ROWS):
        at = RECORDS.rows == row
        w = np.broadcast_to(per_record[:, None], at.shape)[at]
        f, y = RECORDS.features[at], RECORDS.targets[at]
        table[row] = torch.from_numpy(np.linalg.solve((f.T * w) @ f + TASK.reg * w.sum() * np.eye(DIM), (f.T * w) @ y))
    return table


def test_one_step_with_the_curvature_of_what_remains_is_retraining():
    wanted = solved(LEFT, TASK.reg)
    torch.testing.assert_close(forgotten(), wanted, atol=1e-9, rtol=0)
    assert (solved(RECORDS, TASK.reg) - wanted).abs().max() > 1e-2


def test_one_step_with_the_curvature_of_everything_is_the_tangent_of_retraining_in_the_requests_weight():
    small = 1e-4
    tangent = (weighted(1 - small) - weighted(1 + small)) / (2 * small)
    torch.testing.assert_close(forgotten(hessian="all"), weighted(1.0) + tangent, atol=1e-6, rtol=0)
    assert (forgotten(hessian="all") - weighted(0.0)).abs().max() > 1e-2  # and not retraining


def test_halved_length_goes_half_the_way():
    before, after = solved(RECORDS, TASK.reg), forgotten()
    torch.testing.assert_close(forgotten(length=0.5), (before + after) / 2, atol=1e-9, rtol=0)


def test_damping_is_added_to_the_hessian_of_the_sum():
    """By the dense solve, row by row."""
    before, wanted = solved(RECORDS, TASK.reg), solved(RECORDS, TASK.reg)
    gone = RECORDS.keep(FORGET)
    for row in range(N_ROWS):
        f = LEFT.features[LEFT.rows == row]
        h = f.T @ f + (TASK.reg * len(f) + 3.0) * np.eye(DIM)
        at = gone.rows == row
        residual = gone.features[at] @ before[row].numpy() - gone.targets[at]
        g = gone.features[at].T @ residual + TASK.reg * at.sum() * before[row].numpy()
        wanted[row] += torch.from_numpy(np.linalg.solve(h, g))
    torch.testing.assert_close(forgotten(damping=3.0), wanted, atol=1e-9, rtol=0)


def test_pieces_of_any_size_give_the_same_step():
    torch.testing.assert_close(forgotten(batch_size=7), forgotten(), atol=1e-9, rtol=0)
    torch.testing.assert_close(forgotten(batch_size=7, hessian="all"), forgotten(hessian="all"), atol=1e-9, rtol=0)


def test_a_newton_step_makes_up_for_training_that_ended_early():
    class Early(Solver):
        def train(self, task, records, *, seed):
            model = super().train(task, records, seed=seed)
            with torch.no_grad():
                model.rows.add_(torch.from_numpy(np.random.default_rng(0).normal(size=(N_ROWS, DIM))))
            return model

    wanted = solved(LEFT, TASK.reg)
    torch.testing.assert_close(forgotten(trainer=Early(), stationary=False), wanted, atol=1e-9, rtol=0)
    assert (forgotten(trainer=Early()) - wanted).abs().max() > 0.1


def test_a_stream_of_single_requests_equals_the_joint_request():
    method = Tuned(Solver(), Influence(**EXACT))
    now = method.fit(TASK, RECORDS, seed=0)
    for at in np.random.default_rng(0).permutation(FORGET):
        now = method.forget(TASK, now, [at], seed=1)
    torch.testing.assert_close(now.model.rows.detach(), forgotten(), atol=1e-9, rtol=0)


def test_rows_that_may_not_move_stay_bit_for_bit_and_the_others_take_their_own_best_step():
    chosen = torch.tensor([2, 5])
    before, after = solved(RECORDS, TASK.reg), forgotten(rows=lambda task, model, forget, left: {"rows": chosen})
    others = np.setdiff1d(np.arange(N_ROWS), chosen)
    assert torch.equal(after[others], before[others])
    torch.testing.assert_close(after[chosen], solved(LEFT, TASK.reg)[chosen], atol=1e-9, rtol=0)


def test_replaced_labels_give_the_model_that_was_trained_on_them():
    """Regression on the mean of the targets that remain, in place of the request's own."""
    mean = float(LEFT.targets.mean())

    def replaced(task, model, batch, left):
        rows, features, targets = batch
        return task.losses(model, (rows, features, torch.full_like(targets, float(left.targets.mean()))))

    targets = np.where(np.isin(RECORDS.ids, FORGET)[:, None], mean, RECORDS.targets)
    wanted = solved(replace(RECORDS, targets=targets), TASK.reg)
    torch.testing.assert_close(forgotten(hessian="all", replaced=replaced), wanted, atol=1e-9, rtol=0)


class Neighbours(nn.Module):
    """A table whose rows are shrunk by how many records the model stands on: a loss depends on other records too."""

    def __init__(self):
        super().__init__()
        self.rows = nn.Parameter(torch.zeros(N_ROWS, DIM, dtype=torch.float64))
        self.bias = nn.Parameter(torch.zeros(1, dtype=torch.float64), requires_grad=False)
        self.scale = 1.0


class Spread(Penalised):
    def model(self, records, *, seed):
        return Neighbours()

    def losses(self, model, batch):
        rows, features, targets = batch
        return 0.5 * (model.scale * (model.rows[rows] * features).sum(2) - targets).square().sum(1)

    def attach(self, model, records):
        model.scale = len(records) / 40


def minimised(task, records):
    """(N_ROWS, DIM) by a dense solve at the scale of `records`."""
    scale = len(records) / 40
    scaled = Measurements(records.ids, records.rows, records.features * scale, records.targets)
    return solved(scaled, task.reg)


class ScaledSolver(Solver):
    def train(self, task, records, *, seed):
        model = task.model(records, seed=seed)
        with torch.no_grad():
            model.rows.copy_(minimised(task, records))
        task.attach(model, records)
        return model


def test_with_spill_over_the_step_is_retraining_where_losses_depend_on_other_records():
    task = Spread()
    found = forgotten(task, trainer=ScaledSolver(), spill_over=True)
    torch.testing.assert_close(found, minimised(task, LEFT), atol=1e-9, rtol=0)
    assert (forgotten(task, trainer=ScaledSolver()) - minimised(task, LEFT)).abs().max() > 1e-3


def test_the_neumann_series_gives_the_same_step():
    found = forgotten(damping=0.5, solver=Neumann(tolerance=1e-10))
    torch.testing.assert_close(found, forgotten(damping=0.5), atol=1e-8, rtol=0)


class Product(nn.Module):
    """One number as the product of two: the curvature of both together is indefinite away from the fit."""

    def __init__(self, sparse=False):
        super().__init__()
        self.left, self.right = (nn.Embedding(N_ROWS, 2, sparse=sparse, _weight=torch.full((N_ROWS, 2), 0.3)) for _ in range(2))


class Factors(Regress):
    def __init__(self, sparse):
        object.__setattr__(self, "reg", 0.0)
        object.__setattr__(self, "sparse", sparse)

    def model(self, records, *, seed):
        return Product(self.sparse)

    def losses(self, model, batch):
        rows, _, targets = batch
        return 0.5 * ((model.left(rows[:, 0]) * model.right(rows[:, 1])).sum(1) - 9 - targets[:, 0]).square()


class Untrained:
    def train(self, task, records, *, seed):
        return task.model(records, seed=seed).eval()


def test_embeddings_with_sparse_gradients_are_differentiated_twice_and_keep_their_kind():
    models = []
    for sparse in (False, True):
        method = Tuned(Untrained(), Influence(damping=1.0, tables=("right*",)))
        task = Factors(sparse)
        models.append(method.forget(task, method.fit(task, RECORDS, seed=0), FORGET, seed=1).model)
    assert torch.equal(models[0].right.weight, models[1].right.weight)
    assert not torch.equal(models[0].right.weight, Product().right.weight)
    assert models[1].right.sparse


def test_an_indefinite_hessian_is_refused_with_the_damping_it_lacks():
    method = Tuned(Untrained(), Influence(damping=1.0))
    before = method.fit(Factors(False), RECORDS, seed=0)
    with pytest.raises(DivergenceError, match=r"met the curvature -.* with damping 1, it must be > 0: raise damping by more than"):
        method.forget(Factors(False), before, FORGET, seed=1)


def test_the_old_model_stays_the_new_one_is_attached_last_and_unknown_ids_raise():
    method = Tuned(Solver(), Influence(**EXACT))
    before = method.fit(TASK, RECORDS, seed=0)
    kept = before.model.rows.detach().clone()
    after = method.forget(TASK, before, FORGET, seed=1)
    assert torch.equal(before.model.rows, kept)
    assert before.model.attached_to.tolist() == RECORDS.ids.tolist()
    assert after.model.attached_to.tolist() == LEFT.ids.tolist()
    assert after.memory is None
    assert all(p.requires_grad and p.grad is None for p in after.model.parameters())
    assert method.forget(TASK, before, [], seed=1) is before
    with pytest.raises(UnknownRecordError, match="never existed or are already forgotten"):
        method.forget(TASK, after, FORGET[:1], seed=1)


def test_when_nobody_is_left_nothing_is_solved():
    method = Tuned(Solver(), Influence(**EXACT))
    before = method.fit(TASK, RECORDS, seed=0)
    after = method.forget(TASK, before, RECORDS.ids, seed=1)
    assert torch.equal(after.model.rows, before.model.rows)
    assert len(after.records) == 0


def test_draws_are_averaged_and_repeat_with_the_seed():
    class Jittered(Penalised):
        def batch(self, records, ids, *, rng):
            rows, features, targets = super().batch(records, ids, rng=rng)
            return rows, features, targets + torch.from_numpy(rng.normal(size=targets.shape))

    task = Jittered()
    assert torch.equal(forgotten(task), forgotten(task))
    few, many = (float((forgotten(task, n_draws=n) - forgotten()).abs().mean()) for n in (1, 100))
    assert many < few / 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"damping": -1.0}, "damping must be >= 0, got -1.0"),
        ({"length": -1.0}, "length must be >= 0, got -1.0"),
        ({"hessian": "some"}, "hessian must be 'retained' or 'all', got 'some'"),
        ({"n_draws": 0}, "n_draws must be >= 1, got 0"),
        ({"batch_size": 0}, "batch_size must be >= 1, got 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        Influence(**settings)


def test_tables_that_match_nothing_are_refused_with_the_names_there_are():
    with pytest.raises(SettingsError, match=r"tables=\['columns'\] match no trainable parameter: name some of \['rows', 'bias'\]"):
        forgotten(tables=("columns",))
    with pytest.raises(SettingsError, match=r"and rows of \['other'\] match no trainable parameter"):
        forgotten(rows=lambda *_: {"other": torch.tensor([0])})


def test_a_model_that_has_diverged_is_refused():
    class Broken(Penalised):
        def losses(self, model, batch):
            return super().losses(model, batch) * float("nan")

    with pytest.raises(DivergenceError, match="is not finite"):
        forgotten(Broken())

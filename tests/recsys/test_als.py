"""ALS held to its normal equations, and its unlearning to direct solves and to the objective of training anew."""

from __future__ import annotations

import copy
import inspect
import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import SettingsError
from r2u_rec.recsys.closed_form import als, implicit_bpr
from r2u_rec.recsys.closed_form.als import AlsTrainer, als_objective, sweep_
from r2u_rec.recsys.closed_form.implicit_bpr import ImplicitBprTrainer
from r2u_rec.recsys.closed_form.unlearn_als import UnlearnAls
from r2u_rec.unlearn.retrain import Retrain

TRAINER = AlsTrainer(5, reg=2.0, alpha=3.0, sweeps=20)


def random_log(seed: int = 0, n_users: int = 40, n_items: int = 25, share: float = 0.2) -> InteractionLog:
    user, item = (axis.astype(np.int32) for axis in np.nonzero(np.random.default_rng(seed).random((n_users, n_items)) < share))
    keys = [Vocabulary(pd.Index(np.arange(n) + 100)) for n in (n_users, n_items)]
    return InteractionLog(np.arange(len(user), dtype=np.int64), user, item, None, None, *keys)


LOG = random_log()
GONE = LOG.ids_of_users([3, 17])
REQUEST = np.sort(np.concatenate([GONE, LOG.ids_of_users([8])[:2]]))  # two users, and two interactions of a third


def solved(table, row, trainer=TRAINER):
    """The normal equations of one row, written out over every column of a dense row of zeros and ones."""
    weight = 1 + trainer.alpha * row
    y = table.numpy().astype(np.float64)
    return np.linalg.solve((y * weight[:, None]).T @ y + trainer.reg * np.eye(y.shape[1]), y.T @ (weight * row))


def test_the_objective_equals_the_sum_over_every_pair():
    model, x = TRAINER.train(None, LOG, seed=0), LOG.matrix().toarray()
    p, q = (table.numpy().astype(np.float64) for table in model.tables())
    naive = sum((1 + 3.0 * x[u, i]) * (x[u, i] - p[u] @ q[i]) ** 2 for u in range(40) for i in range(25))
    assert als_objective(model, LOG.matrix()) == pytest.approx(naive + 2.0 * ((p**2).sum() + (q**2).sum()), rel=1e-9)


def test_every_user_row_solves_its_system_on_the_item_table_that_is_kept():
    model = AlsTrainer(5, reg=2.0, alpha=3.0, sweeps=1).train(None, LOG, seed=0)  # far from the end: a half-sweep behind would show
    wanted = np.stack([solved(model.item_factors, row) for row in LOG.matrix().toarray()])
    np.testing.assert_allclose(model.user_factors.numpy(), wanted, atol=1e-6)


def test_training_lowers_the_objective_to_where_both_gradients_are_zero():
    model = AlsTrainer(5, reg=2.0, alpha=3.0, sweeps=300).train(None, LOG, seed=0)
    assert als_objective(model, LOG.matrix()) < als_objective(
        AlsTrainer(5, reg=2.0, alpha=3.0, sweeps=1).train(None, LOG, seed=0), LOG.matrix()
    )
    wanted = np.stack([solved(model.user_factors, row) for row in LOG.matrix().toarray().T])
    np.testing.assert_allclose(model.item_factors.numpy(), wanted, atol=1e-4)


def test_fold_in_is_the_exact_answer_of_the_users_own_system():
    model = TRAINER.train(None, LOG, seed=0)
    np.testing.assert_allclose(model.fold_in(LOG.matrix()), model.scores(np.arange(40)), atol=1e-5)
    assert not model.fold_in(sparse.csr_array((1, 25), dtype=np.float32)).any()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_factors():
    first, again, other = (TRAINER.train(None, LOG, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["item_factors"], other["item_factors"])


def test_rows_named_by_a_request_solve_the_systems_of_what_is_left_and_no_other_row_moves():
    method = UnlearnAls(TRAINER, n_sweeps=0)
    before = method.fit(None, LOG, seed=0)
    after = method.forget(None, before, REQUEST, seed=0)
    x = after.records.matrix().toarray()
    users, items = LOG.users_of(REQUEST), np.unique(LOG.item[LOG.positions(REQUEST)])
    for user in users:
        np.testing.assert_allclose(after.model.user_factors[user], solved(before.model.item_factors, x[user]), atol=1e-6)
    for item in items:
        np.testing.assert_allclose(after.model.item_factors[item], solved(after.model.user_factors, x[:, item]), atol=1e-6)
    assert not after.model.user_factors[[3, 17]].any()
    for name, named in (("user_factors", users), ("item_factors", items)):
        others = np.setdiff1d(np.arange(len(getattr(before.model, name))), named)
        assert torch.equal(getattr(after.model, name)[others], getattr(before.model, name)[others])


def test_many_sweeps_come_to_the_objective_of_retraining_from_the_same_start():
    method, many = UnlearnAls(TRAINER, n_sweeps=400), AlsTrainer(5, reg=2.0, alpha=3.0, sweeps=400)
    before = method.fit(None, LOG, seed=0)
    after = method.forget(None, before, REQUEST, seed=0)
    x = after.records.matrix()
    stale = copy.deepcopy(before.model)
    stale.forget_rows_(np.array([3, 17]))
    wanted = als_objective(many.train(None, after.records, seed=0), x)
    gap = [
        als_objective(m, x) / wanted - 1
        for m in (stale, UnlearnAls(TRAINER, n_sweeps=2).forget(None, before, REQUEST, seed=0).model, after.model)
    ]
    assert gap[0] > gap[1] > gap[2]
    assert abs(gap[2]) < 1e-3, gap


def test_sweeps_of_unlearning_read_what_is_left_alone():
    """The same factors with the request's rows solved, swept on the log that never held the request, end at the same bytes."""
    rows = UnlearnAls(TRAINER, n_sweeps=0)
    before = rows.fit(None, LOG, seed=0)
    named = rows.forget(None, before, REQUEST, seed=0)
    sweep_(named.model, LOG.drop(REQUEST).matrix(), 3)
    after = UnlearnAls(TRAINER, n_sweeps=3).forget(None, before, REQUEST, seed=0)
    assert torch.equal(named.model.item_factors, after.model.item_factors)


def test_a_pair_that_is_in_another_record_too_moves_no_factor():
    keys = [Vocabulary(pd.Index(np.arange(n))) for n in (2, 3)]
    columns = (np.array(values, dtype=np.int32) for values in ([0, 0, 0, 1, 1], [0, 1, 1, 1, 2]))
    log = InteractionLog(np.arange(5, dtype=np.int64), *columns, None, None, *keys)
    method = UnlearnAls(AlsTrainer(2, sweeps=1))
    before = method.fit(None, log, seed=0)
    after = method.forget(None, before, [1], seed=0)
    assert torch.equal(after.model.item_factors, before.model.item_factors)
    assert after.records.ids.tolist() == [0, 2, 3, 4]


def test_bpr_of_implicit_gives_a_factorisation_with_a_bias_column_that_retraining_erases_from():
    trainer = ImplicitBprTrainer(4, lr=0.05, reg=0.01, epochs=20)
    method = Retrain(trainer)
    before = method.fit(None, LOG, seed=0)
    users, items = before.model.tables()
    assert (users.shape, items.shape) == ((40, 5), (25, 5))
    assert torch.equal(users[:, 4], torch.from_numpy((LOG.user_counts > 0).astype(np.float32)))
    after = method.forget(None, before, GONE, seed=0)
    again = Fitted(trainer.train(None, LOG.drop(GONE), seed=0), LOG.drop(GONE))
    assert torch.equal(after.model.tables()[0], again.model.tables()[0])
    assert not after.model.scores(np.array([3, 17])).any()
    fresh = trainer.model(LOG, seed=1)
    fresh.load_state_dict(before.model.state_dict())
    assert torch.equal(fresh.tables()[1], items)


@pytest.mark.parametrize("module", [als, implicit_bpr])
def test_implicit_which_is_slow_to_import_is_imported_by_who_trains_alone(module):
    assert re.search(r"^ +from implicit", inspect.getsource(module), re.M)
    assert not re.search(r"^(from|import) implicit", inspect.getsource(module), re.M)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AlsTrainer(0), "embedding_dim and sweeps must be >= 1, got 0 and 15"),
        (lambda: AlsTrainer(sweeps=0), "embedding_dim and sweeps must be >= 1, got 64 and 0"),
        (lambda: AlsTrainer(reg=0.0), "reg must be > 0 and finite, got 0.0"),
        (lambda: AlsTrainer(alpha=-1.0), "alpha must be >= 0 and finite, got -1.0"),
        (lambda: UnlearnAls(n_sweeps=-1), "n_sweeps must be >= 0, got -1"),
        (lambda: ImplicitBprTrainer(0), "embedding_dim and epochs must be >= 1, got 0 and 100"),
        (lambda: ImplicitBprTrainer(lr=0.0), "lr must be > 0 and finite, got 0.0"),
        (lambda: ImplicitBprTrainer(reg=-1.0), "reg must be >= 0 and finite, got -1.0"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        make()

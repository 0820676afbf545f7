"""AltEraser on rows whose retrained answer is one linear solve, and on factor models."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from r2u_rec.core.protocols import Fitted
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import CapabilityError, DivergenceError, SettingsError
from r2u_rec.recsys.edits.alt_eraser import AltEraser
from r2u_rec.recsys.tasks.ranking import RankingTask, matrix_factorization
from r2u_rec.unlearn.curvature.row_interactions import RowInteractions

D = 3


def log_of(user: Any, item: Any, n_users: int, n_items: int) -> InteractionLog:
    keys = [Vocabulary(pd.Index(np.arange(n) + 100)) for n in (n_users, n_items)]
    return InteractionLog(np.arange(len(user), dtype=np.int64), user.astype(np.int32), item.astype(np.int32), None, None, *keys)


@dataclass(frozen=True)
class Ridge:
    """Each interaction is a measurement of its item's row: half the squared error of 1 - row . feature, plus a ridge."""

    features: Any
    reg: float = 0.2

    def row_interactions(self, model, records, ids, *, n_draws, rng) -> list[RowInteractions]:
        at = records.positions(ids)
        rows = torch.from_numpy(records.item[at].astype(np.int64))[:, None]
        x = self.features[records.user[at]][:, None]
        slopes = (model.rows[rows] * x).sum(2) - 1
        return [RowInteractions("rows", rows, x, slopes, torch.ones_like(slopes), torch.full_like(slopes, self.reg))]

    def attach(self, model, records) -> None:
        model.attached = model.__dict__.get("attached", 0) + 1


@dataclass(frozen=True)
class Solver:
    """The exact minimiser, one solve a row."""

    def train(self, task: Ridge, records: InteractionLog, *, seed: int) -> nn.Module:
        model = nn.Module()
        model.rows = nn.Parameter(torch.zeros(records.n_items, D, dtype=torch.float64))
        for item in range(records.n_items):
            x = task.features[records.user[records.item == item]]
            if len(x):
                model.rows.data[item] = torch.linalg.solve(x.T @ x + task.reg * len(x) * torch.eye(D, dtype=x.dtype), x.sum(0))
        return model


def ridge_problem() -> tuple[Ridge, InteractionLog]:
    rng = np.random.default_rng(0)
    return Ridge(torch.from_numpy(rng.normal(size=(20, D)))), log_of(*np.nonzero(rng.random((20, 8)) < 0.5), 20, 8)


def test_one_round_on_a_quadratic_equals_retraining():
    task, log = ridge_problem()
    method = AltEraser(Solver(), n_rounds=1, damping=0.0, length=1.0)
    before, ids = method.fit(task, log, seed=0), log.ids_of_users([2, 3])
    after = method.forget(task, before, ids, seed=0)
    wanted = Solver().train(task, log.drop(ids), seed=0).rows
    torch.testing.assert_close(after.model.rows, wanted, atol=1e-12, rtol=0)
    assert (before.model.rows - wanted).abs().max() > 0.01


def test_half_a_step_goes_half_the_way_and_damping_does_not_move_the_end():
    task, log = ridge_problem()
    ids = log.ids_of_users([2, 3])
    before = Fitted(Solver().train(task, log, seed=0), log)
    wanted = Solver().train(task, log.drop(ids), seed=0).rows
    half = AltEraser(Solver(), n_rounds=1, damping=0.0, length=0.5).forget(task, before, ids, seed=0)
    torch.testing.assert_close(half.model.rows, (before.model.rows + wanted) / 2)
    torch.testing.assert_close(
        AltEraser(Solver(), n_rounds=60, damping=2.0, length=1.0).forget(task, before, ids, seed=0).model.rows, wanted
    )


def test_rows_that_the_request_meets_move_first_and_each_round_those_that_share_a_record_join():
    chain = log_of(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 2, 2, 3]), 3, 5)  # 0 - 1 - 2 - 3 through shared users, 4 alone
    task = RankingTask(matrix_factorization(2), "bce", reg=0.1)
    before = Fitted(task.model(chain, seed=0), chain)
    users, items = [], []
    for n_rounds in (1, 2, 3):
        after = AltEraser(Solver(), n_rounds=n_rounds).forget(task, before, chain.ids[:1], seed=0).model
        moved = [(a != b).any(1).nonzero().flatten().tolist() for a, b in zip(after.tables(), before.model.tables(), strict=True)]
        users.append(moved[0])
        items.append(set(moved[1]) - {0})  # item 0 has no record left: it moves when it is drawn as a negative
    assert users == [[0], [0], [0, 1]]
    assert items == [set(), {1}, {1}]


def checkerboard_log(n_users: int = 30, n_items: int = 20) -> InteractionLog:
    rng = np.random.default_rng(1)
    user, item = np.nonzero((np.arange(n_users)[:, None] % 2 == np.arange(n_items) % 2) & (rng.random((n_users, n_items)) < 0.7))
    return log_of(user, item, n_users, n_items)


@pytest.mark.parametrize("loss", ["bpr", "bce"])
def test_steps_lower_the_objective_of_what_remains_to_that_of_retraining(loss):
    log, task = checkerboard_log(), RankingTask(matrix_factorization(4), loss, reg=0.05)
    trainer = GradientTrainer(Training(epochs=60, batch_size=512, lr=0.1, schedule="linear"), progress=False)
    method = AltEraser(trainer, n_rounds=5, n_draws=16)
    before, ids = method.fit(task, log, seed=0), log.ids_of_users([0, 4, 7])
    after = method.forget(task, before, ids, seed=1)
    left = after.records

    @torch.no_grad()
    def objective(model: nn.Module) -> float:
        many = replace(task, n_negatives=100).batch(left, left.ids, rng=np.random.default_rng(3))
        return sum(float(part.double().mean()) for part in task.objective(model, many))

    blank, start, found = (objective(model) for model in (task.model(left, seed=5), before.model, after.model))
    wanted = objective(trainer.train(task, left, seed=1))
    assert found < start, (found, start)
    assert found - wanted < 0.02 * (blank - wanted), (found, wanted, blank)
    scores = after.model.scores(np.arange(30))
    scores[left.user, left.item] = -np.inf
    stay = np.setdiff1d(np.arange(30), [0, 4, 7])
    assert (np.argmax(scores[stay], axis=1) % 2 == stay % 2).mean() >= 0.9
    assert not scores[[0, 4, 7]].any()


def test_rows_without_curvature_need_damping():
    task, log = ridge_problem()
    bare = replace(task, reg=0.0)
    thin = log.drop(log.ids_of_users(np.arange(2, 20)))  # two measurements for three unknowns
    with pytest.raises(SettingsError, match=r"systems of rows are singular with damping 0: pass one > 0"):
        AltEraser(Solver(), n_rounds=1, damping=0.0).forget(bare, Fitted(Solver().train(task, thin, seed=0), thin), thin.ids[:1], seed=0)


def test_a_row_that_is_not_finite_is_refused():
    task, log = ridge_problem()
    model = Solver().train(task, log, seed=0)
    model.rows.data[:] = 1e308
    with pytest.raises(DivergenceError, match=re.escape("a row of rows is not finite after round 0: lower length (1) or raise damping")):
        AltEraser(Solver(), length=1.0).forget(task, Fitted(model, log), log.ids[:1], seed=0)


def test_a_task_that_cannot_say_how_records_meet_rows_is_refused_before_training():
    with pytest.raises(
        CapabilityError, match=re.escape("AltEraser needs a task with row_interactions(model, records, ...), NoneType has none")
    ):
        AltEraser(Solver()).fit(None, ridge_problem()[1], seed=0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"n_rounds": 0}, "n_rounds and n_draws must be >= 1, got 0 and 8"),
        ({"n_draws": 0}, "n_rounds and n_draws must be >= 1, got 3 and 0"),
        ({"damping": -1.0}, "damping must be >= 0, got -1.0"),
        ({"length": 0.0}, "length must lie in (0, 1], got 0.0"),
    ],
)
def test_impossible_settings_are_refused(setting, message):
    with pytest.raises(SettingsError, match=re.escape(message)):
        AltEraser(Solver(), **setting)

"""Block Newton on several tables: kept features, samples kept, and a share of the length for each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from unlearn_toys import DIM, Regress, Solver, measurements

from r2u_rec.errors import SettingsError
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.post_hoc import PostHoc

RECORDS = measurements()
FORGET = RECORDS.ids[[3, 17, 40]]


@dataclass(frozen=True)
class Blurred(Regress):
    """Its features are drawn anew at each call, as samples that stand for an average are; notes how many were asked for."""

    asked: Any = None

    def row_interactions(self, model: Any, records: Any, ids: Any, *, n_draws: int, rng: np.random.Generator) -> Any:
        if self.asked is not None:
            self.asked.append(n_draws)
        (c,) = super().row_interactions(model, records, ids, n_draws=n_draws, rng=rng)
        return [replace(c, features=c.features + torch.from_numpy(rng.normal(size=c.features.shape)))]


def fitted(task: Any, **settings: Any) -> Any:
    method = PostHoc(Solver(), BlockNewton(**settings))
    return method, method.fit(task, RECORDS, seed=0)


def test_what_is_subtracted_are_the_features_that_were_added():
    task = Blurred()
    method, now = fitted(task)
    for ids in np.array_split(RECORDS.ids, 4):
        now = method.forget(task, now, ids, seed=7)
    (table,) = now.memory.tables
    assert table.blocks.abs().max() < 1e-10
    assert table.features.shape == (0, 2, DIM)


def test_features_leave_with_their_records():
    method, before = fitted(Regress())
    (table,) = method.forget(Regress(), before, FORGET, seed=1).memory.tables
    keep = ~np.isin(RECORDS.ids, FORGET)
    assert torch.equal(table.features, torch.from_numpy(RECORDS.features[keep]))


def test_more_samples_may_be_kept_than_one():
    asked: list[int] = []
    method, before = fitted(Blurred(asked=asked), n_kept=3, n_draws=5)
    method.forget(Blurred(asked=asked), before, FORGET, seed=1)
    assert asked == [3, 5]


def test_a_table_may_move_by_a_share_of_the_length():
    moves = []
    for shares in ({}, {"ro*": 0.3}):
        method, before = fitted(Regress(), shares=shares, length=0.5)
        moves.append((method.forget(Regress(), before, FORGET, seed=1).model.rows - before.model.rows).detach())
    torch.testing.assert_close(moves[1], 0.3 * moves[0], atol=1e-12, rtol=0)
    assert moves[0].abs().max() > 1e-3


def test_shares_and_samples_that_cannot_be_are_refused():
    with pytest.raises(SettingsError, match="n_kept must be >= 1, got 0"):
        BlockNewton(n_kept=0)
    with pytest.raises(SettingsError, match=r"shares must be >= 0, got -0.1 for 'rows'"):
        BlockNewton(shares={"rows": -0.1})
    with pytest.raises(SettingsError, match=r"shares name 'cols', which matches none of the tables \['rows'\]"):
        fitted(Regress(), shares={"cols": 0.3})

"""Scaled: an operator carried further or less far, by a number or by a rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from unlearn_toys import Regress, Solver, measurements

from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.unlearn.curvature.block_newton import BlockNewton
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.retain_regularised import RetainRegularised
from r2u_rec.unlearn.scaled import Scaled, ScaledTuner
from r2u_rec.unlearn.tuned import Tuned

TASK, LOG = Regress(), measurements()
IDS = LOG.ids[3:9]


def rows(unlearner, ids=IDS):
    method = PostHoc(Solver(), unlearner)
    return method.forget(TASK, method.fit(TASK, LOG, seed=0), ids, seed=1)


def test_length_one_is_the_operator_itself_and_zero_leaves_the_model():
    ascent = GradientAscent(steps=3, lr=0.01)
    plain, start = rows(ascent).model.rows, Solver().train(TASK, LOG, seed=0).rows
    torch.testing.assert_close(rows(Scaled(ascent)).model.rows, plain)
    torch.testing.assert_close(rows(Scaled(ascent, 0.0)).model.rows, start)
    torch.testing.assert_close(rows(Scaled(ascent, 2.5)).model.rows - start, 2.5 * (plain - start))


def test_scaling_a_newton_step_is_its_own_length():
    torch.testing.assert_close(rows(Scaled(BlockNewton(1.0), 0.7)).model.rows, rows(BlockNewton(0.7)).model.rows)


def test_a_rule_sees_copies_edited_to_the_length_it_asks_for_and_its_answer_is_kept():
    asked = {}

    def rule(task, model, records, erase):
        asked.update({length: erase(IDS, length).rows.detach().clone() for length in (0.0, 1.0, 2.0)})
        asked["model"] = model.rows.detach().clone()
        return 0.5

    out = rows(Scaled(GradientAscent(steps=2, lr=0.01), rule))
    assert out.memory.length == 0.5
    torch.testing.assert_close(asked[0.0], asked["model"])
    torch.testing.assert_close(asked[2.0] - asked["model"], 2 * (asked[1.0] - asked["model"]))


def test_an_edit_that_reads_what_remains_is_scaled_alike():
    tuner, asked = RetainRegularised(GradientAscent(steps=3, lr=0.01)), {}

    def rule(task, model, records, erase):
        asked.update({length: erase(IDS, length).rows.detach().clone() for length in (0.0, 1.0)})
        return 2.5

    found = {}
    for name, each in (("plain", tuner), ("scaled", ScaledTuner(tuner, rule)), ("none", ScaledTuner(tuner, 0.0))):
        method = Tuned(Solver(), each)
        found[name] = method.forget(TASK, method.fit(TASK, LOG, seed=0), IDS, seed=0).model.rows
    start = Solver().train(TASK, LOG, seed=0).rows
    torch.testing.assert_close(found["none"], start)
    torch.testing.assert_close(found["scaled"] - start, 2.5 * (found["plain"] - start))
    torch.testing.assert_close(asked[0.0], start)
    torch.testing.assert_close(asked[1.0], found["plain"])
    with pytest.raises(SettingsError, match=r"length must be >= 0, got -1"):
        ScaledTuner(tuner, -1)


def test_what_the_operator_keeps_is_down_dated():
    out = rows(Scaled(BlockNewton(1.0)))
    assert not np.isin(IDS, out.memory.inner.tables[0].ids).any()
    assert out.memory.nbytes == 8 + out.memory.inner.nbytes


def test_a_negative_length_and_a_task_that_lacks_what_the_operator_needs_are_refused():
    with pytest.raises(SettingsError, match=r"length must be >= 0, got -1"):
        Scaled(GradientAscent(steps=1, lr=1.0), -1)

    @dataclass(frozen=True)
    class Bare:
        """A task without row_interactions."""

    with pytest.raises(CapabilityError, match="block Newton needs a task with row_interactions"):
        PostHoc(Solver(), Scaled(BlockNewton())).fit(Bare(), LOG, seed=0)

"""Clipped training bounds what revocable records add to a step, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from core_toys import Classify, Match, Points, gradients, pairs, points, split_of, step_input

from r2u_rec.core.privacy.clipping import clipped, norm_of
from r2u_rec.core.step import member, objective
from r2u_rec.core.strategies import standard
from r2u_rec.core.training import Training, fit_
from r2u_rec.errors import SettingsError

RECORDS, FORGET = points(), split_of(points()).forget


def parts():
    """What revocable and what stable records add to the mean gradient of the step, by two backward passes."""
    found = []
    for keep in (True, False):
        s = step_input(Classify(), RECORDS, n_ids=24)
        ids = s.ids[member(s.ids, FORGET) == keep]
        (objective(s.task, s.model, s.batch(ids))[1].sum() / 24).backward()
        found.append(gradients(s.model))
    return found


def norm(part):
    return math.sqrt(sum(float(g.square().sum()) for g in part.values()))


def after(step, task=None, records=RECORDS, **where):
    s = step_input(task or Classify(), records, n_ids=24, **where)
    terms = step(s)
    return gradients(s.model), terms


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_the_revocable_part_is_scaled_down_to_the_norm_and_the_stable_part_is_left(share):
    revocable, stable = parts()
    got, terms = after(clipped(FORGET, share * norm(revocable)))
    for name, g in got.items():
        torch.testing.assert_close(g, share * revocable[name] + stable[name], atol=1e-13, rtol=0)
    assert float(terms["forget_norm"]) == pytest.approx(norm(revocable))
    assert float(terms["loss"]) == pytest.approx(float(after(standard)[1]["loss"]))


@pytest.mark.parametrize("factor", [1.001, math.inf])
def test_a_part_within_the_norm_is_not_touched(factor):
    got, _ = after(clipped(FORGET, factor * norm(parts()[0])))
    wanted, _ = after(standard)
    for name, g in got.items():
        torch.testing.assert_close(g, wanted[name], atol=1e-13, rtol=0)


def test_a_batch_without_revocable_records_is_a_standard_step_and_says_no_norm():
    got, terms = after(clipped(np.array([], dtype=np.int64), 1e-9))
    assert all(torch.equal(g, after(standard)[0][name]) for name, g in got.items())
    assert set(terms) == {"loss"}


def test_a_batch_of_revocable_records_alone_has_the_norm_itself():
    got, _ = after(clipped(RECORDS.ids, 0.01))
    assert norm(got) == pytest.approx(0.01)


def test_batch_statistics_are_those_of_the_whole_batch():
    s, twin = (step_input(Classify(norm=True), RECORDS, n_ids=24) for _ in range(2))
    clipped(FORGET, 1e-3)(s)
    standard(twin)
    torch.testing.assert_close(s.model.norm.running_mean, twin.model.norm.running_mean)
    assert s.model.n_passes == 1


def test_sparse_and_dense_tables_are_clipped_alike():
    records = pairs()
    found = [after(clipped(records.ids[:30], 0.02), Match(sparse), records)[0] for sparse in (True, False)]
    for name in ("left.weight", "right.weight", "scale"):
        torch.testing.assert_close(found[0][name], found[1][name], atol=1e-14, rtol=0)


@pytest.mark.parametrize("sparse", [True, False])
def test_gradients_that_are_there_already_are_added_to(sparse):
    records = pairs()
    once, twice = (step_input(Match(sparse), records, n_ids=24) for _ in range(2))
    step = clipped(records.ids[:30], 0.02)
    step(once), step(twice), step(twice)
    for name, g in gradients(twice.model).items():
        torch.testing.assert_close(g, 2 * gradients(once.model)[name])


def test_the_norm_of_a_sparse_gradient_adds_rows_that_are_named_twice():
    g = torch.sparse_coo_tensor(torch.tensor([[1, 1]]), torch.tensor([[3.0], [1.0]]), (4, 1), check_invariants=True)
    assert float(norm_of([g, torch.tensor([[3.0]])])) == pytest.approx(5.0)


def test_a_fit_with_revocable_records_clipped_to_almost_nothing_is_a_fit_without_their_labels():
    scrambled = Points(RECORDS.ids, RECORDS.x, np.where(member(RECORDS.ids, FORGET), (RECORDS.y + 1) % 4, RECORDS.y))
    ends = []
    for records in (RECORDS, scrambled):
        model = Classify().model(records, seed=0)
        fit_(model, Classify(), records, training=Training(epochs=3, batch_size=10, optimizer="sgd"), seed=0, step=clipped(FORGET, 1e-12))
        ends.append(model.last.weight.detach())
    torch.testing.assert_close(ends[0], ends[1], atol=1e-12, rtol=0)


def test_a_norm_of_nothing_and_a_mean_of_the_batch_are_refused():
    with pytest.raises(SettingsError, match="max_norm must be > 0, got 0: 0 would train without the revocable records"):
        clipped(FORGET, 0)

    class Mean(Match):
        def losses(self, model, batch):
            return super().losses(model, batch).mean(0, keepdim=True)

    with pytest.raises(SettingsError, match="clipping needs one loss a record, got 1 losses for 24 records"):
        after(clipped(FORGET, 1.0), Mean(), pairs())

"""A displacement comes back bit for bit, on every way out."""

from __future__ import annotations

import pytest
import torch
from core_toys import Classify, Match, Net, Tables, pairs, points, state_bytes
from torch import nn

from r2u_rec.core.prepare.displaced import displaced
from r2u_rec.core.rowwise import RowwiseAdam

AWKWARD = 0.1 + 1e16  # adding and subtracting would not come back


def sparse(rows, values, n_rows=40):
    return torch.sparse_coo_tensor(torch.tensor([rows]), torch.tensor(values, dtype=torch.float64), (n_rows, 3), check_invariants=True)


def test_dense_and_sparse_moves_add_alpha_times_the_direction_and_come_back_bit_for_bit():
    model = Tables(0, sparse=True)
    before = state_bytes(model)
    old = model.left.weight.detach().clone()
    d = sparse([4, 1, 4], [[1.0, 2, 3], [AWKWARD] * 3, [1, 1, 1]])
    with displaced(model) as here:
        here.move({"left.weight": d, "scale": torch.full((3,), AWKWARD, dtype=torch.float64)}, 2.0)
        wanted = old.clone()
        wanted[4] += 2 * torch.tensor([2.0, 3, 4])
        wanted[1] += 2 * AWKWARD
        assert torch.equal(model.left.weight, wanted)
        assert torch.equal(model.scale, 1 + torch.full((3,), 2 * AWKWARD, dtype=torch.float64))
        here.move({"left.weight": d}, -0.7)  # a second move of the same rows
    assert state_bytes(model) == before


def test_an_exception_inside_brings_everything_back_too():
    model = Net(0, norm=True).train()
    before = state_bytes(model)

    def broken():
        with displaced(model) as here:
            here.move({n: torch.full_like(p, AWKWARD) for n, p in model.named_parameters()}, 1.0)
            model(torch.ones(4, 3, dtype=torch.float64))  # moves the running statistics
            assert state_bytes(model) != before
            raise RuntimeError("cut short")

    with pytest.raises(RuntimeError, match="cut short"):
        broken()
    assert state_bytes(model) == before


def test_a_buffer_that_a_forward_pass_replaces_comes_back_as_the_same_tensor():
    class Replaces(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mean", torch.zeros(2))
            self.register_buffer("never", None)

    model = Replaces()
    mine = model.mean
    with displaced(model):
        model.mean = torch.ones(2)
    assert model.mean is mine
    assert model.mean.tolist() == [0, 0]


def test_gradients_gathered_inside_stay():
    task, records = Match(), pairs()
    model = task.model(records, seed=0)
    with displaced(model) as here:
        here.move({"scale": torch.ones(3, dtype=torch.float64)}, 1.0)
        task.losses(model, task.batch(records, records.ids[:5], rng=None)).mean().backward()
        inside = model.scale.grad.clone()
    assert torch.equal(model.scale.grad, inside)
    assert inside.abs().max() > 0


def test_the_optimisers_state_is_untouched_by_a_move():
    task, records = Classify(), points()
    model = task.model(records, seed=0)
    optimizer = RowwiseAdam(model.parameters())
    task.losses(model, task.batch(records, records.ids, rng=None)).mean().backward()
    optimizer.step()
    before = {n: optimizer.state[p]["exp_avg"].clone() for n, p in model.named_parameters()}
    with displaced(model) as here:
        here.move({n: torch.ones_like(p) for n, p in model.named_parameters()}, 1.0)
    assert all(torch.equal(optimizer.state[p]["exp_avg"], before[n]) for n, p in model.named_parameters())

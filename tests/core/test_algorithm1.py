"""Algorithm 1 against autograd on explicit formulas, and what its options must mean."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from core_toys import Classify, ClassifyJoined, Match, gradients, pairs, points, split_of, state_bytes, step_input

from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.strategies import standard
from r2u_rec.errors import CapabilityError, SettingsError

RECORDS = points()
SPLIT = split_of(RECORDS)
WHOLE = {"n_forget": 10, "n_retain": 50, "n_recovery": 6}  # every sample is the whole part: the draw is known


def net(theta, x):
    """The toy network as a formula of its parameters."""
    h = torch.tanh(x @ theta["first.weight"].T + theta["first.bias"])
    if "norm.weight" in theta:
        h = (h - h.mean(0)) / (h.var(0, unbiased=False) + 1e-5).sqrt() * theta["norm.weight"] + theta["norm.bias"]
    return h @ theta["last.weight"].T + theta["last.bias"]


def evaluate(theta, parts, reg, joined):
    """Losses and values of each part of records, from one pass or from one pass each."""
    data = [(torch.from_numpy(part.x), torch.from_numpy(part.y)) for part in parts]
    groups = [tuple(torch.cat(column) for column in zip(*data, strict=True))] if joined else data
    sizes = [len(part) for part in parts]
    losses, values = [], []
    for x, y in groups:
        logits = net(theta, x)
        loss = -torch.log_softmax(logits, 1)[torch.arange(len(y)), y]
        losses.append(loss)
        values.append(loss + reg * logits.square().sum(1))
    return torch.cat(losses).split(sizes), torch.cat(values).split(sizes)


def bound_of(losses, bound, level):
    if bound == "none":
        return losses
    return torch.minimum(losses, torch.tensor(level)) if bound in ("cap", "chance") else level - torch.log1p(torch.exp(level - losses))


def along(gradient, geometry):
    if geometry == "gradient":
        return gradient
    if geometry == "sign":
        return {n: torch.sign(g) for n, g in gradient.items()}
    length = sum(g.square().sum() for g in gradient.values()).sqrt()
    return {n: g / length for n, g in gradient.items()}


def oracle(model, x_ids, p, level, *, reg, joined):
    """Gradient of Algorithm 1 (order 1) or of equation 1 (order 2), on copies of the parameters."""
    f, r, rc = (RECORDS.keep(ids) for ids in (SPLIT.forget, SPLIT.retain, SPLIT.recovery))
    x = RECORDS.keep(x_ids)
    order = np.searchsorted(x.ids, x_ids)
    x = type(x)(x_ids, x.x[order], x.y[order])
    theta = {n: v.detach().clone().requires_grad_() for n, v in model.named_parameters()}
    joined = joined and p.order == 1
    (loss_f, _), (_, value_x) = evaluate(theta, [f, x], reg, joined and p.length == 0)
    gradient = dict(zip(theta, torch.autograd.grad(loss_f.mean(), list(theta.values()), create_graph=True), strict=True))
    hat = {n: theta[n] + p.length * d for n, d in along(gradient, p.geometry).items()}
    if p.order == 1:
        hat = {n: v.detach().requires_grad_() for n, v in hat.items()}
    losses, values = evaluate(hat, [f, r, rc] if p.lambda2 else [f, r], reg, joined)
    future = -p.lambda0 * bound_of(losses[0], p.bound, level).mean() + p.lambda1 * values[1].mean()
    future = future + (p.lambda2 * values[2].mean() if p.lambda2 else 0)
    current = p.lambda3 * value_x.mean() + (p.lambda0 * bound_of(loss_f, p.bound, level).mean() if p.delta else 0)
    if p.order == 2:
        return dict(zip(theta, torch.autograd.grad(future + current, list(theta.values())), strict=True))
    at_hat = torch.autograd.grad(future, list(hat.values()))
    at_theta = torch.autograd.grad(current, list(theta.values()))
    return {n: a + b for n, a, b in zip(theta, at_hat, at_theta, strict=True)}


GRID = list(itertools.product(("gradient", "sign", "normalised"), ("none", "cap", "chance", "soft"), (False, True), (1, 2)))


@pytest.mark.parametrize("norm", [False, True], ids=["plain", "batchnorm"])
@pytest.mark.parametrize("task_type", [Classify, ClassifyJoined])
def test_both_orders_equal_autograd_on_copied_parameters_in_every_geometry_bound_and_form(task_type, norm):
    task = task_type(norm=norm)
    for geometry, bound, delta, order in GRID:
        recovery = delta != norm
        level = {"none": None, "chance": None, "cap": 1.2, "soft": 1.5}[bound]
        p = Preparation(
            0.3,
            geometry=geometry,
            bound=bound,
            bound_level=level,
            delta=delta,
            order=order,
            lambda2=3.0 * recovery,
            allow_divergence=True,
            **WHOLE,
        )
        s = step_input(task, RECORDS)
        wanted = oracle(s.model, s.ids, p, np.log(4) if bound == "chance" else level, reg=task.reg, joined=task_type is ClassifyJoined)
        Ready2Unlearn(SPLIT, p)(s)
        for name, found in gradients(s.model).items():
            torch.testing.assert_close(found, wanted[name], atol=1e-10, rtol=0, msg=lambda m, at=(p, name): f"{at}: {m}")


def test_the_orders_differ_where_the_inner_step_bends():
    found = []
    for order in (1, 2):
        s = step_input(Classify(), RECORDS)
        Ready2Unlearn(SPLIT, Preparation(0.3, order=order, allow_divergence=True, **WHOLE))(s)
        found.append(gradients(s.model)["first.weight"])
    assert (found[0] - found[1]).abs().max() > 1e-3


@pytest.mark.parametrize("order", [1, 2])
def test_alpha_zero_is_the_signed_re_weighting(order):
    s = step_input(Classify(), RECORDS)
    Ready2Unlearn(SPLIT, Preparation(0.0, order=order, lambda2=3.0, allow_divergence=True, **WHOLE))(s)
    copy = Classify().model(RECORDS, seed=3)

    def mean(ids, penalised=True):
        losses, penalties = Classify().objective(copy, Classify().batch(RECORDS, ids, rng=None))
        return (losses + penalties * penalised).mean()

    (-mean(SPLIT.forget, False) + 2 * mean(SPLIT.retain) + 3 * mean(SPLIT.recovery) + 4 * mean(s.ids)).backward()
    for name, p in copy.named_parameters():
        torch.testing.assert_close(gradients(s.model)[name], p.grad, atol=1e-12, rtol=0)


@pytest.mark.parametrize("bound", ["none", "cap", "soft"])
@pytest.mark.parametrize("order", [1, 2])
def test_the_delta_form_with_alpha_zero_is_training_without_a_forget_term(order, bound):
    found = []
    for settings in ({"delta": True, "bound": bound, "bound_level": None if bound == "none" else 1.3}, {"lambda0": 0.0}):
        s = step_input(Classify(), RECORDS)
        Ready2Unlearn(SPLIT, Preparation(0.0, order=order, **settings, **WHOLE))(s)
        found.append(gradients(s.model))
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], atol=1e-12, rtol=0)


class ClassifyShared(ClassifyJoined):
    """As a graph does: a pass costs the same for few records as for many."""

    def shares_work(self, model):
        return True


@pytest.mark.parametrize(
    ("task", "alpha", "n_passes"), [(ClassifyJoined(), 0.3, 3), (ClassifyJoined(), 0.0, 2), (ClassifyShared(), 0.3, 2)]
)
def test_batches_are_joined_where_that_saves_work(task, alpha, n_passes):
    s = step_input(task, RECORDS)
    Ready2Unlearn(SPLIT, Preparation(alpha, lambda2=1.0, allow_divergence=True, **WHOLE))(s)
    assert s.model.n_passes == n_passes


def test_batches_that_cannot_be_joined_need_five_passes():
    s = step_input(Classify(), RECORDS)
    Ready2Unlearn(SPLIT, Preparation(0.3, lambda2=1.0, allow_divergence=True, **WHOLE))(s)
    assert s.model.n_passes == 5


@pytest.mark.parametrize("order", [1, 2])
def test_a_prepared_step_leaves_parameters_bit_for_bit_and_moves_running_statistics_by_the_passes_at_theta_alone(order):
    s = step_input(Classify(norm=True), RECORDS)
    twin = Classify(norm=True).model(RECORDS, seed=3).train()
    for ids in (SPLIT.forget, s.ids):
        twin(s.task.batch(RECORDS, ids, rng=None)[0])
    Ready2Unlearn(SPLIT, Preparation(5.0, order=order, lambda2=1.0, allow_divergence=True, **WHOLE))(s)
    assert state_bytes(s.model) == state_bytes(twin)


@pytest.mark.parametrize("geometry", ["gradient", "sign", "normalised"])
def test_sparse_tables_get_the_gradients_of_dense_ones(geometry):
    records, found = pairs(), []
    for sparse in (True, False):
        s = step_input(Match(sparse), records)
        before = state_bytes(s.model)
        p = Preparation(0.4, geometry=geometry, bound="cap", bound_level=0.9, lambda2=1.0, displace=("*.weight",), **WHOLE)
        Ready2Unlearn(split_of(records), p)(s)
        assert state_bytes(s.model) == before
        assert s.model.left.weight.grad.is_sparse == sparse
        found.append(gradients(s.model))
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], atol=1e-12, rtol=0)


def test_second_order_refuses_sparse_gradients():
    s = step_input(Match(sparse=True), pairs())
    with pytest.raises(CapabilityError, match="sparse=False"):
        Ready2Unlearn(split_of(pairs()), Preparation(0.1, order=2, bound="cap", bound_level=1.0))(s)


def test_only_the_named_parameters_are_displaced():
    found = []
    for displace in (("right.*",), None):
        s = step_input(Match(), pairs())
        Ready2Unlearn(split_of(pairs()), Preparation(0.5, displace=displace, bound="cap", bound_level=5.0, **WHOLE))(s)
        found.append(gradients(s.model)["right.weight"])
    s = step_input(Match(), pairs())
    moved = Match().model(pairs(), seed=3)
    batch = Match().batch(pairs(), split_of(pairs()).forget, rng=None)
    Match().losses(moved, batch).mean().backward()
    with torch.no_grad():
        moved.right.weight += 0.5 * moved.right.weight.grad.to_dense()
    moved.zero_grad()
    values = [
        Match().losses(moved, Match().batch(pairs(), ids, rng=None)).mean() for ids in (split_of(pairs()).forget, split_of(pairs()).retain)
    ]
    (2 * values[1] - values[0]).backward()
    still = Match().model(pairs(), seed=3)
    (4 * Match().losses(still, Match().batch(pairs(), s.ids, rng=None)).mean()).backward()
    wanted = moved.right.weight.grad.to_dense() + still.right.weight.grad.to_dense()
    torch.testing.assert_close(found[0], wanted, atol=1e-12, rtol=0)
    assert (found[1] - wanted).abs().max() > 1e-3


def test_a_pattern_that_names_nothing_is_refused_with_the_names_there_are():
    with pytest.raises(SettingsError, match=r"matches no trainable parameter: name some of \['scale', 'left.weight', 'right.weight'\]"):
        Ready2Unlearn(split_of(pairs()), Preparation(0.5, displace=("items",), bound="cap", bound_level=1.0))(step_input(Match(), pairs()))


def test_outside_the_prepared_steps_it_is_the_standard_step():
    found = []
    for step in (Ready2Unlearn(SPLIT, Preparation(0.3, epochs=(5, 7), allow_divergence=True)), standard):
        s = step_input(Classify(), RECORDS, epoch=4)
        step(s)
        found.append(gradients(s.model))
    assert all(torch.equal(found[0][n], found[1][n]) for n in found[0])

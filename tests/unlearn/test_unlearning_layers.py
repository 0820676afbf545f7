"""Unlearning layers on a tiny transformer that has learned some odd records by heart, and on the rows of a table."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest
import torch
from layers_toys import DIM, N_SYMBOLS, TRAINER, Classify, Encoder, mean_loss, sequences
from torch.nn.functional import softplus
from unlearn_toys import N_ROWS, Regress, Solver, measurements

from r2u_rec.core.protocols import Fitted
from r2u_rec.errors import DivergenceError, SettingsError
from r2u_rec.unlearn.layers.student import LowRank, Student, matching_matrix_names
from r2u_rec.unlearn.layers.student_layers import LayersMemory, UnlearningLayers, bernoulli_kl, log_odds
from r2u_rec.unlearn.tuned import Tuned

RECORDS = sequences()
ODD, EVEN = RECORDS.ids[:8], RECORDS.ids[8:]
LAYERS = UnlearningLayers(steps=40, lr=0.02, rank=4, batch_size=64, push=2.0)


@cache
def fitted() -> Fitted:
    return Tuned(TRAINER, LAYERS).fit(Classify(), RECORDS, seed=0)


@cache
def forgotten() -> Fitted:
    return Tuned(TRAINER, LAYERS).forget(Classify(), fitted(), ODD, seed=1)


def test_what_was_learned_by_heart_is_forgotten_and_the_rest_is_kept():
    odd, even = RECORDS.keep(ODD), RECORDS.keep(EVEN)
    assert mean_loss(fitted().model, odd) < 0.3
    assert mean_loss(forgotten().model, odd) > 1.0
    assert mean_loss(forgotten().model, even) < mean_loss(fitted().model, even) + 0.1


def test_the_forget_odds_end_near_their_target_however_long_it_is_trained():
    odd, task = RECORDS.keep(ODD), Classify()
    batch = task.batch(odd, odd.ids, rng=np.random.default_rng(0))
    for steps in (40, 120):
        tuner = UnlearningLayers(steps=steps, lr=0.02, rank=4, batch_size=64, push=0.0, margin=6.0)
        model = Tuned(TRAINER, tuner).forget(Classify(), fitted(), ODD, seed=1).model
        old, new = (log_odds(task.losses(m, batch).detach()).mean().item() for m in (fitted().model, model))
        assert new == pytest.approx(old - 6.0, abs=1.0)


def test_the_old_model_is_untouched_and_the_same_seed_gives_the_same_bytes():
    before = copy.deepcopy(fitted().model.state_dict())
    again = Tuned(TRAINER, LAYERS).forget(Classify(), fitted(), ODD, seed=1).model
    assert all(torch.equal(a, b) for a, b in zip(before.values(), fitted().model.state_dict().values(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), forgotten().model.state_dict().values(), strict=True))
    assert type(again) is Encoder  # merged: no layer is left on it
    assert list(again.state_dict()) == list(before)
    assert all(p.requires_grad for p in again.parameters())


def test_only_the_chosen_matrices_change_and_by_no_more_than_the_rank():
    tuner = UnlearningLayers(steps=5, rank=2, tables=("embedding.*", "head.*"))
    model = Tuned(TRAINER, tuner).forget(Classify(), fitted(), ODD, seed=1).model
    for (name, old), new in zip(fitted().model.state_dict().items(), model.state_dict().values(), strict=True):
        if name in ("embedding.weight", "head.weight"):
            assert torch.linalg.matrix_rank(new - old, rtol=1e-4) == 2
        else:
            assert torch.equal(old, new), name


def test_the_memory_holds_the_layer_that_stands_on_the_frozen_model():
    for name, layer in forgotten().memory.layers.items():
        frozen = dict(fitted().model.named_parameters())[name]
        torch.testing.assert_close(dict(forgotten().model.named_parameters())[name] - layer.delta, frozen, atol=1e-6, rtol=0)
    assert forgotten().memory.nbytes == sum(layer.nbytes for layer in forgotten().memory.layers.values()) > 0
    none = Tuned(TRAINER, UnlearningLayers(steps=2, keep_layers=False)).forget(Classify(), fitted(), ODD, seed=1)
    assert none.memory == LayersMemory({})


def test_a_second_request_trains_from_the_frozen_model_and_is_fused():
    method = Tuned(TRAINER, LAYERS)
    first, second = ODD[:4], ODD[4:]
    now = method.forget(Classify(), method.forget(Classify(), fitted(), first, seed=1), second, seed=2)
    odd, even = RECORDS.keep(ODD), RECORDS.keep(EVEN)
    assert all(layer.n_fused == 2 for layer in now.memory.layers.values())
    for name, layer in now.memory.layers.items():
        frozen = dict(fitted().model.named_parameters())[name]
        torch.testing.assert_close(dict(now.model.named_parameters())[name] - layer.delta, frozen, atol=1e-5, rtol=0)
    assert mean_loss(now.model, odd) > mean_loss(fitted().model, odd) + 0.5
    assert mean_loss(now.model, even) < mean_loss(fitted().model, even) + 0.5


def test_a_fresh_student_is_the_model_and_only_its_layers_train():
    model = fitted().model
    student = Student(model, ["embedding.weight", "head.weight"], 3, 0.1, np.random.default_rng(0))
    batch = Classify().batch(RECORDS, RECORDS.ids, rng=np.random.default_rng(0))
    assert torch.equal(Classify().losses(student.model, batch), Classify().losses(model, batch))
    student.step(Classify().losses(student.model, batch).mean())
    for name, p in student.model.named_parameters():
        changed = not torch.equal(p, model.get_parameter(name))
        assert changed == (name in student.layers)
        assert p.grad is None


@pytest.mark.parametrize("sparse", [False, True])
def test_the_factors_follow_the_gradient_of_their_product(sparse):
    rng = np.random.default_rng(0)
    frozen, left, right, factor = (torch.from_numpy(rng.normal(size=shape)) for shape in ((6, 4), (6, 2), (2, 4), (3, 4)))
    rows = torch.tensor([1, 4, 1])
    a, b = left.clone().requires_grad_(), right.clone().requires_grad_()
    ((frozen + a @ b)[rows] * factor).square().sum().backward()
    weight = (frozen + left @ right).requires_grad_()
    (torch.nn.functional.embedding(rows, weight, sparse=sparse) * factor).square().sum().backward()
    assert weight.grad.is_sparse == sparse
    layer = LowRank(frozen, left, right)
    layer.set_gradients_(weight.grad)
    torch.testing.assert_close(layer.left.grad, a.grad)
    torch.testing.assert_close(layer.right.grad, b.grad)


def test_a_layer_knows_which_features_it_met():
    model = fitted().model
    student = Student(model, matching_matrix_names(model, None), 3, 0.1, np.random.default_rng(0))
    inputs = []
    model.head.register_forward_pre_hook(lambda module, args: inputs.append(args[0].detach().double()))
    symbols = torch.from_numpy(RECORDS.symbols)
    try:
        model(symbols)
    finally:
        model.head._forward_pre_hooks.clear()
    found = student.trained(lambda m: m(symbols))
    assert torch.equal(found["embedding.weight"].met, torch.bincount(symbols.flatten(), minlength=N_SYMBOLS).double())
    torch.testing.assert_close(found["head.weight"].met, inputs[0].T @ inputs[0], atol=1e-3, rtol=1e-4)
    assert found["block.self_attn.in_proj_weight"].met.shape == (DIM, DIM)
    assert not found["position"].met.any()  # a bare table that nothing has changed yet


def test_the_rows_of_a_bare_table_forget_too_and_count_what_they_changed():
    records = measurements()
    method = Tuned(Solver(), UnlearningLayers(steps=100, distance="squared", tables=("rows",), push=0.0, margin=0.5))
    before = method.fit(Regress(), records, seed=0)
    after = method.forget(Regress(), before, records.ids[:10], seed=0)
    rng, gone = np.random.default_rng(0), records.keep(records.ids[:10])
    batch = Regress().batch(gone, gone.ids, rng=rng)
    old, new = (Regress().losses(f.model, batch).mean().item() for f in (before, after))
    assert old + 0.2 < new < old + 0.8
    assert after.memory.layers["rows"].met.tolist() == [1.0] * N_ROWS


def test_everything_may_be_forgotten_at_once():
    after = Tuned(TRAINER, UnlearningLayers(steps=3)).forget(Classify(), fitted(), RECORDS.ids, seed=0)
    assert all(torch.isfinite(p).all() for p in after.model.parameters())


def test_the_likelihood_distance_is_the_divergence_of_two_coins():
    wanted, found = torch.tensor([0.1, 1.0, 2.0]), torch.tensor([0.5, 1.0, 1.0])
    p, q = torch.exp(-wanted), torch.exp(-found)
    by_hand = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    torch.testing.assert_close(bernoulli_kl(log_odds(wanted), log_odds(found)), by_hand, atol=1e-6, rtol=0)
    torch.testing.assert_close(log_odds(softplus(-found)), found)  # of a logistic loss it is the score
    assert torch.isfinite(log_odds(torch.tensor([0.0, 200.0]))).all()
    with pytest.raises(SettingsError, match=r"needs losses >= 0 \(negative log-likelihoods\), got -1: use distance='squared'"):
        log_odds(torch.tensor([-1.0]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 0}, "steps must be >= 1, got 0"),
        ({"rank": 0}, "rank must be >= 1, got 0"),
        ({"batch_size": 0}, "batch_size must be >= 1, got 0"),
        ({"lr": 0.0}, "lr must be > 0, got 0"),
        ({"forget_weight": 1.0}, r"forget_weight must lie in \(0, 1\), got 1"),
        ({"push": 0.0}, "push and margin must be >= 0 and not both 0, got 0.0 and 0.0: the target would be the teacher itself"),
        ({"distance": "cosine"}, "distance must be one of likelihood, squared, got 'cosine'"),
    ],
)
def test_settings_out_of_range_are_refused(wrong, message):
    with pytest.raises(SettingsError, match=message):
        UnlearningLayers(**wrong)


def test_tables_that_match_nothing_are_refused_before_hours_of_training():
    with pytest.raises(SettingsError, match=r"tables=\['rows'\] matches no trainable matrix: name some of \['position', "):
        UnlearningLayers(tables=("rows",)).remember(Classify(), fitted().model, RECORDS, seed=0)


def test_an_objective_that_is_not_finite_is_named():
    model = copy.deepcopy(fitted().model)
    model.head.bias.data[0] = float("inf")
    with pytest.raises(DivergenceError, match=r"the objective of the augmented layers is nan at step 0 .*: lower lr or push"):
        LAYERS.edit_(Classify(), model, RECORDS.keep(ODD), RECORDS.drop(ODD), LayersMemory({}), seed=0)

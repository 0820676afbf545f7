"""Which steps prepare, what they draw and weigh, and which settings are refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from core_toys import Classify, Match, gradients, pairs, points, split_of, step_input

from r2u_rec.core.prepare.adaptive import Adaptive
from r2u_rec.core.prepare.bounds import bound_is_inactive, bounded
from r2u_rec.core.prepare.direction import Planned, shaped
from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.protocols import Split
from r2u_rec.errors import CapabilityError, SettingsError

RECORDS = points()
SPLIT = split_of(RECORDS)
NONE = np.empty(0, dtype=np.int64)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": -1.0}, "alpha must be >= 0, got -1.0"),
        ({"lambda2": -1.0}, "lambda2 must be >= 0, got -1.0"),
        ({"order": 3}, "order must be 1 or 2, got 3"),
        ({"every": 0}, "every must be >= 1, got 0"),
        ({"n_forget": 0}, "n_forget must be >= 1 or None, got 0"),
        ({"n_forget": None}, "request is None: give one of them"),
        ({"n_retain": 0}, "n_retain must be >= 1 with lambda1=2.0, got 0"),
        ({"lambda2": 1.0, "n_recovery": 0}, "n_recovery must be >= 1 with lambda2=1.0, got 0"),
        ({"geometry": "cubic"}, "geometry must be one of gradient, sign, normalised, random, got 'cubic'"),
        ({"bound": "wall"}, "bound must be one of none, cap, chance, soft, got 'wall'"),
        ({"alpha_unit": "mile"}, "alpha_unit must be one of request, record, got 'mile'"),
        ({"bound": "cap"}, "bound='cap' needs bound_level > 0, got None"),
        ({"bound": "soft", "bound_level": 0.0}, "bound='soft' needs bound_level > 0, got 0.0"),
        ({"epochs": 0}, "epochs must be a number >= 1 or a stage"),
        ({"warmup": -0.5}, "warmup must be a number of epochs >= 0, got -0.5"),
        ({"warmup": math.nan}, "warmup must be a number of epochs >= 0, got nan"),
        ({"epochs": (3, 3)}, r"0 <= start < stop, got \(3, 3\)"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_value_and_bound(settings, message):
    with pytest.raises(SettingsError, match=message):
        Preparation(**settings)


@pytest.mark.parametrize(
    ("epochs", "every", "wanted"),
    [
        (None, 1, [(e, i) for e in range(6) for i in range(4)]),
        (2, 1, [(e, i) for e in (4, 5) for i in range(4)]),
        (2, 3, [(e, i) for e in (4, 5) for i in (0, 3)]),
        ((1, 3), 2, [(e, i) for e in (1, 2) for i in (0, 2)]),
        (9, 4, [(e, 0) for e in range(6)]),
    ],
)
def test_the_last_epochs_or_a_stage_and_every_kth_step_prepare(epochs, every, wanted):
    p = Preparation(epochs=epochs, every=every)
    assert [(e, i) for e in range(6) for i in range(4) if p.prepares(e, 6, i)] == wanted


@pytest.mark.parametrize("epochs", [None, 4, (2, 6)])
def test_the_weights_grow_evenly_from_where_preparation_begins(epochs):
    p = Preparation(epochs=epochs, warmup=1.5)
    first = p.stage(6)[0]
    grown = [p.grown(first + e, 6, i, 4) for e in (0, 1) for i in range(4)]
    assert grown == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1, 1])
    assert Preparation(epochs=epochs).grown(first, 6, 0, 4) == 1.0


def test_a_step_of_the_warmup_weighs_the_future_less_and_the_present_as_ever():
    weak, full = Preparation(0.3, delta=True, lambda0=0.25, lambda1=0.5, epochs=1), Preparation(0.3, delta=True, epochs=1, warmup=1.0)
    found = []
    for p in (weak, full):
        s = replace(step_input(Classify(), RECORDS, epoch=9, index=0, n_steps=4), n_epochs=10)
        Ready2Unlearn(SPLIT, p)(s)
        found.append([parameter.grad for parameter in s.model.parameters()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("bound", "level", "expected"), [("none", None, True), ("cap", 2.0, True), ("chance", 1.9, False), ("soft", 9.0, False)]
)
def test_a_bound_that_no_example_has_reached_leaves_the_losses_alone(bound, level, expected):
    losses = torch.tensor([0.5, 2.0])
    assert bound_is_inactive(losses, bound, level) is expected
    assert torch.equal(bounded(losses, bound, level), losses) is expected


def test_a_planned_inner_step_is_as_long_as_the_unlearning_times_its_factor():
    assert Preparation(Planned(steps=20, size=1e-4)).length == pytest.approx(1.5 * 20 * 1e-4)


def test_the_papers_weights_on_a_small_forget_share_are_refused_with_every_remedy():
    p = Preparation(alpha=1e-5, lambda3=4.0)
    with pytest.raises(SettingsError, match=r"lambda3 \* 0.1 - lambda0 = -0.6 < 0 .*bound='cap'.*delta=True.*lambda3 >= 10.*balanced=True"):
        p.refuse_divergence(0.1)
    with pytest.raises(SettingsError, match="net weight"):
        Ready2Unlearn(SPLIT, Preparation(lambda3=1.0))(step_input(Classify(), RECORDS))


@pytest.mark.parametrize(
    "settings",
    [
        {"lambda3": 10.0},
        {"bound": "cap", "bound_level": 1.0},
        {"delta": True},
        {"balanced": True},
        {"share_weighted": True},
        {"lambda0": 0.3},
        {"allow_divergence": True},
    ],
)
def test_each_remedy_lets_the_same_weights_run(settings):
    Preparation(**settings).refuse_divergence(0.1)


@pytest.mark.parametrize(
    ("split", "settings", "part"),
    [
        (Split(NONE, SPLIT.retain, NONE), {}, "forget"),
        (Split(SPLIT.forget, NONE, NONE), {}, "retain"),
        (Split(SPLIT.forget, NONE, NONE), {"lambda1": 0.0, "balanced": True}, "retain"),
        (Split(SPLIT.forget, SPLIT.retain, NONE), {"lambda2": 1.0}, "recovery"),
    ],
)
def test_an_empty_part_that_would_be_drawn_from_is_refused(split, settings, part):
    with pytest.raises(SettingsError, match=f"split.{part} is empty"):
        Ready2Unlearn(split, Preparation(**settings))


def test_a_part_whose_weight_is_zero_may_be_empty():
    Ready2Unlearn(Split(SPLIT.forget, NONE, NONE), Preparation(lambda1=0.0, allow_divergence=True))(step_input(Classify(), RECORDS))


class Seen(Classify):
    """Notes the records of every batch."""

    def batch(self, records, ids, *, rng):
        self.__dict__.setdefault("drawn", []).append(ids)
        return super().batch(records, ids, rng=rng)


def drawn(preparation, split=SPLIT):
    """Returns the records of x_f, x and x_r in a prepared step."""
    task = Seen()
    s = step_input(task, RECORDS)
    Ready2Unlearn(split, preparation)(s)
    return task.__dict__["drawn"], s


def test_samples_have_their_sizes_without_repeats_and_come_from_their_parts():
    (f, x, r, rc), s = drawn(Preparation(n_forget=4, n_retain=7, n_recovery=3, lambda2=1.0, allow_divergence=True))
    for ids, size, part in ((f, 4, SPLIT.forget), (r, 7, SPLIT.retain), (rc, 3, SPLIT.recovery)):
        assert len(set(ids)) == size
        assert set(ids) <= set(part)
    assert (x == s.ids).all()


def test_a_simulated_request_is_taken_whole_and_retained_records_come_from_outside_it():
    asked = SPLIT.forget[2:6]
    (f, _, r), _ = drawn(Preparation(request=lambda rng: asked, n_forget=None, n_retain=500, allow_divergence=True))
    assert (f == asked).all()
    assert len(r) == 500
    assert set(r) == set(RECORDS.ids) - set(asked)  # revocable records outside the request included


def test_balanced_steps_draw_half_from_each_part():
    (_, x, _), _ = drawn(Preparation(balanced=True, n_forget=4))
    assert np.isin(x, SPLIT.forget).sum() == 8
    assert np.isin(x, SPLIT.retain).sum() == 8


@pytest.mark.parametrize(
    ("request_of", "message"), [(lambda rng: NONE, "holds 0 records"), (lambda rng: RECORDS.ids, "takes every record")]
)
def test_an_empty_request_and_one_that_takes_everything_are_refused(request_of, message):
    with pytest.raises(SettingsError, match=message):
        drawn(Preparation(request=request_of, n_forget=None, allow_divergence=True))


def gradient_of(**settings):
    asked = SPLIT.forget[:5]
    base = {"request": lambda rng: asked, "n_forget": None, "lambda1": 0.0, "allow_divergence": True}
    adaptive = settings.pop("adaptive", None)
    s = step_input(Classify(), RECORDS)
    Ready2Unlearn(SPLIT, Preparation(**{**base, **settings}), adaptive)(s)
    return gradients(s.model)["first.weight"]


def test_alpha_by_record_grows_with_the_request():
    assert torch.equal(gradient_of(alpha=0.1, alpha_unit="record"), gradient_of(alpha=0.5))


def test_share_weighted_counts_the_request_by_its_share_of_all_records():
    torch.testing.assert_close(gradient_of(lambda0=2.0, share_weighted=True), gradient_of(lambda0=2.0 * 5 / 40), atol=1e-14, rtol=0)


def test_normalised_weights_divide_by_the_sum_of_lambda_1_to_3():
    plain = gradient_of(lambda1=2.0, lambda3=4.0)
    torch.testing.assert_close(gradient_of(lambda1=2.0, lambda3=4.0, normalised_weights=True), plain / 6, atol=1e-14, rtol=0)


def test_the_adaptive_scale_multiplies_the_forward_looking_weights_alone():
    adaptive = Adaptive(reference=1.0, scale=0.25)
    found = gradient_of(lambda1=2.0, lambda3=4.0, adaptive=adaptive)
    torch.testing.assert_close(found, gradient_of(lambda0=0.25, lambda1=0.5, lambda3=4.0), atol=1e-14, rtol=0)


def test_the_adaptive_scale_shrinks_below_the_floor_and_recovers_to_at_most_one():
    adaptive = Adaptive(reference=0.5, loss_share=0.1, shrink=0.5, grow=1.5)
    scales = []
    for value in (0.46, 0.44, 0.44, 0.46, 0.46, 0.46, 0.46):
        adaptive.observe(value)
        scales.append(adaptive.scale)
    assert scales == [1.0, 0.5, 0.25, 0.375, 0.5625, 0.84375, 1.0]


def test_chance_needs_a_task_that_knows_it_or_a_level():
    split = split_of(pairs())
    with pytest.raises(CapabilityError, match="give bound_level"):
        Ready2Unlearn(split, Preparation(bound="chance"))(step_input(Match(), pairs()))
    Ready2Unlearn(split, Preparation(bound="chance", bound_level=0.7))(step_input(Match(), pairs()))


def test_bounds_hold_back_what_is_past_the_level_and_refuse_what_they_do_not_know():
    losses = torch.tensor([0.1, 2.0, 9.0], dtype=torch.float64, requires_grad=True)
    assert bounded(losses, "cap", 2.5).tolist() == [0.1, 2.0, 2.5]
    soft = bounded(losses, "soft", 2.5)
    assert (soft < 2.5).all()
    soft.sum().backward()
    assert losses.grad[0] > 0.9
    assert losses.grad[2] < 0.01
    with pytest.raises(SettingsError, match="bound='cap' needs bound_level > 0, got None"):
        bounded(losses, "cap", None)
    with pytest.raises(SettingsError, match="bound must be one of"):
        bounded(losses, "wall", 1.0)


def test_a_zero_gradient_has_no_direction_and_gives_no_nan():
    zero = torch.zeros(3, requires_grad=True)
    moved = shaped({"w": zero * 2}, "normalised")["w"]
    moved.sum().backward()
    assert moved.tolist() == [0, 0, 0]
    assert torch.isfinite(zero.grad).all()
    with pytest.raises(SettingsError, match="geometry must be"):
        shaped({"w": zero}, "cubic")


def test_random_signs_move_as_far_as_the_sign_step_and_repeat_with_their_stream():
    gradient = {"w": torch.tensor([0.3, -2.0, 0.0, 5.0] * 50), "table": torch.sparse_coo_tensor([[1, 1]], torch.ones(2, 40), (3, 40))}
    moved, again, other = (shaped(gradient, "random", np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(moved["w"].abs(), shaped(gradient, "sign")["w"].abs())
    assert torch.equal(moved["w"], again["w"])
    assert not torch.equal(moved["w"], other["w"])
    assert set(moved["table"].coalesce().values().flatten().tolist()) == {-1.0, 1.0}
    assert abs(float(moved["w"].mean())) < 0.3
    with pytest.raises(SettingsError, match="geometry='random' draws signs: give the step's rng"):
        shaped(gradient, "random")


def test_a_random_inner_step_is_drawn_from_the_step_and_not_from_the_global_state():
    first, second = gradient_of(alpha=0.1, geometry="random"), gradient_of(alpha=0.1, geometry="random")
    assert torch.equal(first, second)
    assert not torch.equal(first, gradient_of(alpha=0.1, geometry="sign"))

"""Weights that give way when validation falls behind: what they are held against, and what is remembered."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from core_toys import Match, pairs, points, split_of, step_input

from r2u_rec.core.prepare.adaptive import Adaptive
from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.errors import SettingsError

RECORDS = points()
SPLIT = split_of(RECORDS)


def test_two_steps_made_from_one_adaptive_do_not_share_its_scale():
    given = Adaptive(reference=1.0)
    first, second = (Ready2Unlearn(SPLIT, Preparation(), given) for _ in range(2))
    first.adaptive.observe(0.0)
    assert (first.adaptive.scale, second.adaptive.scale, given.scale) == (0.5, 1.0, 1.0)


def test_values_of_epochs_that_did_not_prepare_leave_the_scale_alone():
    records = pairs()
    step = Ready2Unlearn(split_of(records), Preparation(delta=True, epochs=1), Adaptive(reference=1.0))
    standard = replace(step_input(Match(), records), n_epochs=2)
    step(standard)
    step.observe(0.0)
    assert step.adaptive.scale == 1.0
    step(replace(standard, epoch=1))
    step.observe(0.0)
    assert step.adaptive.scale == 0.5
    step.observe(0.0)
    assert step.adaptive.scale == 0.5


def test_without_a_reference_the_highest_value_heard_stands_for_standard_training():
    adaptive = Adaptive(loss_share=0.1)
    assert adaptive.floor == -math.inf
    adaptive.observe(0.5, prepared=False)
    adaptive.observe(0.8, prepared=False)
    adaptive.observe(0.73)
    assert adaptive.scale == 1.0
    adaptive.observe(0.71)
    assert (adaptive.scale, adaptive.floor) == (0.5, pytest.approx(0.72))


def test_a_step_taken_up_again_remembers_the_best_value_and_whether_it_prepared():
    records = pairs()
    first, second = (Ready2Unlearn(split_of(records), Preparation(delta=True), Adaptive(loss_share=0.1)) for _ in range(2))
    first.observe(0.8)
    first(step_input(Match(), records))
    second.load_state_dict(first.state_dict())
    second.observe(0.1)
    assert (second.adaptive.best, second.adaptive.scale) == (0.8, 0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss_share": 1.0}, r"loss_share must lie in \[0, 1\), got 1.0"),
        ({"shrink": 1.0}, "shrink must lie in"),
        ({"grow": 0.9}, "grow be >= 1"),
    ],
)
def test_adaptive_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        Adaptive(reference=1.0, **settings)

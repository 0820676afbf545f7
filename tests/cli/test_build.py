"""Objects made from settings."""

from __future__ import annotations

import pytest
import torch

from r2u_rec.cli.build import operator_of, threads, training
from r2u_rec.cli.settings import ForgetSettings, ModelSettings, Settings, TrainingSettings
from r2u_rec.errors import SettingsError


def test_threads_are_set_inside_and_put_back_on_every_way_out():
    before = torch.get_num_threads()

    def broken() -> None:
        with threads(before + 1):
            assert torch.get_num_threads() == before + 1
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        broken()
    assert torch.get_num_threads() == before


def test_no_threads_are_refused():
    with pytest.raises(SettingsError, match=r"training\.threads must be >= 1 or null, got 0"), threads(0):
        pass


def test_the_loop_gets_every_training_setting_of_the_same_name():
    made = training(TrainingSettings(epochs=3, lr=0.5, schedule="constant", patience=2))
    assert (made.epochs, made.lr, made.schedule, made.patience) == (3, 0.5, "constant", 2)


@pytest.mark.parametrize(("model", "operator"), [("ease", "exact"), ("mf", "newton"), ("lightgcn", "newton")])
def test_the_operator_follows_the_model_unless_it_is_named(model, operator):
    assert operator_of(Settings(model=ModelSettings(name=model))) == operator
    assert operator_of(Settings(model=ModelSettings(name=model), forget=ForgetSettings(operator="ascent"))) == "ascent"

"""Objects made from settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest
import torch

from r2u_rec.cli.build import canary_rule, operator_of, task, threads, trainer, training
from r2u_rec.cli.cohorts import draw_cohorts
from r2u_rec.cli.model_settings import FORGETS_BY
from r2u_rec.cli.settings import Arm, ForgetSettings, ModelSettings, PrepareSettings, Settings, TrainingSettings
from r2u_rec.data import read_log
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


def test_nobody_by_whom_a_run_is_judged_is_a_canary():
    rng = np.random.default_rng(0)
    log = read_log(
        pd.DataFrame({"user": np.repeat(np.arange(60), 12), "item": np.concatenate([rng.permutation(40)[:12] for _ in range(60)])})
    )
    s = Settings(forget=ForgetSettings(length="canaries"))
    cohorts = draw_cohorts(log, rng.random(60), s.revocability, seed=0)
    drawn = canary_rule(s, cohorts).draw(cohorts.records)
    assert len(drawn) > 0
    assert not np.intersect1d(drawn, np.concatenate([cohorts.forget, cohorts.holdout, cohorts.calibration_users])).size
    assert np.isin(drawn, cohorts.revocable).all()


def test_the_readme_says_which_model_forgets_by_what():
    text = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    table = re.search(r"\| `model.name` \| `forget.operator` \|\n\|---\|---\|\n((?:\|.*\n)+)", text)
    assert table is not None
    told = {}
    for row in table[1].splitlines():
        models, operators = (tuple(re.findall(r"`(\w+)`", cell)) for cell in row.strip("|").split("|"))
        told |= dict.fromkeys(models, operators)
    assert told == FORGETS_BY
    assert set(FORGETS_BY) == set(get_args(get_type_hints(ModelSettings)["name"]))


@pytest.mark.parametrize("arm", get_args(Arm))
def test_every_way_to_train_is_one_setting_and_no_two_are_the_same(arm):
    rng = np.random.default_rng(0)
    log = read_log(
        pd.DataFrame({"user": np.repeat(np.arange(30), 8), "item": np.concatenate([rng.permutation(20)[:8] for _ in range(30)])})
    )
    model = ModelSettings(embedding_dim=4)
    s = Settings(model=model, training=TrainingSettings(epochs=4, batch_size=64, lr=0.05), prepare=PrepareSettings(arm=arm, clip_norm=1e-3))
    made = trainer(s, arm, np.arange(12)).train(task(model), log, seed=0)
    plain = trainer(s, "standard", np.arange(12)).train(task(model), log, seed=0)
    assert torch.isfinite(made.tables()[1]).all()
    assert torch.equal(made.tables()[1], plain.tables()[1]) == (arm == "standard")

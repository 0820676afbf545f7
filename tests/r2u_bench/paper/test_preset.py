"""Presets: sizes of all experiments from YAML, with mistakes named."""

from __future__ import annotations

import pytest
from r2u_bench.paper.catalogue import EXPERIMENTS
from r2u_bench.paper.preset import Preset, load_preset, packaged

from r2u_rec.errors import SettingsError


@pytest.fixture
def write(tmp_path):
    def file(text: str) -> str:
        (tmp_path / "mine.yaml").write_text(text)
        return str(tmp_path / "mine.yaml")

    return file


def test_quick_and_full_are_packaged_and_name_only_experiments_that_there_are():
    assert list(packaged()) == ["quick", "full"]
    for name in packaged():
        assert load_preset(name, experiments=EXPERIMENTS or ["none"]).name == name


def test_an_experiments_own_settings_go_over_those_of_its_kind(write):
    preset = load_preset(write("seed: 5\nimage: {epochs: 12, lr: 0.1}\nexperiments: {fig8: {trials: 3, epochs: 20}}"))
    assert preset.section("image") == {"epochs": 12, "lr": 0.1}
    assert preset.section("image", "fig8") == {"epochs": 20, "lr": 0.1}
    assert preset.seeds("fig8") == (5, 6, 7)
    assert preset.section("text", "fig5") == {}


def test_the_number_of_trials_can_be_given_for_all(write):
    preset = load_preset(write("experiments: {fig8: {trials: 3}}"), n_trials=1)
    assert preset.seeds("fig8") == preset.seeds("fig3") == (0,)


def test_an_experiment_without_trials_is_refused():
    for wrong in ({}, {"fig3": {"trials": 0}}, {"fig3": {"trials": True}}, {"fig3": {"trials": 1.5}}):
        with pytest.raises(SettingsError, match="preset small: fig3 must have trials of at least 1"):
            Preset("small", experiments=wrong).trials("fig3")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("imge: {}", "unknown key 'imge'; did you mean 'image'?"),
        ("experiments: {fig33: {}}", "unknown experiment 'fig33'; did you mean 'fig3'?"),
        ("image: 3", "image must hold settings by name, got 3"),
        ("experiments: {fig3: 3}", "experiments.fig3 must hold settings by name, got 3"),
        ("- 1", "it must hold settings by name"),
        ("image: {alpha: 1e-5}", "image.alpha is the text '1e-5' to YAML: write a number such as 1.0e-5"),
        ("seed: -1", "seed must be a whole number of at least 0, got -1"),
        ("image: [", "cannot be read"),
    ],
)
def test_a_mistake_in_a_file_is_named(write, text, said):
    with pytest.raises(SettingsError) as error:
        load_preset(write(text), experiments=["fig3"])
    assert said in str(error.value)


def test_an_unknown_preset_suggests_the_nearest_and_too_few_trials_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="unknown preset 'quik'; did you mean 'quick'"):
        load_preset("quik")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_preset(str(tmp_path / "gone.yaml"))
    with pytest.raises(SettingsError, match="--trials must be at least 1, got 0"):
        load_preset("quick", n_trials=0)

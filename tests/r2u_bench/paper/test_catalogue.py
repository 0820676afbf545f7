"""The catalogue: names to experiments, and every listed one plans its trials with every packaged preset."""

from __future__ import annotations

import textwrap

import pytest
from paper_toys import NOWHERE, PRESET, TOY
from r2u_bench.paper import experiment as experiment_module
from r2u_bench.paper.bench import planned
from r2u_bench.paper.catalogue import EXPERIMENTS, experiment, experiments
from r2u_bench.paper.preset import Preset, load_preset, packaged

from r2u_rec.errors import SettingsError

LISTED = {"toy": "paper_toys:TOY", "nowhere": "paper_toys:NOWHERE"}


def unplanned(among: dict[str, str], presets: list) -> list[str]:
    """Returns what is wrong with each listed experiment that cannot be loaded or planned."""
    wrong = []
    for name in among:
        for preset in presets:
            try:
                planned(experiment(name, among), preset)
            except SettingsError as error:
                wrong.append(f"{name} with {preset.name}: {error}")
    return wrong


def test_every_listed_experiment_plans_trials_with_every_packaged_preset():
    assert unplanned(EXPERIMENTS, [load_preset(name) for name in packaged()]) == []


def test_an_experiment_that_cannot_be_planned_is_found():
    among = {**LISTED, "other": "paper_toys:TOY", "gone": "paper_toys:GONE"}
    assert [line.partition(":")[0] for line in unplanned(among, [PRESET])] == ["other with small", "gone with small"]


def test_all_stands_for_every_listed_one_and_none_comes_twice():
    assert experiments(["nowhere", "all", "toy"], LISTED) == [NOWHERE, TOY]
    assert experiments(["paper_toys:TOY"], {}) == [TOY]


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(
        SettingsError, match=r"unknown experiment 'tyo'; did you mean 'toy'. there are toy, nowhere, or name one as module:object"
    ):
        experiment("tyo", LISTED)


def test_a_name_that_is_listed_for_another_experiment_is_refused():
    with pytest.raises(SettingsError, match="paper_toys:TOY is named 'toy', but listed as 'other'"):
        experiment("other", {"other": "paper_toys:TOY"})


def test_the_example_of_how_to_add_an_experiment_works_as_it_stands(tmp_path):
    lines = [line for line in experiment_module.__doc__.splitlines() if line.startswith("    ") or not line]
    example: dict = {}
    exec(textwrap.dedent("\n".join(lines)), example)
    found = example["EXPERIMENT"]
    specs = planned(found, Preset("small", {"image": {"lr": 0.1}}, {"fig8": {"trials": 3}}))
    rows = []
    for key, each in specs.items():
        steps = 100 / each["prepare_epochs"] + each["seed"]
        rows += [{**each, "trial": key, "what": "summary", "steps_to_half": steps}]
        rows += [{**each, "trial": key, "what": "curve", "step": step, "forget_accuracy": 1 - step / steps} for step in range(3)]
    assert [finding.outcome for finding in found.judge(rows).claims[0].findings] == ["agrees"]
    found.draw(rows, tmp_path / "fig8")
    assert (tmp_path / "fig8.png").is_file()

"""Image trials: which images they train on and measure, what the watched ascent finds, and what a trial returns."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from image_toys import N_CLASSES, PRESET, SETTINGS, parts
from r2u_bench.paper.images import trial as image_trial
from r2u_bench.paper.images.arms import NAMES, repaired, step_of
from r2u_bench.paper.images.ascent import ascend_
from r2u_bench.paper.images.data import by_class, by_instance
from r2u_bench.paper.images.plans import class_of, spec_of
from r2u_bench.paper.images.probes import PROBES

from r2u_rec.core.strategies import standard
from r2u_rec.errors import DivergenceError, SettingsError
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.vision import ImageTask, cnn

PARTS = parts()
SIZES = {"n_train": 160, "n_test": 90, "seed": 3}


@pytest.fixture(autouse=True)
def _made_images(monkeypatch):
    monkeypatch.setattr(image_trial, "loaded_parts", lambda data: PARTS)


def trial(arm: str, **over):
    return image_trial.run(spec_of(SETTINGS, arm=arm, forget=over.pop("forget", [1]), seed=900, **over))


def summary(rows):
    return next(row for row in rows if row["what"] == "summary")


@pytest.fixture(scope="module")
def learned():
    """A trained model with its task and problem."""
    spec = spec_of(SETTINGS, arm="standard", forget=[1], seed=900)
    problem = by_class(PARTS, [1], n_train=160, n_test=90, seed=900)
    task = ImageTask(cnn())
    model, _, _ = image_trial.trained(spec, task, problem)
    return model, task, problem


def test_a_class_is_measured_on_all_its_test_images_and_the_others_on_a_sample():
    problem = by_class(PARTS, [1, 2], **{**SIZES, "n_test": 40})
    assert set(problem.train.labels[problem.train.positions(problem.forget)]) == {1, 2}
    assert (len(problem.test_forget), len(problem.test_retain)) == (60, 40)
    assert not {1, 2} & set(problem.test_retain.labels.tolist())
    assert np.array_equal(problem.revocable, problem.forget)


def test_overlap_takes_retained_images_for_revocable_ones_and_withdraws_the_class_alone():
    problem = by_class(PARTS, [1], overlap=0.2, **SIZES)
    taken = np.setdiff1d(problem.revocable, problem.forget)
    assert len(taken) / len(problem.revocable) == pytest.approx(0.2, abs=0.02)
    assert 1 not in problem.train.labels[problem.train.positions(taken)]


def test_the_same_seed_draws_the_same_images_whatever_is_forgotten():
    assert np.array_equal(by_class(PARTS, [0], **SIZES).train.ids, by_class(PARTS, [3], overlap=0.1, **SIZES).train.ids)


def test_a_retrained_model_never_sees_the_class():
    assert 1 not in by_class(PARTS, [1], without=True, **SIZES).train.labels


def test_wrong_images_are_measured_by_the_labels_they_bore_in_training():
    problem = by_instance(PARTS, 12, **SIZES)
    true = PARTS.train.labels[PARTS.train.positions(problem.forget)]
    assert len(problem.forget) == 12
    assert (problem.test_forget.labels != true).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": []}, "at least one class and leave at least one of 4"),
        ({"classes": range(4)}, "at least one class and leave at least one of 4"),
        ({"classes": [0], "overlap": 1.0}, r"overlap must lie in \[0, 1\), got 1.0"),
        ({"classes": [0], "overlap": 0.9}, "there are .*: lower it"),
        ({"classes": [0], "n_train": 0}, "at least 1 image of the train part is needed, got 0"),
    ],
)
def test_a_problem_that_cannot_be_posed_is_refused(settings, message):
    with pytest.raises(SettingsError, match=message):
        by_class(PARTS, **{**SIZES, **settings})


def test_the_step_of_a_level_is_the_first_one_at_or_below_it_though_looked_at_seldom(learned):
    model, task, problem = learned
    images = (problem.train.keep(problem.forget), problem.test_forget, problem.test_retain)
    settings = {"steps": 60, "lr": 1e-4, "batch_size": 16, "seed": 5, "levels": (0.5, 0.25)}
    seldom, each = (ascend_(copy.deepcopy(model), task, *images, every=every, **settings) for every in (7, 1))
    assert seldom.reached == each.reached
    step = each.reached[0.5][0]
    by_step = {row["step"]: row for row in each.curve}
    assert by_step[step]["forget_accuracy"] <= 0.5 < by_step[step - 1]["forget_accuracy"]
    assert by_step[step]["retain_accuracy"] == each.reached[0.5][1]


def test_watching_does_not_change_the_ascent(learned):
    model, task, problem = learned
    images = problem.train.keep(problem.forget)
    watched, plain = copy.deepcopy(model), copy.deepcopy(model)
    ascend_(watched, task, images, problem.test_forget, problem.test_retain, steps=9, lr=1e-3, batch_size=16, seed=5, every=2)
    GradientAscent(9, 1e-3, optimizer="adam", batch_size=16).edit_(task, plain, images, None, seed=5)
    assert all(np.array_equal(a.detach(), b.detach()) for a, b in zip(watched.parameters(), plain.parameters(), strict=True))


def test_an_ascent_that_ends_before_the_level_has_its_last_look_and_no_step(learned):
    model, task, problem = learned
    images = (problem.train.keep(problem.forget), problem.test_forget, problem.test_retain)
    found = ascend_(copy.deepcopy(model), task, *images, steps=3, lr=1e-6, batch_size=16, seed=5, levels=(0.5,), every=2)
    assert found.reached == {}
    assert [row["step"] for row in found.curve] == [0, 2, 3]


def test_a_trial_reports_training_curve_and_steps():
    rows = trial("standard")
    end = summary(rows)
    assert [row["epoch"] for row in rows if row["what"] == "training"] == [1, 2, 3, 4, 5, 6]
    assert end["forget_before"] > 0.9
    assert 0 < end["steps_to_half"] <= end["steps_to_chance"] <= 80
    assert end["retain_lost"] == pytest.approx(end["retain_before"] - end["retain_at_chance"])
    assert end["training_seconds"] > 0


def test_the_same_spec_gives_the_same_figures():
    untimed = [[{k: v for k, v in row.items() if "seconds" not in k} for row in trial("repaired", epochs=2)] for _ in range(2)]
    assert untimed[0] == untimed[1]


def test_the_controls_differ_from_the_repaired_form_in_the_inner_step_alone():
    specs = {arm: spec_of(SETTINGS, arm=arm, forget=[1], seed=900) for arm in ("repaired", "alpha0", "random")}
    full = repaired(specs["repaired"])
    assert full.length == pytest.approx(1.5 * 4 * 3e-4)
    assert (repaired(specs["alpha0"]).length, repaired(specs["alpha0"]).geometry) == (0.0, "sign")
    assert (repaired(specs["random"]).length, repaired(specs["random"]).geometry) == (full.length, "random")


@pytest.mark.parametrize("arm", [arm for arm in NAMES if arm not in ("standard", "repaired")])
def test_every_arm_trains_and_is_measured(arm):
    end = summary(trial(arm, epochs=2, ascent_steps=5))
    assert end["diverged"] or 0 <= end["forget_before"] <= 1


def test_training_that_diverges_is_a_result_and_not_an_error(monkeypatch):
    def broken(spec, problem):
        def step(s):
            raise DivergenceError("term 'future' is nan at epoch 0, step 3")

        return step

    monkeypatch.setattr(image_trial, "step_of", broken)
    end = summary(trial("literal"))
    assert (end["diverged"], end["trouble"]) == (True, "term 'future' is nan at epoch 0, step 3")
    assert "steps_to_half" not in end


def test_standard_and_unknown_arms():
    problem = by_class(PARTS, [1], **SIZES)
    assert step_of({"arm": "noisy"}, problem) is standard
    with pytest.raises(SettingsError, match=r"arm must be one of standard, .*, got 'magic'"):
        step_of({"arm": "magic"}, problem)


def test_a_spec_holds_what_its_arm_reads_and_refuses_the_rest():
    assert "lambda1" not in spec_of(SETTINGS, arm="standard", forget=[1], seed=0)
    with pytest.raises(SettingsError, match="arm standard does not read lambda1"):
        spec_of(SETTINGS, arm="standard", forget=[1], seed=0, lambda1=3.0)
    with pytest.raises(SettingsError, match="arm clipped needs clip_norm; did you mean 'clip_nrm'"):
        spec_of({**{k: v for k, v in SETTINGS.items() if k != "clip_norm"}, "clip_nrm": 1}, arm="clipped", forget=[1], seed=0)
    with pytest.raises(SettingsError, match="arm must be one of"):
        spec_of(SETTINGS, arm="magic", forget=[1], seed=0)


def test_each_seed_forgets_the_next_class():
    assert [class_of(900 + i, "mnist", PRESET.seed) for i in (0, 1, 9, 10)] == [0, 1, 9, 0]
    with pytest.raises(SettingsError, match="the classes of others are not known to the plans"):
        class_of(0, "svhn", 0)


def test_probes_work_on_copies_and_leave_the_ascent_what_it_was():
    plain = trial("standard", ascent_steps=10)
    probed = trial("standard", ascent_steps=10, probes=["one-sample"])
    assert [row for row in plain if row["what"] == "curve"] == [row for row in probed if row["what"] == "curve"]
    assert [row["n_samples"] for row in probed if row["what"] == "few"] == [1, 8, 64]
    assert N_CLASSES == 4


@pytest.mark.parametrize(
    ("probe", "what", "columns"),
    [
        ("bounded", "past", {"ascent", "step", "forget_accuracy", "retain_accuracy"}),
        ("wear", "worn", {"further", "steps_to_half", "retain_at_half", "forget_before"}),
        ("retrained", "against", {"model", "loss_forget", "kl_forget", "kl_retain", "membership_auc"}),
    ],
)
def test_every_probe_is_asked_and_answers(learned, monkeypatch, probe, what, columns):
    monkeypatch.setattr("r2u_bench.paper.images.probes.PAST_STEPS", 20)
    model, task, problem = learned
    spec = spec_of(SETTINGS, arm="standard", forget=[1], seed=900, epochs=3, ascent_steps=20)
    before = [p.detach().clone() for p in model.parameters()]
    rows = PROBES[probe](spec, task, problem, model)
    assert all(row["what"] == what and columns <= row.keys() for row in rows)
    assert all(np.array_equal(a, b.detach()) for a, b in zip(before, model.parameters(), strict=True))


def test_a_retrained_model_does_not_know_the_class_and_the_trained_one_does(learned):
    model, task, problem = learned
    rows = PROBES["retrained"](spec_of(SETTINGS, arm="standard", forget=[1], seed=900, ascent_steps=5), task, problem, model)
    second = next(row for row in rows if row["model"] == "second retrained")
    assert second["loss_forget"] > 5 * rows[0]["loss_forget"]
    assert second["kl_forget"] < rows[0]["kl_forget"]

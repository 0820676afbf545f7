"""An interrupted fit that goes on gives the bytes of one that was never interrupted."""

from __future__ import annotations

import os
import signal

import pytest
import torch
from core_toys import Classify, Match, pairs, points, split_of, state_bytes

from r2u_rec.core.checkpoint import write_checkpoint
from r2u_rec.core.prepare.adaptive import Adaptive
from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.strategies import standard
from r2u_rec.core.training import Training, fit_
from r2u_rec.errors import SettingsError

EVERYTHING = {
    "epochs": 6,
    "batch_size": 8,
    "accumulate": 2,
    "schedule": "linear",
    "average_share": 0.5,
    "patience": 3,
    "validate_every": 1,
    "checkpoint_seconds": 0.0,
}


class Crash(RuntimeError):
    """Stands for a power cut."""


def prepared(task, records):
    """A step with state: simulated requests, and a scale that reacts to validation."""
    split = split_of(records)
    p = Preparation(0.2, bound="cap", bound_level=1.0, epochs=4, request=lambda rng: split.forget[: 3 + rng.integers(5)], n_forget=None)
    return Ready2Unlearn(split, p, Adaptive(reference=-0.2, loss_share=0.0))


def validation(task, records):
    def validate(model):
        with torch.no_grad():
            return -float(task.losses(model, task.batch(records, records.ids[::3], rng=None)).mean())

    return validate


def run(task, records, *, at=None, how=None, checkpoint=None, settings=EVERYTHING):
    """Fits; at the step counted `at` of this call it is stopped by `how`. Returns model, history and step."""
    inner, count = prepared(task, records), 0

    class Stopping(Ready2Unlearn):
        def __call__(self, s):
            nonlocal count
            if count == at and how == "crash":
                raise Crash
            if count == at and how == "interrupt":
                os.kill(os.getpid(), signal.SIGINT)
            count += 1
            return super().__call__(s)

    step = Stopping(inner.split, inner.preparation, inner.adaptive)
    step.preparation = inner.preparation
    model = task.model(records, seed=4)
    history = fit_(
        model,
        task,
        records,
        training=Training(**settings),
        seed=4,
        step=step,
        validate=validation(task, records),
        checkpoint=checkpoint,
    )
    return model, history, step


def facts(result):
    model, history, step = result
    timeless = [{k: v for k, v in row.items() if k not in ("seconds", "records_per_second")} for row in history.epochs]
    return state_bytes(model), timeless, history.stopped, history.steps, step.adaptive.scale


PROBLEMS = {"dense": (Classify(norm=True), points()), "sparse": (Match(), pairs())}


@pytest.fixture(scope="module")
def uninterrupted():
    return {name: facts(run(*problem)) for name, problem in PROBLEMS.items()}


@pytest.mark.parametrize("at", [0, 1, 5, 13, 19])
@pytest.mark.parametrize(("how", "error"), [("crash", Crash), ("interrupt", KeyboardInterrupt)])
@pytest.mark.parametrize("name", PROBLEMS)
def test_resumed_equals_uninterrupted_bit_for_bit_and_leaves_no_checkpoint(name, how, error, at, uninterrupted, tmp_path):
    path = tmp_path / "fit.ckpt"
    with pytest.raises(error):
        run(*PROBLEMS[name], at=at, how=how, checkpoint=path)
    assert path.exists() or (how == "crash" and at <= 1)
    assert facts(run(*PROBLEMS[name], checkpoint=path)) == uninterrupted[name]
    assert list(tmp_path.iterdir()) == []


def test_the_runs_compared_use_what_they_are_meant_to_use(uninterrupted):
    """Early stopping in one, a scale that has moved, prepared steps."""
    assert {facts[2] for facts in uninterrupted.values()} == {"early", "completed"}
    assert all(facts[4] < 1 for facts in uninterrupted.values())
    assert all("forget_displaced" in facts[1][-1] for facts in uninterrupted.values())


def test_interrupted_again_and_again_equals_uninterrupted(tmp_path):
    task, records, path = Classify(), points(), tmp_path / "fit.ckpt"
    n_stops = 0
    while True:
        try:
            found = run(task, records, at=7, how="interrupt", checkpoint=path)
            break
        except KeyboardInterrupt:
            n_stops += 1
    assert n_stops > 2
    assert facts(found) == facts(run(task, records))


@pytest.mark.parametrize("epoch", [1, 5])
def test_ctrl_c_during_validation_is_heard_even_after_the_last_epoch(epoch, tmp_path):
    task, records, path = Classify(), points(), tmp_path / "fit.ckpt"
    settings = Training(epochs=6, batch_size=8)

    def interrupting(model, calls=[]):  # noqa: B006 - counts its own calls
        calls.append(1)
        if len(calls) == epoch + 1:
            os.kill(os.getpid(), signal.SIGINT)
        return 1.0

    model = task.model(records, seed=0)
    with pytest.raises(KeyboardInterrupt, match=rf"stopped at epoch {epoch + 1}, step 0; resume from .*fit\.ckpt"):
        fit_(model, task, records, training=settings, seed=0, validate=interrupting, checkpoint=path)
    again, whole = (task.model(records, seed=0) for _ in range(2))
    fit_(again, task, records, training=settings, seed=0, validate=lambda model: 1.0, checkpoint=path)
    fit_(whole, task, records, training=settings, seed=0, validate=lambda model: 1.0)
    assert state_bytes(again) == state_bytes(whole)


def test_ctrl_c_without_a_checkpoint_finishes_the_step_and_stops():
    with pytest.raises(KeyboardInterrupt, match=r"stopped at epoch 0, step 4$"):  # the fourth batch completes the second pair
        run(Classify(), points(), at=3, how="interrupt")


def test_a_second_ctrl_c_interrupts_at_once():
    def step(s):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the step went on")

    task, records = Classify(), points()
    with pytest.raises(KeyboardInterrupt):
        fit_(task.model(records, seed=0), task, records, training=Training(epochs=1), seed=0, step=step)


def stopped_at(path, task, records):
    with pytest.raises(KeyboardInterrupt):
        run(task, records, at=3, how="interrupt", checkpoint=path)


def test_a_checkpoint_of_other_settings_seed_records_or_step_is_refused(tmp_path):
    task, records, path = Classify(), points(), tmp_path / "fit.ckpt"
    stopped_at(path, task, records)
    base = {"training": Training(**EVERYTHING), "seed": 4, "validate": validation(task, records), "checkpoint": path}
    step = prepared(task, records)
    for changed in (
        {"training": Training(**{**EVERYTHING, "lr": 0.5})},
        {"seed": 5},
        {"step": standard},
    ):
        with pytest.raises(SettingsError, match=r"fit.ckpt belongs to other settings, another seed, other records"):
            fit_(task.model(records, seed=4), task, records, **{**base, "step": step, **changed})
    fewer = records.drop(records.ids[-1:])
    with pytest.raises(SettingsError, match="other records"):
        fit_(task.model(records, seed=4), task, fewer, **base, step=step)
    assert path.exists()


def test_a_checkpoint_of_another_preparation_is_refused():
    task, records = Classify(), points()
    state = prepared(task, records).state_dict()
    other = Ready2Unlearn(split_of(records), Preparation(0.3, delta=True), Adaptive(reference=1.0))
    with pytest.raises(SettingsError, match="belongs to another split or preparation"):
        other.load_state_dict(state)
    prepared(task, records).load_state_dict(state)


def test_how_often_checkpoints_are_written_may_change(tmp_path):
    task, records, path = Classify(), points(), tmp_path / "fit.ckpt"
    stopped_at(path, task, records)
    assert facts(run(task, records, checkpoint=path, settings={**EVERYTHING, "checkpoint_seconds": 9.0})) == facts(run(task, records))


def test_a_crash_while_writing_leaves_the_older_checkpoint(tmp_path):
    path = tmp_path / "fit.ckpt"
    write_checkpoint(path, "mark", {"a": torch.ones(3)})
    before = path.read_bytes()
    with pytest.raises(Exception, match="pickle"):
        write_checkpoint(path, "mark", {"a": lambda: 0})
    assert path.read_bytes() == before


def test_a_finished_fit_also_deletes_what_a_crash_while_writing_left(tmp_path):
    path = tmp_path / "fit.ckpt"
    (tmp_path / "fit.ckpt.partial").write_bytes(b"half a model")
    run(Classify(), points(), checkpoint=path)
    assert list(tmp_path.iterdir()) == []

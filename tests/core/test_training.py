"""The loop: same seed same bytes, what it averages, validates, restores, refuses and shows."""

from __future__ import annotations

import signal
import threading

import numpy as np
import pytest
import torch
from core_toys import Classify, Match, Net, Points, pairs, points, split_of, state_bytes

from r2u_rec.core.prepare.adaptive import Adaptive
from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.rowwise import RowwiseAdam
from r2u_rec.core.step import StepInput
from r2u_rec.core.strategies import standard
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training, fit_, usable_device
from r2u_rec.errors import DivergenceError, SettingsError
from r2u_rec.rng import stream

RECORDS = points()
TASK = Classify(norm=True)


def trained(task=TASK, records=RECORDS, *, seed=0, step=standard, settings=None, **arguments):
    model = task.model(records, seed=seed)
    history = fit_(
        model, task, records, training=Training(**{"epochs": 4, "batch_size": 16, **(settings or {})}), seed=seed, step=step, **arguments
    )
    return model, history


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(optimizer):
    models = [trained(seed=seed, settings={"optimizer": optimizer})[0] for seed in (0, 0, 1)]
    assert state_bytes(models[0]) == state_bytes(models[1]) != state_bytes(models[2])


def test_the_loop_equals_a_naive_one():
    model, _ = trained(settings={"lr": 0.01, "schedule": "linear", "accumulate": 2})
    naive = TASK.model(RECORDS, seed=0).train()
    optimizer = torch.optim.Adam(naive.parameters(), lr=0.01)
    for epoch in range(4):
        optimizer.param_groups[0]["lr"] = 0.01 * (1 - epoch / 4)
        order = stream(0, "order", epoch).permutation(RECORDS.ids)
        for group in ((order[:16], order[16:32]), (order[32:],)):  # the last, short group counts its own batches
            loss = sum(sum(TASK.objective(naive, TASK.batch(RECORDS, ids, rng=None))).mean() for ids in group) / len(group)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for name, p in model.state_dict().items():
        torch.testing.assert_close(p, naive.state_dict()[name], atol=1e-12, rtol=0)


def test_accumulation_works_on_sparse_tables():
    halves, _ = trained(Match(), pairs(), settings={"batch_size": 15, "accumulate": 2, "optimizer": "sgd", "lr": 0.3})
    whole, _ = trained(Match(), pairs(), settings={"batch_size": 30, "optimizer": "sgd", "lr": 0.3})
    torch.testing.assert_close(halves.left.weight, whole.left.weight, atol=1e-13, rtol=0)


def test_the_callers_random_state_and_interrupt_handler_come_back():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    before = signal.getsignal(signal.SIGINT)
    trained()
    assert torch.equal(torch.rand(3), wanted)
    assert signal.getsignal(signal.SIGINT) is before


def test_it_runs_outside_the_main_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(trained()[0]))
    thread.start()
    thread.join()
    assert state_bytes(found[0]) == state_bytes(trained()[0])


def test_what_is_left_is_in_eval_mode_without_gradients():
    model, history = trained()
    assert not model.training
    assert all(p.grad is None for p in model.parameters())
    assert (history.stopped, history.steps, len(history.epochs)) == ("completed", 12, 4)


def test_history_rows_hold_the_mean_of_each_term():
    seen = []

    def noting(s):
        terms = standard(s)
        seen.append(float(terms["loss"]))
        return terms

    _, history = trained(step=noting)
    assert [row["loss"] for row in history.epochs] == [sum(seen[i : i + 3]) / 3 for i in range(0, 12, 3)]
    assert [row["epoch"] for row in history.epochs] == [0, 1, 2, 3]
    assert all(row["records_per_second"] == 40 / row["seconds"] for row in history.epochs)
    assert history.seconds == sum(row["seconds"] for row in history.epochs)


def test_averaging_is_the_mean_of_the_last_epochs_ends_with_the_last_running_statistics():
    ends = []
    plain, _ = trained(callbacks=[lambda epoch, model, row: ends.append({k: v.clone() for k, v in model.state_dict().items()})])
    averaged, _ = trained(settings={"average_share": 0.5})
    for name, p in averaged.named_parameters():
        torch.testing.assert_close(p, (ends[2][name] + ends[3][name]) / 2, atol=1e-14, rtol=0)
    assert torch.equal(averaged.norm.running_mean, plain.norm.running_mean)


def test_validation_every_k_epochs_sees_the_averaged_model_once_there_is_one():
    seen = []

    def validate(model):
        seen.append((model.training, model.last.weight.detach().clone()))
        return len(seen)

    averaged, history = trained(settings={"average_share": 0.5, "validate_every": 2}, validate=validate)
    assert [row.get("validation") for row in history.epochs] == [None, 1.0, None, 2.0]
    assert [training for training, _ in seen] == [False, False]
    assert torch.equal(seen[1][1], averaged.last.weight)


def test_early_stopping_restores_the_best_and_says_so():
    values, states = iter([1.0, 3.0, 2.0, 2.5, 9.0]), []

    def validate(model):
        states.append(state_bytes(model))
        return next(values)

    model, history = trained(settings={"epochs": 5, "patience": 2}, validate=validate)
    assert (history.stopped, len(history.epochs)) == ("early", 4)
    assert state_bytes(model) == states[1]


def test_without_patience_the_last_state_stays_whatever_validation_says():
    values = iter([4.0, 3.0, 2.0, 1.0])
    assert state_bytes(trained(validate=lambda model: next(values))[0]) == state_bytes(trained()[0])


def test_callbacks_hear_epoch_model_and_row():
    heard = []
    trained(
        validate=lambda model: 0.5, callbacks=[lambda epoch, model, row: heard.append((epoch, isinstance(model, Net), row["validation"]))]
    )
    assert heard == [(e, True, 0.5) for e in range(4)]


def test_the_adaptive_scale_hears_each_validation_value():
    step = Ready2Unlearn(split_of(RECORDS), Preparation(delta=True), Adaptive(reference=1.0))
    values = iter([1.0, 0.5, 0.5, 1.0])
    trained(step=step, validate=lambda model: next(values))
    assert step.adaptive.scale == pytest.approx(0.5 * 0.5 * 1.2)


def nan_in_step(where):
    def step(s: StepInput):
        terms = standard(s)
        return {**terms, "future": torch.tensor(float("nan"))} if (s.epoch, s.index) == where else terms

    return step


def test_a_term_that_is_not_finite_raises_naming_epoch_step_and_term():
    with pytest.raises(DivergenceError, match=r"term 'future' is nan at epoch 1, step 2 .lr 0.001.: lower the learning rate"):
        trained(step=nan_in_step((1, 2)))


def test_a_gradient_that_is_not_finite_is_found_by_the_end_of_the_epoch():
    def step(s: StepInput):
        terms = standard(s)
        s.model.last.weight.grad.fill_(float("inf"))
        return terms

    with pytest.raises(DivergenceError, match=r"parameter 'last.weight' is not finite after epoch 0"):
        trained(step=step, settings={"optimizer": "sgd", "batch_size": 64})


def test_a_validation_value_that_is_not_finite_raises():
    with pytest.raises(DivergenceError, match="validate returned nan after epoch 0"):
        trained(validate=lambda model: float("nan"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be >= 1, got 0"),
        ({"batch_size": 0}, "batch_size must be >= 1, got 0"),
        ({"accumulate": 0}, "accumulate must be >= 1, got 0"),
        ({"validate_every": 0}, "validate_every must be >= 1, got 0"),
        ({"lr": 0.0}, r"lr must lie in \(0, 1e6\], got 0.0"),
        ({"lr": 1e308}, r"lr must lie in \(0, 1e6\], got 1e\+308"),
        ({"average_share": 1.5}, r"average_share must lie in \[0, 1\], got 1.5"),
        ({"patience": 0}, "patience must be >= 1 or None, got 0"),
        ({"checkpoint_seconds": -1.0}, "checkpoint_seconds must be >= 0, got -1.0"),
        ({"optimizer": "lion"}, "optimizer must be one of adam, adamw, sgd, got 'lion'"),
        ({"schedule": "cosine"}, "schedule must be one of constant, linear, got 'cosine'"),
        ({"precision": "int8"}, "precision must be one of float32, bfloat16, got 'int8'"),
        ({"weight_decay": 0.1}, "weight_decay must be 0 with optimizer='adam'"),
        ({"weight_decay": -0.1, "optimizer": "sgd"}, "got -0.1 with 'sgd'"),
    ],
)
def test_a_setting_out_of_range_is_refused_with_value_and_bound(settings, message):
    with pytest.raises(SettingsError, match=message):
        Training(**settings)


def test_no_records_and_patience_without_validation_are_refused():
    none = RECORDS.drop(RECORDS.ids)
    with pytest.raises(SettingsError, match="there are 0 records to train on"):
        fit_(TASK.model(RECORDS, seed=0), TASK, none, training=Training(), seed=0)
    with pytest.raises(SettingsError, match="patience=3 needs validate"):
        trained(settings={"patience": 3})


def test_weight_decay_reaches_sgd():
    with_decay, without = (trained(settings={"optimizer": "sgd", "lr": 0.1, "weight_decay": w})[0] for w in (0.5, 0.0))
    assert with_decay.last.weight.norm() < without.last.weight.norm()


def test_bfloat16_runs_the_model_under_autocast():
    seen = []

    class Watching(Classify):
        def objective(self, model, batch):
            seen.append(torch.is_autocast_enabled("cpu"))
            return super().objective(model, batch)

    trained(Watching(), settings={"precision": "bfloat16", "epochs": 1})
    assert seen == [True] * 3


def test_the_bar_shows_label_loss_and_throughput_when_asked_and_nothing_otherwise(capsys):
    trained(progress=True, label="preparing", settings={"epochs": 2})
    shown = capsys.readouterr().err
    assert "preparing" in shown
    assert "loss" in shown
    assert "records/s" in shown
    trained()
    trained(progress=False)
    assert capsys.readouterr().err == ""


def test_a_trainer_makes_the_step_for_the_records_at_hand_attaches_last_and_hears_the_history():
    made, histories = [], []

    def strategy(records: Points):
        made.append(len(records))
        return standard

    trainer = GradientTrainer(Training(epochs=1), strategy, on_history=histories.append)
    model = trainer.train(TASK, RECORDS, seed=0)
    trainer.train(TASK, RECORDS.drop(RECORDS.ids[:3]), seed=0)
    assert made == [40, 37]
    assert [h.steps for h in histories] == [1, 1]
    assert model.attached_to == tuple(RECORDS.ids.tolist())


def test_the_standard_optimiser_is_rowwise_adam_so_that_untouched_rows_keep_their_bits():
    records = pairs()
    model, _ = trained(Match(), records)
    untouched = np.setdiff1d(np.arange(40), records.left)
    assert torch.equal(model.left.weight[untouched], Match().model(records, seed=0).left.weight[untouched])
    assert not torch.equal(model.left.weight, Match().model(records, seed=0).left.weight)
    assert issubclass(RowwiseAdam, torch.optim.Optimizer)


@pytest.mark.parametrize("name", ["banana", "", "meta", "CPU"])
def test_a_device_that_cannot_train_is_refused_by_name(name):
    with pytest.raises(SettingsError, match=f"training.device='{name}' cannot train here"):
        usable_device(name)

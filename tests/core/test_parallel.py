"""Several processes that train one model: what they agree on, and that together they do what one does."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from core_toys import Classify, Match, Net, pairs, points, split_of, state_bytes
from torch import distributed, multiprocessing, nn

from r2u_rec.core.parallel import Processes
from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.privacy.private import private
from r2u_rec.core.step import StepInput, Terms
from r2u_rec.core.strategies import standard
from r2u_rec.core.training import Training, fit_
from r2u_rec.errors import CapabilityError, DivergenceError

RECORDS = points(40)
SETTINGS: dict[str, Any] = {"epochs": 3, "batch_size": 16, "lr": 0.05, "optimizer": "sgd"}
SIZE = 2


def fitted(step: Any = standard, task: Any = None, **settings: Any) -> nn.Module:
    task = Classify() if task is None else task
    rest = {key: settings.pop(key) for key in ("checkpoint", "callbacks", "validate") if key in settings}
    model = task.model(RECORDS, seed=1)
    fit_(model, task, RECORDS, training=Training(**{**SETTINGS, **settings}), seed=4, step=step, **rest)
    return model


def said(call: Any) -> str:
    try:
        call()
    except (CapabilityError, DivergenceError, KeyboardInterrupt) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def broken_in_one(s: StepInput) -> Terms:
    terms = standard(s)
    return {**terms, "loss": torch.tensor(float("inf"))} if Processes.now().rank == 1 and s.epoch == 1 else terms


def stop_one(epoch: int, model: nn.Module, row: dict[str, float]) -> None:
    if epoch == 1 and Processes.now().rank == 1:
        os.kill(os.getpid(), signal.SIGINT)


def in_a_process(rank: int, folder: Path) -> None:
    """Everything that is asked of two processes, in one start of them."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=SIZE)
    other = Net(rank, norm=False)  # begins elsewhere in each process
    fit_(other, Classify(), RECORDS, training=Training(**SETTINGS), seed=4)
    split = split_of(RECORDS)
    prepared = Preparation(0.1, delta=True, n_forget=4, n_retain=4)
    sparse = Match(sparse=True)
    found = {
        "together": fitted().state_dict(),
        "other": other.state_dict(),
        "normed": fitted(task=Classify(norm=True)).state_dict(),
        "prepared": fitted(Ready2Unlearn(split, prepared)).state_dict(),
        "broken": said(lambda: fitted(broken_in_one)),
        "sparse": said(lambda: fit_(sparse.model(pairs(), seed=0), sparse, pairs(), training=Training(epochs=1), seed=0)),
        "private": said(lambda: fitted(private(batch_size=16))),
        "stopped": said(lambda: fitted(checkpoint=folder / "fit.pt", callbacks=[stop_one], optimizer="adam")),
        "kept": (folder / "fit.pt").exists(),
        "resumed": state_bytes(fitted(checkpoint=folder / "fit.pt", optimizer="adam")),
        "whole": state_bytes(fitted(optimizer="adam")),
    }
    distributed.barrier()
    found["left"] = (folder / "fit.pt").exists()
    torch.save(found, folder / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("two")
    multiprocessing.spawn(in_a_process, (folder,), nprocs=SIZE)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(SIZE)]


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], atol=1e-12, rtol=0, msg=lambda m, name=name: f"{name}: {m}")


def test_two_processes_do_what_one_does(two):
    assert_same(two[0]["together"], fitted().state_dict())


@pytest.mark.parametrize("which", ["together", "other", "normed", "prepared"])
def test_they_end_with_one_model_wherever_they_began_and_whatever_they_drew(two, which):
    assert_same(two[0][which], two[1][which])


def test_what_diverges_in_one_is_told_in_both(two):
    assert two[1]["broken"].startswith("DivergenceError: term 'loss' is inf at epoch 1, step 0")
    assert two[0]["broken"].startswith("DivergenceError: term of another process is not finite at epoch 1, step 0")


def test_ctrl_c_in_one_stops_both_and_a_later_call_ends_with_the_same_bytes(two):
    for each in two:
        assert each["stopped"].startswith("KeyboardInterrupt: stopped at epoch 2, step 0; resume from")
        assert each["kept"]
        assert each["resumed"] == each["whole"]
        assert not each["left"]


def test_what_cannot_be_added_up_is_refused_in_both(two):
    for each in two:
        assert "is sparse, and 2 processes cannot add those up: build the model with sparse=False" in each["sparse"]
        assert "DP-SGD in 2 processes would average 2 noises" in each["private"]


def test_the_parts_of_a_batch_are_of_one_size_and_leave_nobody_out():
    ids = np.arange(7) * 2
    parts = [Processes(rank, 3).share(ids) for rank in range(3)]
    assert {len(part) for part in parts} == {3}
    assert set(np.concatenate(parts)) == set(ids)
    assert Processes().share(ids) is ids

"""The promises of a method, on images: what stays, what goes, what is read, and what is left untouched."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from r2u_rec.core.prepare.preparation import Preparation
from r2u_rec.core.prepare.ready2unlearn import Ready2Unlearn
from r2u_rec.core.protocols import Split
from r2u_rec.core.strategies import standard
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.errors import UnknownRecordError
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.retrain import Retrain
from r2u_rec.vision import ImageSet, ImageTask, any_module, cnn

_DRAW = np.random.default_rng(0)
IMAGES = ImageSet(
    1_000_003 + 7 * np.arange(48, dtype=np.int64), _DRAW.integers(0, 256, (48, 1, 4, 4)).astype(np.uint8), np.arange(48) % 3, 3
)


@dataclasses.dataclass(frozen=True)
class Watched(ImageTask):
    """The task as it is; it opens locked records for `attach` alone, and counts."""

    def attach(self, model: nn.Module, records: Any) -> None:
        super().attach(model, records.opened if isinstance(records, Locked) else records)
        model.__dict__["attached"] = model.__dict__.get("attached", 0) + 1


class Locked:
    """Records of which only the request and the ids are to be had."""

    def __init__(self, opened: ImageSet) -> None:
        self.opened = opened

    def keep(self, ids: Any) -> ImageSet:
        return self.opened.keep(ids)

    def drop(self, ids: Any) -> Locked:
        return Locked(self.opened.drop(ids))

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"retained data was read: {name}")


def prepared(images: ImageSet) -> Ready2Unlearn:
    forget = images.ids_of_classes([0])
    return Ready2Unlearn(
        Split(forget, np.setdiff1d(images.ids, forget), forget[:0]),
        Preparation(0.01, bound="chance", delta=True, geometry="sign", n_forget=4, n_retain=4, epochs=1),
    )


TRAINING = Training(epochs=2, batch_size=16, lr=1e-2)
ASCENT = GradientAscent(steps=3, lr=1e-2, optimizer="adam")
METHODS = {
    "standard + ascent": PostHoc(GradientTrainer(TRAINING, lambda images: standard), ASCENT),
    "prepared + ascent": PostHoc(GradientTrainer(TRAINING, prepared), ASCENT),
    "retrain": Retrain(GradientTrainer(TRAINING)),
}
TASKS = {
    "linear": Watched(any_module(lambda n_classes: nn.Sequential(nn.Flatten(), nn.Linear(16, n_classes)))),
    "CNN": Watched(cnn()),
    "CNN, batch norm": Watched(cnn(batch_norm=True)),
    "CNN, noisy": Watched(cnn(), noisy=IMAGES.ids[:10]),
}
REQUESTS = {
    "one image": [IMAGES.ids[[5]]],
    "a class": [IMAGES.ids_of_classes([1])],
    "a stream": [IMAGES.ids[[5]], IMAGES.ids[[0, 1]]],
}
every = pytest.mark.parametrize(("method", "task"), [(m, t) for m in METHODS for t in TASKS], ids=lambda name: name)


@cache
def fitted(method: str, task: str) -> Any:
    return METHODS[method].fit(TASKS[task], IMAGES, seed=0)


@cache
def forgotten(method: str, task: str, request_name: str) -> Any:
    now = fitted(method, task)
    for ids in REQUESTS[request_name]:
        now = METHODS[method].forget(TASKS[task], now, ids, seed=1)
    return now


def state(now: Any) -> bytes:
    return b"".join(value.numpy().tobytes() for value in now.model.state_dict().values())


@every
def test_the_old_fitted_is_not_touched_and_the_same_seed_gives_the_same_bytes(method, task):
    before = fitted(method, task)
    untouched, ids = state(before), before.records.ids.tolist()
    again = METHODS[method].forget(TASKS[task], before, REQUESTS["a class"][0], seed=1)
    assert state(again) == state(forgotten(method, task, "a class")) != untouched
    assert (state(before), before.records.ids.tolist()) == (untouched, ids)


@every
@pytest.mark.parametrize("request_name", REQUESTS)
def test_what_remains_are_the_other_images_and_nothing_of_the_erased_ones(method, task, request_name):
    after = forgotten(method, task, request_name)
    erased = np.sort(np.concatenate(REQUESTS[request_name]))
    left = IMAGES.drop(erased)
    assert np.array_equal(after.records.ids, left.ids)
    assert np.array_equal(after.records.pixels, left.pixels)
    assert np.array_equal(after.records.labels, left.labels)
    gone = {image.tobytes() for image in IMAGES.keep(erased).pixels}
    assert not gone & {image.tobytes() for image in after.records.pixels}
    assert after.memory is None
    assert all(p.grad is None for p in after.model.parameters())
    assert not set(vars(after.model)) - set(vars(TASKS[task].model(IMAGES, seed=0))) - {"attached"}
    assert after.model.attached == (1 if method == "retrain" else 1 + len(REQUESTS[request_name]))


@every
def test_unknown_and_already_forgotten_ids_raise_and_forgetting_nothing_changes_nothing(method, task):
    for ids in (IMAGES.ids[[5]], np.array([7])):
        with pytest.raises(UnknownRecordError, match="never existed or are already forgotten"):
            METHODS[method].forget(TASKS[task], forgotten(method, task, "one image"), ids, seed=1)
    assert state(METHODS[method].forget(TASKS[task], fitted(method, task), [], seed=1)) == state(fitted(method, task))


@pytest.mark.parametrize("task", TASKS)
def test_retraining_equals_training_on_what_remains(task):
    again = METHODS["retrain"].fit(TASKS[task], IMAGES.drop(REQUESTS["a class"][0]), seed=1)
    assert state(forgotten("retrain", task, "a class")) == state(again)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("method", ["standard + ascent", "prepared + ascent"])
def test_editing_reads_the_request_alone(method, task):
    locked = dataclasses.replace(fitted(method, task), records=Locked(IMAGES))
    after = METHODS[method].forget(TASKS[task], locked, *REQUESTS["a class"], seed=1)
    assert state(after) == state(forgotten(method, task, "a class"))


def test_running_statistics_of_the_erased_images_are_gone():
    task = TASKS["CNN, batch norm"]
    after = forgotten("standard + ascent", "CNN, batch norm", "a class")
    other = task.model(IMAGES, seed=3)
    other.load_state_dict(after.model.state_dict())
    for layer in (other.features[1], other.features[5]):
        torch.nn.init.constant_(layer.running_mean, 9.0)
    task.attach(other.eval(), after.records)
    assert state(dataclasses.replace(after, model=other)) == state(after)

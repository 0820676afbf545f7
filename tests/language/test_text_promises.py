"""The promises of a method, kept on documents: as the conformance suite has them for interactions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from language_toys import BUILDERS, state_bytes, task_of

from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
from r2u_rec.language.models import with_lora
from r2u_rec.unlearn.gradient_ascent import GradientAscent
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.retrain import Retrain

TRAINER = GradientTrainer(Training(epochs=1, batch_size=24, lr=0.01), progress=False)
METHODS = {"ascent": PostHoc(TRAINER, GradientAscent(steps=2, lr=0.01, optimizer="adam")), "retrain": Retrain(TRAINER)}
BUILDS = {**BUILDERS, "LoRA": with_lora(BUILDERS["llama"], r=2)}
every = pytest.mark.parametrize(("method", "build"), [(m, b) for m in METHODS for b in BUILDS])


class Locked:
    """Records of which only the request and the ids are to be had."""

    def __init__(self, opened: Any) -> None:
        self.opened = opened

    @property
    def ids(self) -> Any:
        return self.opened.ids

    def keep(self, ids: Any) -> Any:
        return self.opened.keep(ids)

    def drop(self, ids: Any) -> Locked:
        return Locked(self.opened.drop(ids))

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"retained data was read: {name}")


@every
def test_forgetting_nothing_leaves_the_parameters_unchanged(method, build, documents):
    task = task_of(BUILDS[build])
    before = METHODS[method].fit(task, documents, seed=0)
    after = METHODS[method].forget(task, before, [], seed=1)
    assert state_bytes(after.model) == state_bytes(before.model)
    assert after.records.ids.tolist() == documents.ids.tolist()


@every
def test_two_requests_may_come_in_either_order_and_nothing_stays_behind(method, build, documents):
    task, requests = task_of(BUILDS[build]), (documents.ids[3:5], documents.ids[[20]])
    start = METHODS[method].fit(task, documents, seed=0)
    found = []
    for order in (requests, requests[::-1]):
        now = start
        for ids in order:
            now = METHODS[method].forget(task, now, ids, seed=1)
        found.append(now)
    left = np.setdiff1d(documents.ids, np.concatenate(requests))
    for now in found:
        assert now.records.ids.tolist() == left.tolist()
        assert now.records.tokens.tolist() == documents.tokens[left].tolist()
        assert now.memory is None
        assert not now.model.training
        assert all(p.grad is None for p in now.model.parameters())
    farthest = 0 if METHODS[method].exact else 0.09  # two requests of two steps of .01 each, and the other way round
    for a, b in zip(found[0].model.state_dict().values(), found[1].model.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, atol=farthest, rtol=0)


@pytest.mark.parametrize("build", BUILDS)
def test_editing_reads_the_request_alone(build, documents):
    task, ids = task_of(BUILDS[build]), documents.ids[:5]
    before = METHODS["ascent"].fit(task, documents, seed=0)
    locked = METHODS["ascent"].forget(task, replace(before, records=Locked(documents)), ids, seed=1)
    assert state_bytes(locked.model) == state_bytes(METHODS["ascent"].forget(task, before, ids, seed=1).model)

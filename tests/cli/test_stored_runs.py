"""What the command line trained forgets from a folder as it would have in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from r2u_rec.cli import build
from r2u_rec.cli.build import task
from r2u_rec.cli.cohorts import draw_cohorts
from r2u_rec.cli.forgetting import stored_method
from r2u_rec.cli.settings import ForgetSettings, ModelSettings, RevocabilitySettings, Settings, TrainingSettings
from r2u_rec.core.protocols import Fitted
from r2u_rec.data.reading.read import read_log
from r2u_rec.errors import CapabilityError
from r2u_rec.recsys.closed_form.ease import Ease
from r2u_rec.storage import load, save
from r2u_rec.unlearn.post_hoc import PostHoc
from r2u_rec.unlearn.scaled import ScaledMemory

MF = ModelSettings(embedding_dim=4, reg=0.01)


@pytest.fixture(scope="module")
def log(ratings):
    return read_log(ratings)


def stored(fitted: Fitted, folder: Path) -> Fitted:
    save(fitted, folder)
    return load(folder, task(MF))


def test_ascent_to_the_length_that_canaries_set_forgets_from_a_folder_as_in_memory(log, tmp_path):
    s = Settings(
        model=MF,
        training=TrainingSettings(epochs=2, batch_size=512, lr=0.05),
        forget=ForgetSettings(operator="ascent", target="canaries", steps=3),
        revocability=RevocabilitySettings(scorer="uniform", calibration_share=0.1),
    )
    cohorts = draw_cohorts(log, np.arange(log.n_users, dtype=float), s.revocability, seed=0)
    made = build.method(s, "standard", "ascent", cohorts).fit(task(MF), cohorts.records, seed=0)
    back = stored(made, tmp_path / "run")
    assert back.memory == made.memory == ScaledMemory(back.memory.length, None)
    ids = made.records.ids_of_users(np.flatnonzero(made.records.user_counts)[:3])
    method = stored_method(s, back)
    one, two = (method.forget(task(MF), each, ids, seed=0) for each in (made, back))
    for name, value in one.model.state_dict().items():
        assert torch.equal(value, two.model.state_dict()[name]), name
    full = PostHoc(method.trainer, build.climb(s)).forget(task(MF), made, ids, seed=0)
    start, short, long = (each.model.state_dict()["item_embedding.weight"] for each in (made, two, full))
    torch.testing.assert_close(short - start, back.memory.length * (long - start), atol=1e-5, rtol=1e-3)
    with pytest.raises(CapabilityError, match="kept no length for forget"):
        stored_method(s, replace(back, memory=None))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_ease_comes_back_and_still_forgets_exactly(log, tmp_path, dtype):
    ease = Ease(reg=10.0, dtype=dtype)
    fitted = ease.fit(None, log, seed=0)
    save(fitted, tmp_path / "run")
    back = load(tmp_path / "run")
    assert torch.equal(back.model.inverse, fitted.model.inverse)
    ids = log.ids_of_users([1])
    after, anew = ease.forget(None, back, ids, seed=0), ease.fit(None, log.drop(ids), seed=0)
    np.testing.assert_allclose(after.memory.inverse, anew.memory.inverse, atol=1e-12)

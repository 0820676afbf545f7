"""Every method's memory and model come back from a folder as they were, forget as they would have, and give the same bytes again."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
import torch

from r2u_rec import storage
from r2u_rec.core.protocols import Fitted
from r2u_rec.core.stored import StoredParts, StoredSource
from r2u_rec.errors import DataError, SettingsError
from r2u_rec.registry.tables import STORED
from r2u_rec.storage.kinds import class_of
from r2u_rec.testing.contents import content, state_bytes
from r2u_rec.unlearn.scaled import Scaled, ScaledMemory

CONFORMANCE = Path(__file__).parent.parent / "conformance"
sys.path.insert(0, str(CONFORMANCE))  # where the rosters stand, as for the conformance suite
ROSTERS = [import_module(path.stem) for path in sorted(CONFORMANCE.glob("roster*.py"))]
METHODS = {name: method for part in ROSTERS for name, method in part.METHODS.items()}
TASKS = {name: task for part in ROSTERS for name, task in part.TASKS.items()}
LOG = import_module("roster").LOG
PAIRS = [pair for part in ROSTERS for pair in part.PAIRS]
ONCE = sorted({**{m: (m, t) for m, t in reversed(PAIRS)}, **{t: (m, t) for m, t in reversed(PAIRS)}}.values())
ONCE = list(dict.fromkeys(ONCE))
"""Each method with the first of its tasks, and each task with the first of its methods."""
USERS, SINGLE = LOG.ids_of_users([2, 5]), LOG.ids[[100]]


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}


def memory_content(fitted: Fitted) -> Any:
    """All that the memory holds, but how often a test's task has attached a model."""
    return [(where, leaf) for where, leaf in content(fitted.memory) if "attached" not in where]


@pytest.mark.parametrize(("method", "task"), ONCE)
def test_what_a_method_keeps_comes_back_and_forgets_as_it_would_have(method, task, tmp_path):
    how, task = METHODS[method], TASKS[task]
    fitted = how.forget(task, how.fit(task, LOG, seed=0), USERS, seed=1)  # memories are full only after a request
    storage.save_fitted(fitted, tmp_path / "one", about={"method": method})
    back = storage.load_fitted(tmp_path / "one", task)
    assert type(back.model) is type(fitted.model)
    assert back.model.training == fitted.model.training
    assert state_bytes(back.model) == state_bytes(fitted.model)
    assert type(back.memory) is type(fitted.memory)
    if not hasattr(fitted.memory, "models"):
        assert memory_content(back) == memory_content(fitted)
    storage.save_fitted(back, tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")
    here, there = (how.forget(task, each, SINGLE, seed=2) for each in (fitted, back))
    assert state_bytes(here.model) == state_bytes(there.model)
    assert (here.model.scores([0, 7]) == there.model.scores([0, 7])).all()


def test_the_served_system_and_its_memory_share_their_shards_again(tmp_path):
    fitted = METHODS["sharded"].fit(TASKS["LightGCN"], LOG, seed=0)
    storage.save_fitted(fitted, tmp_path / "run")
    back = storage.load_fitted(tmp_path / "run", TASKS["LightGCN"])
    assert all(one is two for one, two in zip(back.model.shards, back.memory.models, strict=True))
    assert (back.model.counts == fitted.model.counts).all()
    assert back.memory.checkpoints[0][0].keys() == fitted.memory.checkpoints[0][0].keys()
    for name in ("combine", "fold_all"):
        assert getattr(back.model, name) == getattr(fitted.model, name)


def test_the_inverse_of_ease_is_written_once(tmp_path):
    fitted = METHODS["ease"].fit(None, LOG, seed=0)
    storage.save_fitted(fitted, tmp_path / "run")
    assert not (tmp_path / "run" / "model.safetensors").exists()
    back = storage.load_fitted(tmp_path / "run")
    assert back.memory.inverse.data_ptr() == back.model.inverse.data_ptr()


def test_a_length_comes_back_with_what_the_edit_inside_keeps(tmp_path):
    method = METHODS["standard + newton"]
    method = replace(method, unlearner=Scaled(method.unlearner, 0.5))
    fitted = method.fit(TASKS["MF, BPR"], LOG, seed=0)
    storage.save_fitted(fitted, tmp_path / "run")
    back = storage.load_fitted(tmp_path / "run", TASKS["MF, BPR"])
    assert isinstance(back.memory, ScaledMemory)
    assert content(back.memory) == content(fitted.memory)


def test_a_model_in_shards_without_its_memory_is_refused(tmp_path):
    fitted = METHODS["sharded"].fit(TASKS["MF, BPR"], LOG, seed=0)
    with pytest.raises(DataError, match="a ShardedRecommender is stored with the memory that holds its models"):
        storage.save_fitted(replace(fitted, memory=None), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_model_alone_comes_back_on_the_records_that_it_is_given(tmp_path):
    fitted = METHODS["retrain"].fit(TASKS["LightGCN"], LOG, seed=0)
    storage.save_model(fitted.model, tmp_path / "model", about={"seconds": 1.5})
    back = storage.load_model(tmp_path / "model", TASKS["LightGCN"], LOG)
    assert (back.scores([0, 3]) == fitted.model.scores([0, 3])).all()
    assert storage.read_manifest(tmp_path / "model").about == {"seconds": 1.5}
    with pytest.raises(DataError, match="holds a model alone, without records: read it with load_model"):
        storage.load_fitted(tmp_path / "model", TASKS["LightGCN"])


@pytest.mark.parametrize(("wrong", "said"), [("none", "only its task can build, and there is none"), ("SASRec", "other sizes or kind")])
def test_a_task_that_builds_another_model_is_refused(wrong, said, tmp_path):
    fitted = METHODS["retrain"].fit(TASKS["LightGCN"], LOG, seed=0)
    storage.save_fitted(fitted, tmp_path / "run")
    with pytest.raises(DataError, match=said):
        storage.load_fitted(tmp_path / "run", TASKS[wrong])


def test_a_folder_of_another_model_than_expected_is_refused(tmp_path):
    storage.save_fitted(METHODS["ease"].fit(None, LOG, seed=0), tmp_path / "run", about={"model": "ease"})
    with pytest.raises(DataError, match="holds model=ease and model=mf was asked for: they do not belong together"):
        storage.load_fitted(tmp_path / "run", None, expected={"model": "mf"})


@pytest.mark.parametrize("name", STORED)
def test_every_built_in_line_names_the_class_that_has_its_name(name):
    assert class_of(name).stored_as == name
    assert all(callable(getattr(class_of(name), part)) for part in ("parts", "from_parts"))


class Notes:
    """A memory of somebody else's method."""

    stored_as: ClassVar[str] = "notes"

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values

    def parts(self) -> StoredParts:
        return StoredParts({"values": self.values}, {"n": 3})

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        assert source.values["n"] == 3
        return cls(source.tensors["values"])


def test_a_memory_of_somebody_else_is_stored_once_it_is_registered(tmp_path):
    fitted = replace(
        METHODS["retrain"].fit(TASKS["MF, BPR"], LOG, seed=0), memory=Notes(torch.arange(3)[None, :, None] + torch.zeros(2, 3, 2))
    )
    with pytest.raises(DataError, match="a Notes cannot be written to a folder: give its class stored_as, parts and from_parts"):
        storage.save_fitted(fitted, tmp_path / "run")
    with pytest.raises(DataError, match="a dict cannot be written"):
        storage.save_fitted(replace(fitted, memory={}), tmp_path / "run")
    storage.stored(Notes)
    storage.save_fitted(fitted, tmp_path / "run")
    assert torch.equal(storage.load_fitted(tmp_path / "run", TASKS["MF, BPR"]).memory.values, fitted.memory.values)


def test_a_class_that_does_not_say_what_it_keeps_and_a_second_of_one_name_are_refused():
    with pytest.raises(SettingsError, match="dict has no stored_as and no parts and no from_parts"):
        storage.stored(dict)
    with pytest.raises(SettingsError, match="there is a stored class 'newton' already: give Mine another stored_as"):
        storage.stored(type("Mine", (Notes,), {"stored_as": "newton"}))
    with pytest.raises(DataError, match="a part of the unknown kind 'os:system'"):
        class_of("os:system")

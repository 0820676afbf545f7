"""A checkpoint of recbole comes in without its code being run, recommends what its tables say, and forgets."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from api_toys import checkerboard

import r2u_rec as r2u
from r2u_rec.errors import CapabilityError, DataError

configurator = pytest.importorskip("recbole.config")


@pytest.fixture(scope="module")
def keys(log):
    """Keys in the order in which recbole met them, which is not ours."""
    rng = np.random.default_rng(3)
    return [np.array(rng.permutation(list(v.keys)), dtype=str) for v in (log.user_keys, log.item_keys)]


def config(**settings):
    """Returns a configuration as recbole pickles one."""
    made = configurator.Config.__new__(configurator.Config)
    made.__dict__["final_config_dict"] = {"device": torch.device("cpu"), "epochs": 2, "learning_rate": 0.01, **settings}
    return made


def saved(path, name, keys, **settings):
    """Writes what recbole's trainer writes for an untrained model of these keys, and returns its state."""
    n_users, n_items = len(keys[0]), len(keys[1])
    generator = torch.Generator().manual_seed(0)
    state = {f"{side}_embedding.weight": torch.randn(n + 1, 4, generator=generator) for side, n in (("user", n_users), ("item", n_items))}
    settings = {"model": name, "embedding_size": 4, "train_neg_sample_args": {"sample_num": 1}, **settings}
    torch.save({"config": config(**settings), "epoch": 1, "state_dict": state, "other_parameter": None}, path)
    return state


@pytest.mark.parametrize("name", ["BPR", "LightGCN"])
def test_it_recommends_what_its_tables_say_and_forgets(log, keys, tmp_path, name):
    state = saved(tmp_path / "model.pth", name, keys)
    model = r2u.from_recbole(tmp_path / "model.pth", log, tuple(keys))
    assert model.plan.spec.name == f"recbole_{name.lower()}"
    assert "embedding_size=4" in model.plan.model.options
    found = model.recommend(["U-002"], k=3)
    if name == "BPR":
        row = state["item_embedding.weight"][1:] @ state["user_embedding.weight"][1 + list(keys[0]).index("U-002")]
        had = {log.item_keys.key(int(i)) for i in log.item[log.user == log.user_keys.code("U-002")]}
        expected = [str(keys[1][i]) for i in torch.argsort(-row).tolist() if str(keys[1][i]) not in had][:3]
        assert list(found["item"]) == expected
    after = model.forget(users=["U-001"], allow_small_batch=True)
    assert len(after.log) == 234
    assert model.trained.memory_of[0] == "newton"
    assert len(model.forget(users=["U-001"], method="retrain", allow_small_batch=True).log) == 234


def test_no_code_that_a_checkpoint_names_is_run(log, keys, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "attacked"),)

    torch.save({"config": Attack(), "state_dict": {}}, tmp_path / "model.pth")
    with pytest.raises(DataError, match="is no checkpoint of recbole"):
        r2u.from_recbole(tmp_path / "model.pth", log, tuple(keys))
    assert not (tmp_path / "attacked").exists()


def test_what_does_not_belong_together_is_refused(log, keys, tmp_path):
    path = tmp_path / "model.pth"
    with pytest.raises(DataError, match=r"does not exist: name the \.pth file"):
        r2u.from_recbole(path, log, tuple(keys))
    saved(path, "BPR", keys)
    with pytest.raises(DataError, match="1 of the 40 users of the log are not among the keys"):
        r2u.from_recbole(path, log, (keys[0][1:], keys[1]))
    with pytest.raises(DataError, match="are not those of BPR for 41 users and 16 items"):
        r2u.from_recbole(path, log, ([*keys[0], "more"], keys[1]))
    saved(path, "Pop", keys)
    with pytest.raises(CapabilityError, match="recbole's Pop counts its batches"):
        r2u.from_recbole(path, checkerboard(), tuple(keys))
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read as a checkpoint"):
        r2u.from_recbole(path, log, tuple(keys))

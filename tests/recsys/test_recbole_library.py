"""recbole stays at arm's length: loaded late, and the process is as it was before and after."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.recsys.recbole.library import recbole_module
from r2u_rec.recsys.recbole.task import RecBoleTask, recbole_task

FOLDER = Path(__file__).resolve().parents[1] / "conformance"

WATCH = """
import logging, os, random, sys, warnings
import numpy as np, scipy.special, scipy.sparse, sklearn, torch, torch._dynamo, yaml  # torch loads it at the first step of an optimiser
sys.path.insert(0, sys.argv[1])
from roster import LOG
import r2u_rec.recsys.recbole.task, r2u_rec.recsys.recbole.traits, r2u_rec.recsys.recbole.factors
from r2u_rec.core.trainer import GradientTrainer
from r2u_rec.core.training import Training
assert "recbole" not in sys.modules

def state():
    return {
        "environment": dict(os.environ), "arguments": list(sys.argv), "folder": (os.getcwd(), os.listdir()),
        "warnings": list(warnings.filters), "logging": (logging.root.manager.disable, logging.root.level, list(logging.root.handlers)),
        "random": random.getstate(), "numpy": np.random.get_state()[1].tobytes(), "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy names": {n for n in ("bool", "int", "float", "object", "str", "long") if n in vars(np)}, "threads": torch.get_num_threads(),
        "yaml": {k: list(v) for k, v in yaml.FullLoader.yaml_implicit_resolvers.items()}, "cudnn": torch.backends.cudnn.deterministic,
    }

before = state()
for name in ("SGL", "DGCF"):
    task = r2u_rec.recsys.recbole.task.recbole_task(name)
    model = GradientTrainer(Training(epochs=2, batch_size=72), progress=False).train(task, LOG, seed=0)
    model.scores(np.arange(3)); model.fold_in(LOG.matrix()[:2])
after = state()
loaded = [name in sys.modules for name in ("recbole", "recbole.quick_start", "ray")]
print(*(key for key in before if before[key] != after[key]), *loaded)
"""


def test_training_leaves_the_process_as_it_was_and_never_loads_the_quick_start(tmp_path):
    run = [sys.executable, "-c", WATCH, str(FOLDER), "--learning_rate=7", "--epochs=oops"]
    done = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"PYTHONWARNINGS": "error::UserWarning"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "False", "False"], done.stdout
    assert done.stderr == ""


def test_a_missing_library_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "recbole.model.loss", None)
    with pytest.raises(CapabilityError, match=r"not installed: pip install 'r2u-rec\[recbole\]'"):
        recbole_module("recbole.model.loss")
    with pytest.raises(ModuleNotFoundError):
        recbole_module("nothing_of_that_name")


def test_what_is_not_there_or_not_taken_is_refused_by_name():
    with pytest.raises(SettingsError, match=r"no general model 'LightGNC': it has .*LightGCN"):
        recbole_task("LightGNC")
    with pytest.raises(SettingsError, match="recbole's BPR has no setting 'embeding_size'; did you mean 'embedding_size'"):
        recbole_task("BPR", embeding_size=8)
    with pytest.raises(SettingsError, match="no setting 'zzz'; it has embedding_size; epochs, lr and the like stand in Training"):
        recbole_task("BPR", zzz=1)
    with pytest.raises(CapabilityError, match=r"recbole's EASE is computed from a matrix and not trained.*Ease is exact"):
        recbole_task("EASE")
    with pytest.raises(CapabilityError, match="NCL clusters its vectors between epochs"):
        recbole_task("NCL")
    with pytest.raises(SettingsError, match="negatives must be 'uniform' or 'popularity', got 'hard'"):
        RecBoleTask("BPR", {}, negatives="hard")
    with pytest.raises(SettingsError, match="n_negatives must be >= 1, got 0"):
        RecBoleTask("BPR", {}, n_negatives=0)

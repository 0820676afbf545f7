"""A checkpoint of the library recbole comes in: the trained model recommends and forgets here, by the keys it was trained with."""

from __future__ import annotations

import json
import pickle
import types
from collections.abc import Iterable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch

from r2u_rec.api.adopting.implicit import remembered
from r2u_rec.api.constructors import model as model_named
from r2u_rec.api.constructors import recbole_spec
from r2u_rec.api.recommender import Recommender
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import CapabilityError, DataError

REBUILDS = {
    ("collections", "OrderedDict"),
    ("torch", "device"),
    ("torch", "Size"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
}
"""All that is called while a checkpoint is read; anything else that its pickle names becomes an `Opaque`, and no code of it runs."""


def from_recbole(
    checkpoint: str | PathLike[str], log: InteractionLog, keys: tuple[Iterable[Any], Iterable[Any]], *, seed: int = 0
) -> Recommender:
    """Returns the model of a recbole checkpoint as one that recommends and forgets by your keys.

    A checkpoint holds parameters and settings and neither interactions nor keys, so both are given. Models that score by two tables and
    learn from pairs (BPR, LightGCN) forget by a Newton step whose curvature is computed now; the others forget by retraining. Reading the
    file runs none of the code that its pickle names.

    Args:
        checkpoint: the .pth file that recbole's trainer saved.
        log: the interactions that it was trained on: recbole's training part, not those held out.
        keys: (users, items) in recbole's order: `dataset.field2id_token["user_id"][1:]` and the same of "item_id".
        seed: of what forgetting draws, and of retraining.

    Raises:
        DataError: no such file, or no checkpoint of recbole; keys that lack one of the log; parameters of other shapes.
        CapabilityError: a model that the adapter does not take, with the reason; or recbole is not installed.
    """
    path = Path(checkpoint)
    name, told, state = _read(path)
    log = in_order(log, keys)
    spec = recbole_spec(name)
    made = model_named(spec, options=_options(name, told), seed=seed, **_loop(told), **_negatives(told))
    fresh: Any = made.plan.context().task.model(log, seed=seed)
    try:
        fresh.model.load_state_dict(state)
    except RuntimeError as error:
        raise DataError(
            f"the parameters in {path} are not those of {name} for {log.n_users} users and {log.n_items} items: pass the keys that it was "
            f"trained with ({str(error).splitlines()[-1].strip()})"
        ) from error
    return remembered(made, fresh.eval(), log)


def in_order(log: InteractionLog, keys: tuple[Iterable[Any], Iterable[Any]]) -> InteractionLog:
    """Returns the log with codes in the order of the keys; DataError when a key of the log is not among them."""
    new: dict[str, Any] = {}
    for what, old, given in zip(("user", "item"), (log.user_keys, log.item_keys), keys, strict=True):
        texts = [str(key) if isinstance(key, np.str_) else key for key in given]
        new[what] = Vocabulary.of([int(key) for key in texts] if old.is_integer else texts)
        used = np.unique(getattr(log, what))
        codes = new[what].codes([old.key(int(code)) for code in used])
        if (missing := int((codes < 0).sum())) > 0:
            raise DataError(f"{missing} of the {len(used)} {what}s of the log are not among the keys: pass those that it was trained with")
        table = np.full(len(old), -1, dtype=np.int32)
        table[used] = codes
        new[f"{what} codes"] = table[getattr(log, what)]
    return replace(
        log, user=new["user codes"], item=new["item codes"], user_keys=new["user"], item_keys=new["item"], user_info=None, item_info=None
    )


class Opaque:
    """Stands for whatever a checkpoint names and is not needed here; keeps its state and does nothing."""

    state: Any = None

    def __new__(cls, *given: Any, **named: Any) -> Opaque:
        return super().__new__(cls)

    def __init__(self, *given: Any, **named: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        """Keeps nothing."""

    def extend(self, values: Any) -> None:
        """Keeps nothing."""

    def __hash__(self) -> int:
        return id(self)


class Unpickler(pickle.Unpickler):
    """Makes tensors and plain containers; see `REBUILDS`."""

    def find_class(self, module: str, name: str) -> Any:
        """Returns what rebuilds a tensor, or `Opaque`."""
        storage = module == "torch" and name.endswith("Storage")
        return super().find_class(module, name) if storage or (module, name) in REBUILDS else Opaque


def _read(path: Path) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """Returns the name of the model, its settings, and its parameters."""
    if not path.is_file():
        raise DataError(f"{path} does not exist: name the .pth file that recbole's trainer saved")
    reader = types.ModuleType("reader")
    reader.__dict__.update(vars(pickle) | {"Unpickler": Unpickler})
    try:
        found = torch.load(path, map_location="cpu", weights_only=False, pickle_module=reader)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a checkpoint ({str(error).splitlines()[0]}): name one that recbole saved") from error
    config = getattr(found.get("config"), "state", None) if isinstance(found, dict) else None
    told = config.get("final_config_dict") if isinstance(config, dict) else None
    if not isinstance(told, dict) or not isinstance(told.get("model"), str) or not isinstance(found.get("state_dict"), dict):
        raise DataError(f"{path} is no checkpoint of recbole: it must hold config and state_dict, as its trainer saves them")
    if found.get("other_parameter"):
        names = ", ".join(map(str, found["other_parameter"]))
        raise CapabilityError(f"this {told['model']} keeps {names} beside its parameters, which may stand on interactions: train it here")
    return told["model"], told, found["state_dict"]


def _options(name: str, told: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the model's own settings that differ from recbole's defaults, as NAME=VALUE."""
    from r2u_rec.recsys.recbole.config import own_settings

    return tuple(f"{key}={json.dumps(told[key])}" for key, usual in own_settings(name).items() if key in told and told[key] != usual)


def _loop(told: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of the loop by which retraining trains; recbole's optimizer is Adam with dense steps, ours steps by row."""
    names = {"epochs": "epochs", "learning_rate": "lr", "train_batch_size": "batch_size"}
    return {ours: told[theirs] for theirs, ours in names.items() if isinstance(told.get(theirs), int | float)}


def _negatives(told: Mapping[str, Any]) -> dict[str, Any]:
    drawn = told.get("train_neg_sample_args")
    n = drawn.get("sample_num") if isinstance(drawn, dict) else None
    return {"n_negatives": n} if isinstance(n, int) and n >= 1 else {}

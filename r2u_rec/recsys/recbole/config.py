"""Settings of recbole's models: the library's own defaults, without a command line, a file or a folder of ours."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import torch
import yaml

from r2u_rec.errors import SettingsError
from r2u_rec.recsys.recbole.library import contained, quiet, recbole_module
from r2u_rec.suggest import suggest

LOOP_SETTINGS = ("require_pow", "train_batch_size")
"""What some models read of the settings of the library's loop: the power of a penalty, and how many pairs DGCF decorrelates."""


class Loader(yaml.FullLoader):  # type: ignore[misc]
    """YAML in which 1e-05 is a number, as the library's files mean it; the library changes yaml's own loader to the same end."""


Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+[eE][-+]?\d+$"), list("-+0123456789"))


@cache
def config_class() -> Any:
    """Returns the library's Config without what reaches outside it: numpy, yaml and CUDA variables changed, argv read, text evaluated."""

    class Quiet(recbole_module("recbole.config").Config):  # type: ignore[misc]
        def compatibility_settings(self) -> None:
            """Leaves numpy alone: the names that the original restores are gone, and no general model needs them."""

        def _build_yaml_loader(self) -> Any:
            return Loader

        def _load_cmd_line(self) -> dict[str, Any]:
            return {}

        def _convert_config_dict(self, config_dict: dict[str, Any]) -> dict[str, Any]:
            return config_dict

        def _init_device(self) -> None:
            self.final_config_dict.update(single_spec=True, local_rank=0)

    return Quiet


def config_of(model_class: Any, settings: dict[str, Any], *, n_negatives: int) -> Any:
    """Returns the library's configuration of a model: the library's defaults, with `settings` in their place; made once for each.

    Raises:
        SettingsError: a setting that the model does not have; the message suggests the nearest name.
    """
    return _config(model_class, json.dumps(settings, sort_keys=True), n_negatives)


@lru_cache(maxsize=256)
def _config(model_class: Any, text: str, n_negatives: int) -> Any:
    name, settings = model_class.__name__, json.loads(text)
    own = own_settings(name)
    for key in settings:
        known = [*own, *LOOP_SETTINGS]
        if key not in known:
            hint = suggest(key, known) or f"; it has {', '.join(own) or 'none'}; epochs, lr and the like stand in Training"
            raise SettingsError(f"recbole's {name} has no setting {key!r}{hint}")
    ours = {"device": torch.device("cpu"), "train_neg_sample_args": {"sample_num": n_negatives, "distribution": "uniform"}}
    with quiet(), contained(0):
        return config_class()(model=model_class, dataset="r2u_rec", config_dict={**ours, **settings})


def own_settings(name: str) -> dict[str, Any]:
    """Returns the settings of a model of its own, with the library's defaults."""
    return yaml.load((_properties() / "model" / f"{name}.yaml").read_text(encoding="utf-8"), Loader) or {}


def _properties() -> Path:
    return Path(recbole_module("recbole").__file__).parent / "properties"

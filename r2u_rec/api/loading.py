"""A saved recommender, read from its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from r2u_rec.api.arguments import checked, component_keys
from r2u_rec.api.choices import PrepareChoice
from r2u_rec.api.constructors import spec_named
from r2u_rec.api.recommender import Recommender
from r2u_rec.api.saving import MANIFEST, PLAN, REVOCABLE
from r2u_rec.config.plan import Plan
from r2u_rec.errors import DataError
from r2u_rec.registry.tables import ARMS, METHODS


def load(folder: str | PathLike[str]) -> Recommender:
    """Returns the model that `Recommender.save` wrote; it recommends and forgets as the one that was saved.

    Every file is checked before it is used.

    Raises:
        DataError: there is no such folder, it holds no saved model, or a file is not the one that was written.
        SettingsError: it was made with a model, a way to train or a method that is not registered in this process.
    """
    folder = Path(folder)
    if not (folder / PLAN).is_file() or not (folder / MANIFEST).is_file():
        what = "does not exist" if not folder.exists() else "holds no saved model"
        raise DataError(f"{folder} {what}: name a folder that model.save(...) wrote")
    written = _read_plan(folder)
    plan = _plan(written)

    import numpy as np
    import pandas as pd

    from r2u_rec.api.training import Trained
    from r2u_rec.storage import load_fitted

    fitted = load_fitted(folder, plan.context().task, expected={"model": plan.spec.name})
    fitted.model.eval()
    revocable = pd.read_parquet(folder / REVOCABLE)["code"].to_numpy().astype(np.int64)
    prepare = None
    if written["arm"]["name"] != "standard":
        keys = [fitted.records.user_keys.key(int(code)) for code in revocable]
        usual = plan.arm.settings()
        changed = {name: value for name, value in vars(plan.arm_settings).items() if value != getattr(usual, name)}
        prepare = PrepareChoice(plan.arm.name, revocable=keys, **changed)
    made = Recommender(plan, prepare=prepare, calibration_share=written["calibration_share"])
    memory = written["memory_of"]
    made._trained = Trained(fitted, revocable, (memory["name"], _settings(METHODS.get(memory["name"]).settings, memory)))
    return made


def _read_plan(folder: Path) -> dict[str, Any]:
    try:
        written = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        names = {"model", "loop", "arm", "method", "memory_of", "seed", "threads", "calibration_share"}
        if not isinstance(written, dict) or names - set(written):
            raise ValueError(f"it lacks {', '.join(sorted(names - set(written)))}" if isinstance(written, dict) else "it is no mapping")
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / PLAN} cannot be read ({error}): the folder is damaged or was changed, restore it") from error
    return written


def _plan(written: Mapping[str, Any]) -> Plan:
    spec = spec_named(written["model"]["name"], written["model"]["class_name"])
    return Plan.of(
        spec,
        _settings(spec.settings, written["model"]),
        loop=written["loop"] or None,
        arm=written["arm"]["name"],
        arm_settings=_settings(ARMS.get(written["arm"]["name"]).settings, written["arm"]),
        method=written["method"]["name"],
        method_settings=_settings(METHODS.get(written["method"]["name"]).settings, written["method"]),
        seed=written["seed"],
        threads=written["threads"],
    )


def _settings(kind: type[Any], written: Mapping[str, Any]) -> Any:
    return kind(**checked(component_keys(kind, {}), written["settings"], f"setting of {written['name']}"))

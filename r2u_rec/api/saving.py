"""A recommender in a folder of its own: what was fitted, and the plan that says how it is trained again and how it forgets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r2u_rec.api.arguments import checked, component_keys
from r2u_rec.api.choices import PrepareChoice
from r2u_rec.api.constructors import spec_named
from r2u_rec.api.recommender import Recommender
from r2u_rec.config.plan import Plan
from r2u_rec.errors import DataError
from r2u_rec.registry.tables import ARMS, METHODS

if TYPE_CHECKING:
    from r2u_rec.api.training import Trained
    from r2u_rec.core.stored import Json

PLAN = "plan.json"
REVOCABLE = "revocable.parquet"
MANIFEST = "manifest.json"


def save(model: Recommender, folder: str | PathLike[str]) -> None:
    """Writes a trained model into a new folder, whole or not at all.

    Raises:
        DataError: the folder is there already and not empty. SettingsError: the model is not trained.
    """
    _ = model.trained

    from r2u_rec.storage import written_whole

    with written_whole(Path(folder), about=about(model), verb="save") as part:
        put_model(model, part)


def about(model: Recommender) -> dict[str, Json]:
    """Returns what the manifest of a model's folder says of it."""
    plan = model.plan
    return {"model": plan.spec.name, "method": plan.method.name, "arm": plan.arm.name, "exact": plan.method.exact}


def put_model(model: Recommender, part: Path) -> None:
    """Writes the files of a trained model into a folder that is being written whole, beside which others may stand."""
    trained = model.trained

    import pandas as pd

    from r2u_rec.storage import put

    put(trained.fitted, part)
    pd.DataFrame({"code": trained.revocable}).to_parquet(part / REVOCABLE, index=False)
    (part / PLAN).write_text(json.dumps(_plain(model, trained), indent=1, allow_nan=False) + "\n", encoding="utf-8")


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
    told = _read_plan(folder)
    plan = _plan(told)

    import numpy as np
    import pandas as pd

    from r2u_rec.api.training import Trained
    from r2u_rec.storage import load as load_fitted

    fitted = load_fitted(folder, plan.context().task, expected={"model": plan.spec.name})
    fitted.model.eval()
    revocable = pd.read_parquet(folder / REVOCABLE)["code"].to_numpy().astype(np.int64)
    prepare = None
    if told["arm"]["name"] != "standard":
        keys = [fitted.records.user_keys.key(int(code)) for code in revocable]
        usual = plan.arm.settings()
        changed = {name: value for name, value in vars(plan.arm_settings).items() if value != getattr(usual, name)}
        prepare = PrepareChoice(plan.arm.name, revocable=keys, **changed)
    made = Recommender(plan, prepare=prepare, calibration_share=told["calibration_share"])
    memory = told["memory_of"]
    made._trained = Trained(fitted, revocable, (memory["name"], _settings(METHODS.get(memory["name"]).settings, memory)))
    return made


def _plain(model: Recommender, trained: Trained) -> dict[str, Any]:
    plan = model.plan
    return {
        "model": {"name": plan.spec.name, "class_name": plan.spec.class_name, "settings": asdict(plan.model)},
        "loop": dict(plan.loop),
        "arm": {"name": plan.arm.name, "settings": asdict(plan.arm_settings)},
        "method": {"name": plan.method.name, "settings": asdict(plan.method_settings)},
        "memory_of": {"name": trained.memory_of[0], "settings": asdict(trained.memory_of[1])},
        "seed": plan.seed,
        "threads": plan.threads,
        "calibration_share": model.calibration_share,
    }


def _read_plan(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        names = {"model", "loop", "arm", "method", "memory_of", "seed", "threads", "calibration_share"}
        if not isinstance(told, dict) or names - set(told):
            raise ValueError(f"it lacks {', '.join(sorted(names - set(told)))}" if isinstance(told, dict) else "it is no mapping")
    except (OSError, ValueError) as error:
        raise DataError(f"{folder / PLAN} cannot be read ({error}): the folder is damaged or was changed, restore it") from error
    return told


def _plan(told: Mapping[str, Any]) -> Plan:
    spec = spec_named(told["model"]["name"], told["model"]["class_name"])
    return Plan.of(
        spec,
        _settings(spec.settings, told["model"]),
        loop=told["loop"] or None,
        arm=told["arm"]["name"],
        arm_settings=_settings(ARMS.get(told["arm"]["name"]).settings, told["arm"]),
        method=told["method"]["name"],
        method_settings=_settings(METHODS.get(told["method"]["name"]).settings, told["method"]),
        seed=told["seed"],
        threads=told["threads"],
    )


def _settings(kind: type[Any], told: Mapping[str, Any]) -> Any:
    return kind(**checked(component_keys(kind, {}), told["settings"], f"setting of {told['name']}"))

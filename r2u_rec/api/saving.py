"""A recommender in a folder of its own: what was fitted, and the plan that says how it is trained again and how it forgets."""

from __future__ import annotations

import json
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from r2u_rec.api.recommender import Recommender
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

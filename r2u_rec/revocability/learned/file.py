"""A learned scorer as one JSON file of plain numbers: nothing is executed when it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from r2u_rec.errors import DataError, SettingsError
from r2u_rec.revocability.learned.labels import Cutoffs
from r2u_rec.revocability.learned.scorer import Learned, LearnedSettings
from r2u_rec.revocability.learned.validation import Estimate, Validation
from r2u_rec.revocability.learned.withdrawal_model import Calibrated, Calibration, Linear, Scale

_FORMAT = "r2u_rec learned scorer 1"


def save_learned(learned: Learned, path: Path | str) -> None:
    """Writes the scorer: coefficients, calibration, refits, validation; no user's key and no user's data.

    Raises:
        SettingsError: it is made of boosted trees, which have no such form.
    """
    if not isinstance(learned.fit.classifier, Linear):
        raise SettingsError(
            "gradient boosting is not saved: its trees have no form but a pickle, which can execute code when it is read. "
            "Learn again from the same log, erasures and seed, which gives the same scorer, or use model=logistic"
        )
    values = {
        "format": _FORMAT,
        "settings": asdict(learned.settings),
        "cutoffs": asdict(learned.cutoffs),
        "n_training": learned.n_training,
        "n_events": learned.n_events,
        "scale": {"kind": learned.scale.kind, "names": learned.scale.names, "mean": learned.scale.mean, "sd": learned.scale.sd},
        "fit": _of_fit(learned.fit),
        "refits": [_of_fit(refit) for refit in learned.refits],
        "validation": {**vars(learned.validation), "table": learned.validation.table.to_dict("list")},
    }
    target = Path(path)
    part = target.with_name(f".{target.name}.part")
    part.write_text(json.dumps(values, default=_plain, indent=1) + "\n")
    part.replace(target)


def load_learned(path: Path | str) -> Learned:
    """Returns the scorer that `save_learned` wrote, equal to the last bit.

    Raises:
        DataError: the file is not one of these, or is damaged.
    """
    try:
        values = json.loads(Path(path).read_text())
        if values["format"] != _FORMAT:
            raise KeyError("format")
        found = dict(values["validation"])
        estimates = {name: Estimate(**found[name]) for name in ("auc", "brier", "brier_skill")}
        return Learned(
            settings=LearnedSettings(**values["settings"]),
            cutoffs=replace(Cutoffs(**values["cutoffs"]), training=tuple(values["cutoffs"]["training"])),
            n_training=values["n_training"],
            n_events=values["n_events"],
            scale=Scale(
                values["scale"]["kind"], tuple(values["scale"]["names"]), _array(values["scale"]["mean"]), _array(values["scale"]["sd"])
            ),
            fit=_fit_of(values["fit"]),
            refits=tuple(map(_fit_of, values["refits"])),
            validation=Validation(found["n"], found["n_events"], **estimates, table=pd.DataFrame(found["table"])),
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(f"{path} is no learned scorer that this version can read ({error!r}): save it again with save_learned") from None


def _of_fit(fit: Calibrated) -> dict[str, Any]:
    return {**vars(fit.classifier), "calibration": vars(fit.calibration)}


def _fit_of(values: Mapping[str, Any]) -> Calibrated:
    calibration = values["calibration"]
    return Calibrated(
        Linear(_array(values["coefficients"]), float(values["intercept"])),
        Calibration(calibration["kind"], _array(calibration["x"]), _array(calibration["y"])),
    )


def _array(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def _plain(value: Any) -> Any:
    return asdict(value) if isinstance(value, Estimate) else np.asarray(value).tolist()

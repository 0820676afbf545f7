"""Trials on disk: a name made from the spec, one JSON file each, so that what was measured once is never run again."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from r2u_rec.errors import SettingsError
from r2u_rec.trials.kinds import Rows, Spec, trial_kind

FOLDER = "trials"
RUNTIME = ("device", "folder")
"""Keys of a spec that tell the function of its kind where it runs and where files stand; they name no trial."""

SHOWN_FIRST = ("data", "model", "arm", "policy", "system", "request", "checkpoint", "number", "forget", "seed")
SHOWN_BARE = ("data", "model", "arm", "policy", "system", "request")
"""Keys whose values tell what they are."""


@dataclass(frozen=True)
class Trial:
    """A finished trial: its spec and what was measured, with where it comes from.

    Attributes:
        spec: as planned. version: of its kind. device: where it ran.
        rows: flat records. seconds: wall time.
        versions, machine: of libraries, and the kind of machine. created: UTC.
    """

    spec: dict[str, Any]
    version: int
    rows: list[dict[str, Any]]
    seconds: float
    device: str
    versions: dict[str, str]
    machine: dict[str, Any]
    created: str


def trial_key(spec: Spec) -> str:
    """Returns the name of a trial: the hash of its spec, then the version of its kind. 1 and 1.0 are one value.

    Raises:
        SettingsError: a value that is no JSON value or list of them, or not finite.
    """
    settled = {key: _settled(key, value) for key, value in spec.items() if key not in RUNTIME}
    text = json.dumps(settled, sort_keys=True, separators=(",", ":"))
    return f"{hashlib.sha256(text.encode()).hexdigest()[:24]}-v{trial_kind(spec).version}"


def _settled(key: str, value: Any) -> Any:
    if isinstance(value, list | tuple) and not any(isinstance(each, list | tuple) for each in value):
        return [_settled(key, each) for each in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() else value
    raise SettingsError(f"a trial's {key} must be text, a finite number, a boolean, null or a list of these, got {value!r}")


def spec_in_words(spec: Spec) -> str:
    """Returns a spec in a few words, for a line of progress or a list of failures."""
    said = [str(spec["kind"]).rpartition(":")[2].partition("@")[0]]
    for key in SHOWN_FIRST:
        value = spec.get(key)
        if value is not None:
            text = "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            said.append(text if key in SHOWN_BARE else f"{key} {text}")
    return " ".join(said)


def read_trial(folder: Path, key: str) -> Trial | None:
    """Returns a stored trial; None when there is none, or its file cannot be used, so that it is run again."""
    try:
        content = json.loads((folder / FOLDER / f"{key}.json").read_text(encoding="utf-8"))
        found = Trial(**content)
        return found if trial_key(found.spec) == key and isinstance(found.rows, list) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_trial(folder: Path, key: str, trial: Trial) -> None:
    """Writes a trial beside its place and renames it, so that no half of one is ever read."""
    place = folder / FOLDER / f"{key}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_name(f"{place.name}.{os.getpid()}.part")
    unfinished.write_text(json.dumps(asdict(trial), ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    unfinished.replace(place)


def made_trial(spec: Spec, rows: Rows, *, seconds: float, device: str) -> Trial:
    """Returns a trial of what its function gave back; versions, machine and time are added.

    Raises:
        TypeError: a figure that JSON cannot hold. ValueError: no row.
    """
    from r2u_rec.report.provenance import machine_kind, versions
    from r2u_rec.report.results import plain

    found = plain(list(rows), "rows")
    if not found or not all(isinstance(row, dict) for row in found):
        raise ValueError(f"a trial must measure something: {spec['kind']} gave {len(found)} rows, each must be a dict")
    kept = {key: value for key, value in spec.items() if key not in RUNTIME}
    created = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Trial(kept, trial_kind(spec).version, found, round(seconds, 3), device, versions(), dict(machine_kind()), created)


def distinct(specs: Iterable[Spec]) -> dict[str, Spec]:
    """Returns the specs by key, each once, in order."""
    found: dict[str, Spec] = {}
    for spec in specs:
        found.setdefault(trial_key(spec), spec)
    return found


def rows_of(trials: Mapping[str, Trial]) -> list[dict[str, Any]]:
    """Returns every row of the trials over the settings of its spec, with the trial's key as "trial"."""
    return [{**trial.spec, **row, "trial": key} for key, trial in trials.items() for row in trial.rows]

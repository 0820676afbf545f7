"""RunResult: everything that one run measured, with where it came from; saved as JSON and Parquet."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from r2u_rec.report.provenance import machine_kind, versions

SCHEMA_VERSION = 1
RESULT_FILE = "result.json"
ROWS_FILE = "rows.parquet"

Row = Mapping[str, Any]
"""A flat record: text, numbers, booleans or None by column name."""


@dataclass(frozen=True)
class RunResult:
    """What a run asked, did and measured. Only JSON values; numpy's become plain numbers, what is not finite None.

    Attributes:
        name: of the run's folder.
        question: what was asked, in a sentence or two.
        command: what repeats the run.
        settings: resolved settings, nested as they are written in the settings file.
        data: name, n_users, n_items, n_interactions, sha256.
        split_hashes: name of a part -> hash of its ids.
        seeds: every seed used.
        rows: one an arm x operator x seed; `arm`, `operator` and `seed` are required, `model`, `request`, `split` and
            `exact` (bool) optional, the rest are figures named as in `columns`. Operator "retrained" marks a reference.
        curves: points of the forgetting curve: `method`, `step`, `auc` (imprint), `retained` (ranking quality), `seed`.
        training: `arm`, `epoch`, `loss`, `validation` (None where none was measured), `seed`.
        groups: `method`, `group`, `n_users`, `before`, `after`, `retrained`, `seed`: ranking quality by group of staying users.
        costs: `method`, `seconds`, `seed`; method "retrained" is the reference.
        quality: name of the ranking metric in `curves` and `groups`.
        versions, machine, created: filled in by default.
    """

    name: str
    question: str
    command: str
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    split_hashes: Mapping[str, str]
    seeds: Sequence[int]
    rows: Sequence[Row]
    curves: Sequence[Row] = ()
    training: Sequence[Row] = ()
    groups: Sequence[Row] = ()
    costs: Sequence[Row] = ()
    quality: str = "NDCG@20"
    versions: Mapping[str, str] = field(default_factory=versions)
    machine: Mapping[str, Any] = field(default_factory=machine_kind)
    created: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        for entry in fields(self):
            object.__setattr__(self, entry.name, plain(getattr(self, entry.name), entry.name))
        for i, row in enumerate(self.rows):
            lacking = [key for key in ("arm", "operator", "seed") if key not in row]
            if lacking:
                raise ValueError(f"rows[{i}] lacks {', '.join(lacking)}: every row names its arm, operator and seed")


def plain(value: Any, where: str) -> Any:
    """Returns `value` as JSON can hold it; TypeError, naming the place, for anything else."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(entry, f"{where}.{key}") for key, entry in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(entry, f"{where}[{i}]") for i, entry in enumerate(value)]
    raise TypeError(f"{where} is a {type(value).__name__}, which JSON cannot hold: convert it to numbers, text, lists or dicts first")


def save_result(result: RunResult, folder: Path) -> Path:
    """Writes result.json and rows.parquet into `folder` (made if need be) and returns the JSON file's path.

    The files are written beside their place and renamed, so that a broken write never replaces a good one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / RESULT_FILE
    unfinished = folder / (RESULT_FILE + ".part")
    unfinished.write_text(json.dumps(asdict(result), indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    frame = pd.DataFrame(list(result.rows))
    unfinished_rows = folder / (ROWS_FILE + ".part")
    frame.to_parquet(unfinished_rows, index=False)
    unfinished_rows.replace(folder / ROWS_FILE)
    unfinished.replace(target)
    return target


def read_versioned(path: Path, version: int, *, again: str) -> dict[str, Any]:
    """Returns the JSON object in `path`, when it has the schema version that this program reads.

    Args:
        again: what to do when it cannot be read, such as "run again"; ends the message.

    Raises:
        ValueError: it is not JSON, or has another schema version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}): {again}") from None
    found = content.get("schema_version") if isinstance(content, dict) else None
    if found != version:
        raise ValueError(f"{path} has schema version {found}, this program reads {version}: {again}, or use the program that wrote it")
    return dict(content)


def load_result(folder: Path) -> RunResult:
    """Returns the result that `save_result` wrote into `folder`.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is broken, or has another schema version.
    """
    path = folder / RESULT_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: name the folder of a finished run")
    return RunResult(**read_versioned(path, SCHEMA_VERSION, again="run again"))

"""A study in a folder: Parquet for records, users, items and cohorts, JSON for the rest, so that an evaluation never draws anew.

It holds personal data: the folder is 0700, its files 0600.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.split import Parts
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import DataError
from r2u_rec.study.request import Codes, StudyRequest

FORMAT = 1
ABOUT = "study.json"
FILES = ("records.parquet", "users.parquet", "items.parquet", "cohorts.parquet")
GROUPS = ("revocable", "calibration_users", "candidates")
_COLUMNS = ("ids", "user", "item", "time", "rating")
_PARTS = ("train", "validation", "test")
_INFO = ".info"


class _Written(Protocol):
    """The fields of a `Study`, which builds on this file."""

    @property
    def seed(self) -> int: ...
    @property
    def parts(self) -> Parts: ...
    @property
    def records(self) -> InteractionLog: ...
    @property
    def requests(self) -> Mapping[str, StudyRequest]: ...
    @property
    def part(self) -> str: ...
    @property
    def ks(self) -> Any: ...
    @property
    def scores(self) -> NDArray[np.float64] | None: ...


def write_study(study: _Written, folder: Path) -> None:
    """Writes a study whole, or nothing at all.

    Raises:
        DataError: the folder is there already and not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is there already and not empty: name another folder, or remove it")
    train = study.parts.train
    with _written_whole(folder) as unfinished:
        _records_frame(study.parts, study.records).to_parquet(unfinished / FILES[0], index=False)
        users = _keys_frame(train.user_keys, train.user_info)
        users["score"] = np.nan if study.scores is None else study.scores
        users.to_parquet(unfinished / FILES[1], index=False)
        _keys_frame(train.item_keys, train.item_info).to_parquet(unfinished / FILES[2], index=False)
        _cohorts_frame(study).to_parquet(unfinished / FILES[3], index=False)
        about = {"format": FORMAT, "seed": study.seed, "part": study.part, "ks": list(study.ks), "scored": study.scores is not None}
        about |= {"requests": list(study.requests), "next_id": {name: getattr(study.parts, name).next_id for name in _PARTS}}
        about["sha256"] = {name: _sha256(unfinished / name) for name in FILES}
        (unfinished / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def read_study(folder: Path) -> dict[str, Any]:
    """Returns the fields of the study in a folder.

    Raises:
        DataError: there is none that this version reads, or a file is not the one that was written.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} holds no study: its {ABOUT} is missing or broken; name a folder that a study was written to") from error
    if about.get("format") != FORMAT:
        raise DataError(f"{folder} has format {about.get('format')}, this version reads {FORMAT}: write the study again")
    for name, expected in about["sha256"].items():
        if not (folder / name).is_file() or _sha256(folder / name) != expected:
            raise DataError(f"{folder / name} is missing or not the file that was written (sha256 differs): restore it from a copy")
    users = pd.read_parquet(folder / FILES[1])
    scores = users.pop("score").to_numpy(dtype=np.float64) if about["scored"] else None
    user_keys, user_info = _keys(users.drop(columns="score", errors="ignore"))
    item_keys, item_info = _keys(pd.read_parquet(folder / FILES[2]))
    frame, logs = pd.read_parquet(folder / FILES[0]), {}
    for number, name in enumerate(_PARTS):
        rows = frame[frame["part"] == number]
        columns: dict[str, Any] = {each: rows[each].to_numpy().copy() if each in rows else None for each in _COLUMNS}
        logs[name] = InteractionLog(
            **columns, user_keys=user_keys, item_keys=item_keys, user_info=user_info, item_info=item_info, next_id=about["next_id"][name]
        )
    apart = frame.loc[(frame["part"] == 0) & ~frame["trained"], "ids"].to_numpy()
    cohorts = pd.read_parquet(folder / FILES[3])

    def group(name: str, request: str = "") -> Codes:
        return np.asarray(cohorts.loc[(cohorts["group"] == name) & (cohorts["request"] == request), "user"], dtype=np.int64)

    return {
        "seed": about["seed"],
        "parts": Parts(**logs),
        "records": logs["train"].drop(apart),
        "requests": {name: StudyRequest(name, group("forget", name), group("holdout", name)) for name in about["requests"]},
        **{name: group(name) for name in GROUPS},
        "part": about["part"],
        "ks": tuple(about["ks"]),
        "scores": scores,
    }


def _records_frame(parts: Parts, records: InteractionLog) -> pd.DataFrame:
    frames = []
    for number, name in enumerate(_PARTS):
        log: InteractionLog = getattr(parts, name)
        columns = {each: getattr(log, each) for each in _COLUMNS if getattr(log, each) is not None}
        frames.append(pd.DataFrame(columns).assign(part=np.int8(number), trained=np.isin(log.ids, records.ids) & (number == 0)))
    return pd.concat(frames, ignore_index=True)


def _cohorts_frame(study: Any) -> pd.DataFrame:
    groups = [(name, "", getattr(study, name)) for name in GROUPS]
    for name, request in study.requests.items():
        groups += [("forget", name, request.forget), ("holdout", name, request.holdout)]
    frames = [pd.DataFrame({"group": group, "request": name, "user": np.asarray(users, np.int64)}) for group, name, users in groups]
    return pd.concat(frames, ignore_index=True).astype({"group": "str", "request": "str", "user": "int64"})


def _keys_frame(keys: Vocabulary, info: pd.DataFrame | None) -> pd.DataFrame:
    empty = np.zeros(len(keys), dtype=bool)
    empty[list(keys.empty)] = True
    frame = pd.DataFrame({"key": keys.keys.to_numpy(), "empty": empty})
    return frame if info is None else pd.concat([frame, info.reset_index(drop=True).add_suffix(_INFO)], axis=1)


def _keys(frame: pd.DataFrame) -> tuple[Vocabulary, pd.DataFrame | None]:
    info = frame[[name for name in frame if name.endswith(_INFO)]]
    info.columns = pd.Index([name.removesuffix(_INFO) for name in info])
    empty = frozenset(np.flatnonzero(frame["empty"].to_numpy()).tolist())
    return Vocabulary(pd.Index(frame["key"]).rename(None), empty), info if len(info.columns) else None


@contextmanager
def _written_whole(folder: Path) -> Iterator[Path]:
    """Yields a folder beside `folder` that takes its name, synced, when the block ends well, and is removed when it does not."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.part")
    unfinished.mkdir(mode=0o700)
    try:
        yield unfinished
        for path in (*unfinished.iterdir(), unfinished):
            if path.is_file():
                path.chmod(0o600)
            _sync(path)
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
        _sync(folder.parent)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

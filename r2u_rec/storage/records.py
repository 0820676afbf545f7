"""An interaction log as Parquet files: records, and the keys of users and items with what is known of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import DataError

_COLUMNS = ("ids", "user", "item", "time", "rating")
_CODE_ENDING = ".info"


def write_records(records: InteractionLog, folder: Path) -> int:
    """Writes three files into the folder; returns the id that the next record gets. Keys of forgotten users are in none of them.

    Raises:
        DataError: the records are no `InteractionLog`.
    """
    if not isinstance(records, InteractionLog):
        raise DataError(f"records of the kind {type(records).__name__} cannot be written to a folder: only interaction logs can")
    columns = {name: getattr(records, name) for name in _COLUMNS if getattr(records, name) is not None}
    pd.DataFrame(columns).to_parquet(folder / "records.parquet", index=False)
    _write_keys(records.user_keys, records.user_info, folder / "users.parquet")
    _write_keys(records.item_keys, records.item_info, folder / "items.parquet")
    return int(records.next_id)


def read_records(folder: Path, next_id: int) -> InteractionLog:
    """Returns the log that `write_records` wrote."""
    frame = pd.read_parquet(folder / "records.parquet")
    users, user_info = _read_keys(folder / "users.parquet")
    items, item_info = _read_keys(folder / "items.parquet")
    columns: dict[str, Any] = {name: frame[name].to_numpy().copy() if name in frame else None for name in _COLUMNS}
    return InteractionLog(**columns, user_keys=users, item_keys=items, user_info=user_info, item_info=item_info, next_id=next_id)


def _write_keys(keys: Vocabulary, info: pd.DataFrame | None, path: Path) -> None:
    empty = np.zeros(len(keys), dtype=bool)
    empty[list(keys.empty)] = True
    frame = pd.DataFrame({"key": keys.keys.to_numpy(), "empty": empty})
    if info is not None:
        frame = pd.concat([frame, info.reset_index(drop=True).add_suffix(_CODE_ENDING)], axis=1)
    frame.to_parquet(path, index=False)


def _read_keys(path: Path) -> tuple[Vocabulary, pd.DataFrame | None]:
    frame = pd.read_parquet(path)
    info = frame[[name for name in frame if name.endswith(_CODE_ENDING)]]
    info.columns = [name.removesuffix(_CODE_ENDING) for name in info]
    empty = frozenset(np.flatnonzero(frame["empty"].to_numpy()).tolist())
    return Vocabulary(pd.Index(frame["key"]).rename(None), empty), info if len(info.columns) else None

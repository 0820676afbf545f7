"""A fitted model in a folder: safetensors for what is a tensor, Parquet for records and keys, JSON for the rest; no pickle."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from r2u_rec import __version__
from r2u_rec.config.plan import Plan
from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.data.vocabulary import Vocabulary
from r2u_rec.errors import DataError
from r2u_rec.recsys.closed_form.ease import EaseModel
from r2u_rec.recsys.closed_form.item_knn import ItemKnnModel
from r2u_rec.storage.memory import memory_of, memory_parts, sharded_from

FORMAT = 1
MANIFEST = "manifest.json"
_COLUMNS = ("ids", "user", "item", "time", "rating")
_CODE_ENDING = ".info"
CLOSED = ("ease", "item_knn")


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Yields a folder beside `folder` that takes its name when the block ends well, and is removed when it does not.

    Raises:
        DataError: `folder` is there already and not empty: a run never overwrites another.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is there already and not empty: name another folder with --out, or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.part-{os.getpid()}")
    part.mkdir()
    try:
        yield part
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def save_fitted(fitted: Fitted, folder: Path, *, about: dict[str, Any] | None = None) -> None:
    """Writes model, records and memory into the folder, and a manifest with the hash of each file.

    The keys of forgotten users are in none of the files. `about` is kept in the manifest: JSON values only.
    """
    records: InteractionLog = fitted.records
    columns = {name: getattr(records, name) for name in _COLUMNS if getattr(records, name) is not None}
    pd.DataFrame(columns).to_parquet(folder / "records.parquet", index=False)
    _save_keys(records.user_keys, records.user_info, folder / "users.parquet")
    _save_keys(records.item_keys, records.item_info, folder / "items.parquet")
    ease = isinstance(fitted.model, EaseModel)
    save_file(_contiguous({} if ease else fitted.model.state_dict()), folder / "model.safetensors")
    kind, tensors, plain = memory_parts(fitted)
    save_file(_contiguous(tensors), folder / "memory.safetensors")
    names = ("records.parquet", "users.parquet", "items.parquet", "model.safetensors", "memory.safetensors")
    manifest = {
        "format": FORMAT,
        "r2u_rec": __version__,
        "n_records": len(records),
        "next_id": records.next_id,
        "memory": {"kind": kind, **plain},
        "dtype": str(fitted.model.inverse.dtype).removeprefix("torch.") if ease else None,
        "about": about or {},
        "sha256": {name: _sha256(folder / name) for name in names},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def load_fitted(folder: Path, plan: Plan) -> Fitted:
    """Returns what `save_fitted` wrote, attached to its records.

    Args:
        plan: that the run was trained with.

    Raises:
        DataError: the folder is no run folder, of another format, or a file is not the one that was written.
    """
    manifest = read_manifest(folder)
    for name, expected in manifest["sha256"].items():
        if not (folder / name).is_file() or _sha256(folder / name) != expected:
            raise DataError(f"{folder / name} is missing or not the file that was written (sha256 differs): restore it, or train again")
    frame = pd.read_parquet(folder / "records.parquet")
    users, user_info = _load_keys(folder / "users.parquet")
    items, item_info = _load_keys(folder / "items.parquet")
    columns = {name: frame[name].to_numpy().copy() if name in frame else None for name in _COLUMNS}
    records = InteractionLog(
        **columns, user_keys=users, item_keys=items, user_info=user_info, item_info=item_info, next_id=manifest["next_id"]
    )
    kind = manifest["memory"]["kind"]
    name, closed = plan.spec.name, plan.spec.closed_form is not None
    if closed != (kind in CLOSED) or (closed and kind != name):
        found = f"model.name={kind}" if kind in CLOSED else "a model that was trained in steps"
        raise DataError(f"{folder} holds {found} and its settings say model.name={name}: they do not belong together")
    memory, states = memory_of(manifest["memory"], load_file(folder / "memory.safetensors")), load_file(folder / "model.safetensors")
    if kind == "ease":
        return Fitted(EaseModel(memory.inverse.to(getattr(torch, manifest["dtype"])), records.matrix()).eval(), records, memory)
    if kind == "item_knn":
        return Fitted(ItemKnnModel(states["neighbours"], states["similarities"], records.matrix()).eval(), records, memory)
    own: Any = plan.context().task
    if kind == "sharded":
        return sharded_from(manifest["memory"], memory, states, own, records)
    fresh = own.model(records, seed=0)
    fresh.load_state_dict(states)
    own.attach(fresh, records)
    return Fitted(fresh.eval(), records, memory)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Returns the manifest of a run folder; DataError when there is none that this version reads."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise DataError(
            f"{folder} is not the folder of a trained model: its {MANIFEST} is missing or broken; name one that train or forget wrote"
        ) from error
    if manifest.get("format") != FORMAT:
        raise DataError(f"{folder} has format {manifest.get('format')}, this version reads {FORMAT}: train again")
    return dict(manifest)


def _save_keys(keys: Vocabulary, info: pd.DataFrame | None, path: Path) -> None:
    empty = np.zeros(len(keys), dtype=bool)
    empty[list(keys.empty)] = True
    frame = pd.DataFrame({"key": keys.keys.to_numpy(), "empty": empty})
    if info is not None:
        frame = pd.concat([frame, info.reset_index(drop=True).add_suffix(_CODE_ENDING)], axis=1)
    frame.to_parquet(path, index=False)


def _load_keys(path: Path) -> tuple[Vocabulary, pd.DataFrame | None]:
    frame = pd.read_parquet(path)
    info = frame[[name for name in frame if name.endswith(_CODE_ENDING)]]
    info.columns = [name.removesuffix(_CODE_ENDING) for name in info]
    empty = frozenset(np.flatnonzero(frame["empty"].to_numpy()).tolist())
    return Vocabulary(pd.Index(frame["key"]).rename(None), empty), info if len(info.columns) else None


def _contiguous(tensors: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {name: value.detach().contiguous().clone() for name, value in tensors.items()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

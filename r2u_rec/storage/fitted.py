"""A fitted model in a folder: safetensors for tensors, Parquet for records and keys, JSON for the rest; no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import nn

from r2u_rec.core.protocols import Fitted
from r2u_rec.core.stored import Json
from r2u_rec.errors import DataError
from r2u_rec.storage.folder import written_whole
from r2u_rec.storage.manifest import Manifest, check_integrity, read_manifest
from r2u_rec.storage.reading import Reader
from r2u_rec.storage.records import read_records, write_records
from r2u_rec.storage.writing import Tree, Writer

TREE = "fitted.json"
"""How memory and model are put together from the tensors, and what is no tensor in them."""
TENSORS = {"memory": "memory.safetensors", "model": "model.safetensors"}


def save_fitted(
    fitted: Fitted,
    folder: Path,
    *,
    about: Mapping[str, Json] | None = None,
    verb: str = "",
    parent: Path | None = None,
    replaces: bool = False,
) -> None:
    """Writes model, records and memory into a new folder, whole or not at all; arguments and errors as those of `written_whole`.

    Raises:
        DataError: a part of it does not say how it is stored, see `core.stored.Stored`.
    """
    with written_whole(folder, about=about, verb=verb, parent=parent, replaces=replaces) as part:
        put(fitted, part)


def put(fitted: Fitted, part: Path) -> None:
    """Writes the files of a fitted model into a folder that `written_whole` has opened, beside which others may stand."""
    writer = Writer()
    tree = {"memory": writer.memory(fitted.memory, "memory"), "model": writer.model(fitted.model, "model")}
    tree["next_id"] = write_records(fitted.records, part)  # type: ignore[assignment]
    _write(part, tree, writer)


def load_fitted(folder: Path, task: Any = None, *, expected: Mapping[str, Json] | None = None) -> Fitted:
    """Returns what `save_fitted` wrote, attached to its records; every file of the folder is checked first.

    Args:
        task: that it was trained with; None for what is solved in closed form.
        expected: what the manifest's `about` must say, such as {"model": "mf"}.

    Raises:
        DataError: no run folder, one that is damaged or of another format, or one of another model than `task` or `expected` says.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    _refuse_others(folder, manifest, expected or {})
    check_integrity(folder, manifest)
    tree = _tree(folder, manifest)
    if "next_id" not in tree:
        raise DataError(f"{folder} holds a model alone, without records: read it with load_model")
    records = read_records(folder, tree["next_id"])
    reader = Reader(_tensors(folder, manifest), task, records)
    memory = reader.memory(tree["memory"], "memory")
    return Fitted(reader.model(tree["model"], "model", records), records, memory)


def save_model(model: nn.Module, folder: Path, *, about: Mapping[str, Json] | None = None, verb: str = "") -> None:
    """Writes a model alone into a new folder, without the records that it stands on; arguments and errors as those of `save_fitted`."""
    with written_whole(folder, about=about, verb=verb) as part:
        writer = Writer()
        _write(part, {"model": writer.model(model, "model")}, writer)


def load_model(folder: Path, task: Any, records: Any) -> nn.Module:
    """Returns the model that `save_model` wrote, attached to `records`, those that it stood on; errors as of `load_fitted`."""
    folder = Path(folder)
    manifest = read_manifest(folder)
    check_integrity(folder, manifest)
    return Reader(_tensors(folder, manifest), task, records).model(_tree(folder, manifest)["model"], "model", records)


def _write(part: Path, tree: Tree, writer: Writer) -> None:
    for root, name in TENSORS.items():
        tensors = {path: tensor for path, tensor in writer.tensors.items() if path.split("/", 1)[0] == root}
        if tensors:
            save_file(_apart(tensors), part / name)
    (part / TREE).write_text(json.dumps(tree, indent=1, sort_keys=True, allow_nan=False) + "\n")


def _apart(tensors: dict[str, Any]) -> dict[str, Any]:
    """Returns the tensors, those that are views of one memory copied, since a file holds each on its own."""
    owners: set[int] = set()
    found = {}
    for name, tensor in tensors.items():
        owner = tensor.untyped_storage().data_ptr()
        found[name] = tensor.clone() if owner in owners else tensor
        owners.add(owner)
    return found


def _tree(folder: Path, manifest: Manifest) -> Tree:
    if TREE not in manifest.files:
        raise DataError(
            f"{folder} holds no fitted model, it was written by {manifest.verb or 'another verb'}: name what train or forget wrote"
        )
    tree: Tree = json.loads((folder / TREE).read_text())
    return tree


def _tensors(folder: Path, manifest: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in TENSORS.values():
        if name in manifest.files:
            found |= load_file(folder / name)
    return found


def _refuse_others(folder: Path, manifest: Manifest, expected: Mapping[str, Json]) -> None:
    for name, value in expected.items():
        if manifest.about.get(name) != value:
            raise DataError(
                f"{folder} holds {name}={manifest.about.get(name)} and {name}={value} was asked for: they do not belong together, name the "
                "settings that it was trained with"
            )

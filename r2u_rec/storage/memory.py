"""What a method remembers, as tensors and plain values, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from r2u_rec.core.protocols import Fitted
from r2u_rec.data.log import InteractionLog
from r2u_rec.errors import DataError
from r2u_rec.recsys.closed_form.ease import EaseMemory
from r2u_rec.recsys.closed_form.item_knn import ItemKnnMemory
from r2u_rec.recsys.sharded.sharding import ShardedRecommender, served
from r2u_rec.unlearn.curvature.block_newton import NewtonMemory
from r2u_rec.unlearn.curvature.blocks import TableBlocks
from r2u_rec.unlearn.scaled import ScaledMemory
from r2u_rec.unlearn.sharded import ShardedMemory


class Parts(NamedTuple):
    """A memory taken apart: its kind, what goes into a tensor file, what goes into JSON."""

    kind: str | None
    tensors: dict[str, Tensor]
    plain: dict[str, Any]


def memory_parts(fitted: Fitted) -> Parts:
    """Returns the parts of what was kept beside the model; DataError for a memory of another kind than those below."""
    memory = fitted.memory
    if memory is None:
        return Parts(None, {}, {})
    if isinstance(memory, EaseMemory):
        return Parts(
            "ease", {"inverse": memory.inverse, "probe": torch.from_numpy(memory.probe), "image": torch.from_numpy(memory.image)}, {}
        )
    if isinstance(memory, ItemKnnMemory):
        counts = memory.cooccurrence
        return Parts("item_knn", {name: torch.from_numpy(getattr(counts, name)) for name in ("data", "indices", "indptr")}, {})
    if isinstance(memory, NewtonMemory):
        return _newton_parts(memory)
    if isinstance(memory, ScaledMemory) and memory.inner is None:
        return Parts("scaled", {}, {"length": memory.length})
    if isinstance(memory, ShardedMemory) and isinstance(fitted.model, ShardedRecommender):
        return _sharded_parts(memory, fitted.model)
    raise DataError(
        f"a memory of type {type(memory).__name__} cannot be written to a folder: train with an operator that forget.operator names"
    )


def memory_of(about: Mapping[str, Any], tensors: dict[str, Tensor]) -> Any:
    """Returns the memory that `memory_parts` took apart; that of shards still lacks its models, see `sharded_from`."""
    makers: dict[str | None, Callable[[Mapping[str, Any], dict[str, Tensor]], Any]] = {
        None: lambda about, tensors: None,
        "ease": lambda about, tensors: EaseMemory(tensors["inverse"], tensors["probe"].numpy(), tensors["image"].numpy()),
        "item_knn": _item_knn,
        "newton": _newton,
        "scaled": lambda about, tensors: ScaledMemory(about["length"], None),
        "sharded": _sharded,
    }
    if about["kind"] not in makers:
        raise DataError(f"the folder holds a memory of the unknown kind {about['kind']!r}: read it with the version that wrote it")
    return makers[about["kind"]](about, tensors)


def sharded_from(about: Mapping[str, Any], memory: ShardedMemory, states: dict[str, Tensor], task: Any, records: InteractionLog) -> Fitted:
    """Returns the system of which `states` is the state dict of the served model: each shard attached to its part, all to `records`."""
    parts = [records.keep(records.ids[memory.shard_of == shard]) for shard in range(about["shards"])]
    models = []
    for shard, part in enumerate(parts):
        model = task.model(part, seed=0)
        model.load_state_dict(_under(f"shards.{shard}.", states))
        task.attach(model, part)
        models.append(model.eval())
    whole = served(about["combine"])(task, models, parts, seed=memory.seed)
    task.attach(whole, records)
    return Fitted(whole.eval(), records, replace(memory, models=tuple(models)))


def _item_knn(about: Mapping[str, Any], tensors: dict[str, Tensor]) -> ItemKnnMemory:
    data, indices, indptr = (tensors[name].numpy() for name in ("data", "indices", "indptr"))
    n = len(indptr) - 1
    return ItemKnnMemory(sparse.csr_array((data, indices, indptr), shape=(n, n)))


def _newton_parts(memory: NewtonMemory) -> Parts:
    tensors: dict[str, Tensor] = {}
    tables: list[dict[str, Any]] = []
    for i, blocks in enumerate(memory.tables):
        tables.append({"table": blocks.table, "own": blocks.own})
        for f in fields(blocks):
            value = getattr(blocks, f.name)
            if f.name not in tables[-1] and value is not None:
                tensors[f"{i}.{f.name}"] = torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value
    return Parts("newton", tensors, {"length": memory.length, "tables": tables})


def _newton(about: Mapping[str, Any], tensors: dict[str, Tensor]) -> NewtonMemory:
    tables = []
    for i, plain in enumerate(about["tables"]):
        mine: dict[str, Any] = _under(f"{i}.", tensors)
        tables.append(TableBlocks(**{**plain, **mine, "ids": mine["ids"].numpy()}))
    return NewtonMemory(tuple(tables), about["length"])


def _sharded_parts(memory: ShardedMemory, model: ShardedRecommender) -> Parts:
    """The shards themselves are the modules of the served model, and stand in its file."""
    tensors = {"shard_of": torch.from_numpy(memory.shard_of), "slice_of": torch.from_numpy(memory.slice_of)}
    for shard, kept in enumerate(memory.checkpoints):
        for at, state in enumerate(kept):
            tensors |= {f"{shard}.{at}.{name}": value for name, value in state.items()}
    plain = {"seed": memory.seed, "shards": len(memory.models), "slices": len(memory.checkpoints[0]) + 1, "combine": model.combine}
    return Parts("sharded", tensors, plain)


def _sharded(about: Mapping[str, Any], tensors: dict[str, Tensor]) -> ShardedMemory:
    checkpoints = tuple(tuple(_under(f"{shard}.{at}.", tensors) for at in range(about["slices"] - 1)) for shard in range(about["shards"]))
    return ShardedMemory(about["seed"], tensors["shard_of"].numpy(), tensors["slice_of"].numpy(), (), checkpoints)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns the tensors whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

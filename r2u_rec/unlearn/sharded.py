"""Sharded: one model for each part of the records, so that forgetting trains again only the parts that it touches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from torch import nn

from r2u_rec.core.protocols import Fitted, Rec, Task
from r2u_rec.core.stored import StoredParts, StoredSource, as_tensor
from r2u_rec.core.trainer import SupportsWarmStart, Trainer
from r2u_rec.errors import CapabilityError, SettingsError
from r2u_rec.ids import Ids, as_ids, positions_of
from r2u_rec.rng import stream
from r2u_rec.unlearn.partition import Partition, dealt, depends_on_data
from r2u_rec.unlearn.slices import State, epochs_of, train_slices


class Aggregate(Protocol[Rec]):
    """Combines the models of the shards into the model that is served.

    Called after every training with all that it may read: `parts` are the records of each shard now, empty ones included. It must leave
    `models` as they are, for the next `Fitted` shares those that a request does not touch; it learns again at each call.
    """

    def __call__(self, task: Task[Rec], models: Sequence[nn.Module], parts: Sequence[Rec], *, seed: int) -> nn.Module: ...


@dataclass(frozen=True)
class ShardedMemory:
    """What a later erasure needs beside the records.

    Attributes:
        seed: of the fit; every later training uses it.
        shard_of, slice_of: (n,) int32 where each record of `Fitted.records` belongs, in the order of their ids.
        models: one a shard, attached to its records. checkpoints: for each shard the states after its slices but the last.
    """

    stored_as: ClassVar[str] = "sharded"

    seed: int
    shard_of: NDArray[np.int32]
    slice_of: NDArray[np.int32]
    models: tuple[nn.Module, ...]
    checkpoints: tuple[tuple[State, ...], ...]

    def parts(self) -> StoredParts:
        """Returns where records belong, the models and the checkpoints."""
        tensors = {"shard_of": as_tensor(self.shard_of), "slice_of": as_tensor(self.slice_of)}
        for shard, kept in enumerate(self.checkpoints):
            for at, state in enumerate(kept):
                tensors |= {f"{shard} {at} {name}": value for name, value in state.items()}
        values = {"seed": self.seed, "n_shards": len(self.models), "n_checkpoints": [len(kept) for kept in self.checkpoints]}
        return StoredParts(tensors, values, models={str(shard): model for shard, model in enumerate(self.models)})  # type: ignore[arg-type]

    @classmethod
    def from_parts(cls, source: StoredSource) -> Self:
        """Returns the memory that was written, each model attached to the records of its shard."""
        tensors, values, records = dict(source.tensors), source.values, source.records
        shard_of, slice_of = tensors.pop("shard_of").numpy(), tensors.pop("slice_of").numpy()
        states: dict[tuple[int, int], State] = {}
        for name, value in tensors.items():
            shard, at, of_model = name.split(" ", 2)
            states.setdefault((int(shard), int(at)), {})[of_model] = value
        checkpoints = tuple(tuple(states[shard, at] for at in range(n)) for shard, n in enumerate(values["n_checkpoints"]))
        models = (source.model(str(shard), records.keep(records.ids[shard_of == shard])) for shard in range(values["n_shards"]))
        return cls(values["seed"], shard_of, slice_of, tuple(models), checkpoints)

    @property
    def nbytes(self) -> int:
        """Bytes kept: about shards x slices models."""
        states = [state for kept in self.checkpoints for state in kept] + [model.state_dict() for model in self.models]
        of_states = sum(t.numel() * t.element_size() for state in states for t in state.values())
        return int(of_states + self.shard_of.nbytes + self.slice_of.nbytes)


@dataclass(frozen=True)
class Sharded(Generic[Rec]):
    """Trains a model on each shard of the records, slice after slice; erasing goes back to before the first slice that it touches.

    A shard is trained on its slice 1, then on slices 1 and 2, and so on, with a checkpoint after each; the optimiser begins anew
    at each slice. Shards that a request does not touch keep their models, and of the others the slices before the first one touched keep
    their checkpoints. Every slice is trained with a seed of its own, derived from that of the fit: `forget` does not use its `seed`.

    Exact where no partition depends on data: the result equals, bit for bit, what `fit` gives on the records that remain, with
    the seed of the fit. With a partition learned from data it is approximate: the assignment of the others was learned with the forgotten
    records.

    Attributes:
        inner: how each shard is trained; more than one slice needs one that continues from a model (`core.trainer.SupportsWarmStart`).
        partition: assigns records to shards; aggregate: combines their models into the served one.
        shards, slices: >= 1. Memory holds shards x slices models; slices=1 keeps one a shard.
        slicing: assigns the records of a shard to its slices; None uses `partition` with other randomness.
        task_of_shard: from the task to that which each shard trains; None leaves it as it is. `aggregate` gets the task itself.

    Voids the promise: requests chosen by looking at the served model (Gupta et al. 2021: the seed is then no longer independent of what
    remains); a `validate` of the trainer that reads records which may be forgotten; changing `fitted.memory` by hand.

    Source: Bourtoule et al. 2021, Machine Unlearning (SISA). In its released code one optimiser runs through all slices in
        training but not after a restart; here it begins anew at each in both.
    """

    reads_retained: ClassVar[bool] = True

    inner: Trainer[Rec]
    partition: Partition[Rec]
    aggregate: Aggregate[Rec]
    shards: int = 4
    slices: int = 1
    slicing: Partition[Rec] | None = None
    task_of_shard: Callable[[Task[Rec]], Task[Rec]] | None = None

    def __post_init__(self) -> None:
        for name in ("shards", "slices"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be >= 1, got {getattr(self, name)}")
        if self.slices > 1 and not isinstance(self.inner, SupportsWarmStart):
            raise CapabilityError(
                f"slices={self.slices} needs a trainer that can continue from a model, {type(self.inner).__name__} cannot: set slices=1"
            )
        epochs_of(self.inner, self.slices)  # refuses too few

    @property
    def exact(self) -> bool:
        """Whether where a record belongs depends on that record alone."""
        return not (
            (self.shards > 1 and depends_on_data(self.partition)) or (self.slices > 1 and depends_on_data(self.slicing or self.partition))
        )

    def fit(self, task: Task[Rec], records: Rec, *, seed: int) -> Fitted[Rec, ShardedMemory]:
        """Returns the served model of all shards on `records`; SettingsError for a partition that breaks its rules."""
        if len(records) == 0:
            raise SettingsError("there are 0 records to train on: check the filter or the split")
        shard_of = dealt(self.partition, records, self.shards, seed=seed, stream_of=("shards",))
        slice_of = np.zeros_like(shard_of)
        for shard in range(self.shards):
            mine = shard_of == shard
            part = records.keep(records.ids[mine])
            slice_of[mine] = dealt(self.slicing or self.partition, part, self.slices, seed=seed, stream_of=("slices", shard))
        untrained = ShardedMemory(seed, shard_of, slice_of, (nn.Identity(),) * self.shards, ((),) * self.shards)
        return self._trained(task, records, untrained, np.zeros(self.shards, dtype=np.int64))

    def forget(self, task: Task[Rec], fitted: Fitted[Rec, ShardedMemory], ids: Ids, *, seed: int) -> Fitted[Rec, ShardedMemory]:
        """Returns the system without the records `ids`; the old `fitted` is not touched, and shares what the request does not touch.

        Raises:
            UnknownRecordError: ids that never existed or are already forgotten.
            SettingsError: no record would be left.
        """
        ids, memory = as_ids(ids), fitted.memory
        if ids.size == 0:
            return fitted
        at = positions_of(fitted.records.ids, ids)
        if len(at) == len(fitted.records):
            raise SettingsError(f"all {len(at)} records are to be forgotten and none would be left to train on: delete the model instead")
        left = replace(memory, shard_of=np.delete(memory.shard_of, at), slice_of=np.delete(memory.slice_of, at))
        return self._trained(task, fitted.records.drop(ids), left, self._first_touched(memory, at))

    def touched_share(self, fitted: Fitted[Rec, ShardedMemory], ids: Ids) -> float:
        """Returns the share in [0, 1) of all trained records (record x epoch) that forgetting `ids` would train on again; trains nothing.

        Epochs that early stopping would spare are counted. UnknownRecordError for ids that are not there.
        """
        memory = fitted.memory
        at = positions_of(fitted.records.ids, as_ids(ids))
        cell = memory.shard_of * self.slices + memory.slice_of
        n = np.bincount(cell, minlength=self.shards * self.slices).reshape(self.shards, self.slices)
        gone = np.bincount(cell[at], minlength=self.shards * self.slices).reshape(self.shards, self.slices)
        epochs = np.array(epochs_of(self.inner, self.slices))
        again = np.arange(self.slices) >= self._first_touched(memory, at)[:, None]  # (shards, slices)
        return float((epochs * np.cumsum(n - gone, axis=1))[again].sum() / (epochs * np.cumsum(n, axis=1)).sum())

    def _first_touched(self, memory: ShardedMemory, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns (shards,) the first slice that holds one of the records at the positions `at`; `slices` where none does."""
        first = np.full(self.shards, self.slices, dtype=np.int64)
        np.minimum.at(first, memory.shard_of[at], memory.slice_of[at])
        return first

    def _trained(self, task: Task[Rec], records: Rec, memory: ShardedMemory, first: NDArray[np.int64]) -> Fitted[Rec, ShardedMemory]:
        """Returns the system on `records`, in which each shard is trained from its slice `first` on."""
        models, checkpoints = list(memory.models), list(memory.checkpoints)
        parts = [records.keep(records.ids[memory.shard_of == shard]) for shard in range(self.shards)]
        for shard in np.flatnonzero(first < self.slices).tolist():
            kept = checkpoints[shard][: first[shard]]
            models[shard], checkpoints[shard] = train_slices(
                self.inner,
                task if self.task_of_shard is None else self.task_of_shard(task),
                parts[shard],
                memory.slice_of[memory.shard_of == shard],
                kept,
                slices=self.slices,
                seed=int(stream(memory.seed, "shard", shard).integers(2**31)),
                label=f"shard {shard + 1}",
            )
        served = self.aggregate(task, models, parts, seed=memory.seed)
        task.attach(served, records)
        return Fitted(served.eval(), records, replace(memory, models=tuple(models), checkpoints=tuple(checkpoints)))
